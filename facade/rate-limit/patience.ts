import { reasonOf, stopWaiting, whenAborted } from '../abort';

const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Ends a wait: when the caller's signal says so, or after `maxWaitMs`. */
export class Patience {
  /** `undefined`: nothing ends it. */
  readonly signal: AbortSignal | undefined;
  readonly #end: (() => void) | undefined;
  readonly #isOver: object = {};

  constructor(signal: AbortSignal | undefined, maxWaitMs: number | undefined) {
    if (maxWaitMs === undefined) {
      this.signal = signal;
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(this.#isOver), Math.min(maxWaitMs, TIMEOUT_MAX_MS));
    const onAbort = () => controller.abort(reasonOf(signal as AbortSignal));
    if (signal !== undefined) whenAborted(signal, onAbort);
    this.signal = controller.signal;
    this.#end = () => {
      clearTimeout(timer);
      if (signal !== undefined) stopWaiting(signal, onAbort);
    };
  }

  /** Whether it ended the wait, and not the caller's signal. */
  isOver(reason: unknown): boolean {
    return reason === this.#isOver;
  }

  /** Lets go of the timer and the signal. */
  end(): void {
    this.#end?.();
  }
}

/** Waits; rejects with the reason of `signal`. A pending wait keeps the process alive. */
export function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let leftMs = ms;
    let timer: ReturnType<typeof setTimeout>;
    const onAbort = () => {
      clearTimeout(timer);
      reject(reasonOf(signal as AbortSignal));
    };
    const next = () => {
      if (leftMs <= 0) {
        if (signal !== undefined) stopWaiting(signal, onAbort);
        resolve();
        return;
      }
      // A timer of node cannot be set for longer than 24.8 days.
      const part = Math.min(leftMs, TIMEOUT_MAX_MS);
      leftMs -= part;
      timer = setTimeout(next, part);
    };
    if (signal !== undefined) whenAborted(signal, onAbort);
    next();
  });
}
