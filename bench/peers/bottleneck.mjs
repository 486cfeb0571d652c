import Bottleneck from 'bottleneck';
import { NEVER_REACHED } from '../harness/request.mjs';

const MINUTE_MS = 60_000;
// A limiter may be asked before its reservoir is refreshed for the first time.
const reservoir = (amount, intervalMs) => ({
  reservoir: amount,
  reservoirRefreshAmount: amount,
  reservoirRefreshInterval: intervalMs,
});

/**
 * Bottleneck in this process. One limiter has one reservoir, so that three limits are three limiters, chained as its
 * documentation says; a job's weight is the same in each. Without priorities, `maxConcurrent` and
 * `minTime` nothing but the reservoirs is kept. `schedule` is its only way to wait for a turn; the job returns at once.
 */
export function openBottlenecks() {
  const [requests, input, output] = Object.values(NEVER_REACHED).map(
    amount => new Bottleneck(reservoir(amount, MINUTE_MS)),
  );
  const lone = new Bottleneck(reservoir(NEVER_REACHED.rpm, MINUTE_MS));
  requests.chain(input.chain(output));
  const job = () => Promise.resolve();
  return {
    chained: {
      name: 'bottleneck, three chained',
      operation: 'schedule(job) of three chained limiters',
      each: () => requests.schedule(job),
    },
    lone: {
      name: 'bottleneck, one limit',
      operation: 'schedule(job) of one limiter',
      each: () => lone.schedule(job),
    },
    close: () => Promise.all([requests, input, output, lone].map(each => each.disconnect(false))),
  };
}

/** For {@link file://../figures/rolling-window.mjs}: `limit` in each interval. */
export function openReservoir(limit, intervalMs) {
  const limiter = new Bottleneck(reservoir(limit, intervalMs));
  return {
    admit: () => limiter.schedule(() => Promise.resolve()),
    close: async () => {
      await limiter.stop({ dropWaitingJobs: true });
      await limiter.disconnect(false);
    },
  };
}
