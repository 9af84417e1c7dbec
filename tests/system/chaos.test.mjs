// Faults from a seed while the simulated people write, and books that must balance at the end.
import test from 'node:test';
import { plans } from '../chaos/plans.mjs';
import { twentieth } from '../chaos/twentieth.mjs';

for (const plan of plans.filter(({ galera }) => !galera)) test(plan.name, (t) => twentieth(t, plan));
