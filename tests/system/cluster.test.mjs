// The same on a Galera cluster of three, with a node of wecomd beside each database node.
import test from 'node:test';
import { plans } from '../chaos/plans.mjs';
import { twentieth } from '../chaos/twentieth.mjs';

for (const plan of plans.filter(({ galera }) => galera)) test(plan.name, (t) => twentieth(t, plan));
