import { reasonOf, stopWaiting, whenAborted } from '../abort';

const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Ends a wait: when the caller's signal says so, or `maxWaitMs` after it began. */
export class Patience {
  /** `undefined`: nothing ends it. */
  readonly signal: AbortSignal | undefined;
  #begin: (() => void) | undefined;
  readonly #end: (() => void) | undefined;
  readonly #isOver: object = {};

  constructor(signal: AbortSignal | undefined, maxWaitMs: number | undefined) {
    if (maxWaitMs === undefined) {
      this.signal = signal;
      return;
    }
    const controller = new AbortController();
    let stop = () => {};
    this.#begin = () => {
      stop = after(maxWaitMs, () => controller.abort(this.#isOver));
    };
    const onAbort = () => controller.abort(reasonOf(signal as AbortSignal));
    if (signal !== undefined) whenAborted(signal, onAbort);
    this.signal = controller.signal;
    this.#end = () => {
      stop();
      if (signal !== undefined) stopWaiting(signal, onAbort);
    };
  }

  /** There is something to wait for: how long a store takes to answer is no wait. Heard once. */
  begin(): void {
    this.#begin?.();
    this.#begin = undefined;
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

/** Waits; rejects with the reason of whichever signal is aborted first. A pending wait keeps the process alive. */
export function pauseFor(ms: number, ...signals: ReadonlyArray<AbortSignal | undefined>): Promise<void> {
  return new Promise((resolve, reject) => {
    const actions = new Map<AbortSignal, () => void>();
    const end = () => {
      stop();
      for (const [signal, action] of actions) stopWaiting(signal, action);
    };
    const stop = after(ms, () => {
      end();
      resolve();
    });
    for (const signal of signals) {
      if (signal === undefined) continue;
      const action = () => {
        end();
        reject(reasonOf(signal));
      };
      actions.set(signal, action);
      whenAborted(signal, action);
    }
  });
}

/** Calls back once, however long it is: a timer of node cannot be set for longer than 24.8 days. Answers how to stop it. */
function after(ms: number, callback: () => void): () => void {
  let leftMs = ms;
  let timer: ReturnType<typeof setTimeout>;
  const next = () => {
    const part = Math.min(leftMs, TIMEOUT_MAX_MS);
    leftMs -= part;
    timer = setTimeout(leftMs > 0 ? next : callback, part);
  };
  next();
  return () => clearTimeout(timer);
}
