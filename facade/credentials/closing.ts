import { isAborted, reasonOf, stopWaiting, whenAborted } from '../abort';
import { TokenBudgetError } from '../errors';

/** The end of a manager or a coordinator: what waits is let go at once, what is under way may still be reported. */
export class Closing {
  readonly #controller = new AbortController();
  readonly #what: string;
  #openCount = 0;
  #whenIdle: (() => void) | undefined;

  constructor(what = 'token manager') {
    this.#what = what;
  }

  /** Throws `CLOSED` from then on; what waits rejects with it. */
  begin(): void {
    this.#controller.abort(new TokenBudgetError('CLOSED', `The ${this.#what} is closed`));
  }

  get isClosed(): boolean {
    return this.#controller.signal.aborted;
  }

  throwIfClosed(): void {
    if (this.isClosed) throw reasonOf(this.#controller.signal);
  }

  /** Waits for something, until the caller gives up or the manager is closed; rejects with the reason of either. */
  async during<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const closed = this.#controller.signal;
    this.throwIfClosed();
    if (signal === undefined) return run(closed);
    if (isAborted(signal)) throw reasonOf(signal);
    // `AbortSignal.any` of a signal that lives as long as a manager holds on to every other one.
    const either = new AbortController();
    const byCaller = () => either.abort(reasonOf(signal));
    const byClose = () => either.abort(reasonOf(closed));
    whenAborted(signal, byCaller);
    whenAborted(closed, byClose);
    try {
      return await run(either.signal);
    } finally {
      stopWaiting(signal, byCaller);
      stopWaiting(closed, byClose);
    }
  }

  /** A request whose report is owed. */
  opened(): void {
    this.#openCount += 1;
  }

  /** Its report was sent. */
  ended(): void {
    this.#openCount -= 1;
    if (this.#openCount === 0) this.#whenIdle?.();
  }

  /** Resolves when no report is owed any more, or when the time is over. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#openCount === 0 || timeoutMs === 0) return;
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#whenIdle = undefined;
  }
}
