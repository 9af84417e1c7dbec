// Faults from a seed while the simulated people write, and books that must balance at the end.
import test from 'node:test';
import { plans } from '../chaos/plans.mjs';
import { twentieth } from '../chaos/twentieth.mjs';

// Those of 微信客服 and of the cluster have files of their own.
for (const plan of plans.filter(({ galera, conversations }) => !galera && !conversations)) test(plan.name, (t) => twentieth(t, plan));
