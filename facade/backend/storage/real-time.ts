/**
 * The time of the machine, whatever stands in for it in a test: what is waited for here is a disk, which no fake timer
 * moves.
 */
import { performance } from 'node:perf_hooks';
import * as timers from 'node:timers';

const { setTimeout, clearTimeout } = timers;

export type RealTimer = ReturnType<typeof setTimeout>;

/** Milliseconds from any point in time on. */
export const realNow: () => number = performance.now.bind(performance);

/** Does not keep the process alive. */
export function after(ms: number, action: () => void): RealTimer {
  return setTimeout(action, ms).unref();
}

export function stop(timer: RealTimer): void {
  clearTimeout(timer);
}
