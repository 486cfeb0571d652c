/** One attempt, with an end. */
import { isAborted, reasonOf, stopWaiting, whenAborted } from '../abort';
import type { RetryContext } from './retry-types';

const TIMER_MAX_MS = 2 ** 31 - 1;

export interface AttemptLimits {
  /** Of this attempt. */
  timeoutMs: number;
  /** What is left for all of them. */
  leftMs: number;
  signal: AbortSignal | undefined;
}

/** An attempt that outlived the time for all attempts: there is none after it. */
export class TimeIsOver extends DOMException {}

/**
 * Calls `fn`; rejects with the reason of `signal` as soon as it is aborted, and with a `TimeoutError` when the time is
 * over, whatever `fn` does. `fn` hears of both by its own signal.
 */
export async function attemptOnce<T>(
  fn: (context: RetryContext) => T | PromiseLike<T>,
  attempt: number,
  { timeoutMs, leftMs, signal }: AttemptLimits,
): Promise<T> {
  const ending = new AbortController();
  const context = { attempt, signal: ending.signal };
  const limitMs = Math.min(timeoutMs, leftMs);
  if (signal === undefined && limitMs > TIMER_MAX_MS) return await fn(context);

  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    const end = (reason: unknown) => {
      ending.abort(reason);
      reject(reason);
    };
    // Longer ones would fire at once; nobody waits for a month without one of these processes ending.
    if (limitMs <= TIMER_MAX_MS) {
      const whole = leftMs <= timeoutMs;
      timer = setTimeout(() => end(timeoutError(limitMs, whole)), Math.max(0, limitMs));
    }
    if (signal !== undefined) {
      abort = () => end(reasonOf(signal));
      whenAborted(signal, abort);
    }
  });
  try {
    if (isAborted(signal)) throw reasonOf(signal);
    return await Promise.race([ended, Promise.resolve(fn(context))]);
  } finally {
    clearTimeout(timer);
    if (signal !== undefined && abort !== undefined) stopWaiting(signal, abort);
  }
}

function timeoutError(limitMs: number, isWhole: boolean): DOMException {
  const message = `not done within ${Math.round(limitMs)} ms`;
  return isWhole ? new TimeIsOver(message, 'TimeoutError') : new DOMException(message, 'TimeoutError');
}
