import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRACKER_CONFIG } from '../harness/usage.mjs';

const FILE = '../published/package/dist/budget/token-tracker.js';

/**
 * The published tracker, connected. It prints when it connects, which is not its operations' cost, so
 * the console is silent from then on; figures do not use it.
 */
export async function openPublished({ host, port }) {
  console.log = () => {};
  console.error = () => {};
  const { TokenBudgetTracker } = createRequire(import.meta.url)(FILE);
  const tracker = new TokenBudgetTracker({
    ...TRACKER_CONFIG,
    redis: { host, port, keyPrefix: 'orchestrator' },
  });
  // It connects by itself and has no way to wait for it.
  while (!(await tracker.healthCheck())) await sleep(5);
  return tracker;
}
