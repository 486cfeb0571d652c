import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NEVER_REACHED } from './request.mjs';
import { TRACKER_CONFIG } from './usage.mjs';

/** The folder of the package. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built package, as a user's `require` finds it. */
export function loadProduct() {
  return createRequire(import.meta.url)(ROOT);
}

/** An entry of it: `rate-limit`, `credentials`, `timers`. */
export function loadEntry(name) {
  return createRequire(join(ROOT, 'package.json'))(`@wundr.io/token-budget/${name}`);
}

/** A limiter that nobody waits for. Without `redis` its state is in this process. */
export function openLimiter(config) {
  const { RateLimitManager } = loadEntry('rate-limit');
  return new RateLimitManager({ limits: NEVER_REACHED, safety: { margin: 0 }, pacing: false, ...config });
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

/** A coordinator on a server, connected. */
export async function openCoordinator({ host, port }, config = {}) {
  const coordinator = loadEntry('timers').createTokenCoordinator({ redis: { host, port }, ...config });
  await coordinator.ready();
  return coordinator;
}

/** A tracker with its state in this process. */
export function embeddedTracker(config = {}) {
  return new (loadProduct().TokenBudgetTracker)({ ...TRACKER_CONFIG, ...config });
}
