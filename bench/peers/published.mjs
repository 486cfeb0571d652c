import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRACKER_CONFIG } from '../harness/usage.mjs';

const FILE = '../published/package/dist/budget/token-tracker.js';

/**
 * Runs `work` while the tracker only writes: it reads everything back for every write, which takes a time that
 * grows with the square of their number and leaves nothing on the server.
 */
export async function withoutReading(tracker, work) {
  tracker.checkThresholds = async () => {};
  tracker.checkBudget = async () => ({ allowed: true, remaining: 0 });
  await work();
  // Those of its class again.
  delete tracker.checkThresholds;
  delete tracker.checkBudget;
}

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
