import { reasonOf, stopWaiting, whenAborted } from '../abort';

/** A setTimeout that is told to wait longer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Waits, however long; rejects with the reason of `signal`. It keeps the process alive: somebody waits for it.
 */
export async function wait(durationMs: number, signal?: AbortSignal): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= TIMER_MAX_MS) {
    await once(Math.min(leftMs, TIMER_MAX_MS), signal);
  }
}

function once(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(reasonOf(signal as AbortSignal));
    };
    const timer = setTimeout(() => {
      if (signal !== undefined) stopWaiting(signal, abort);
      resolve();
    }, durationMs);
    if (signal !== undefined) whenAborted(signal, abort);
  });
}
