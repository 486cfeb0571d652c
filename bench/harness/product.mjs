import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { TRACKER_CONFIG } from './usage.mjs';

/** The folder of the package. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built package, as a user's `require` finds it. */
export function loadProduct() {
  return createRequire(import.meta.url)(ROOT);
}

/** A tracker on a server, connected. */
export async function openTracker({ host, port }, config = {}) {
  const tracker = new (loadProduct().TokenBudgetTracker)({
    ...TRACKER_CONFIG,
    ...config,
    redis: { host, port },
  });
  await tracker.ready();
  return tracker;
}

/** A tracker with its state in this process. */
export function embeddedTracker(config = {}) {
  return new (loadProduct().TokenBudgetTracker)({ ...TRACKER_CONFIG, ...config });
}
