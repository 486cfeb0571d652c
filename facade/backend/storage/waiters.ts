import { isAborted, reasonOf, stopWaiting, whenAborted } from '../../abort';
import { TokenBudgetError } from '../../errors';
import { after, type RealTimer, realNow, stop } from './real-time';

/** Deadlines that pass so close to each other are told together. */
const GRAIN_MS = 10;
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** How a wait can end before what it waits for has come. */
export interface Impatience {
  timeoutMs: number;
  /** Told when the time is over; it settles the promise. */
  onLate(): void;
  signal?: AbortSignal | undefined;
  /** Told when the signal is aborted; the promise has been rejected by then. */
  onAborted?: (() => void) | undefined;
}

/** One promise that waits for the disk. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  readonly dueMs: number;
  readonly impatience: Impatience;
  readonly #owner: Waiters;
  #resolve!: (value: T | PromiseLike<T>) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;
  #onAbort: (() => void) | undefined;

  /** Waiters are made by {@link Waiters.begin}. */
  constructor(owner: Waiters, impatience: Impatience) {
    this.#owner = owner;
    this.impatience = impatience;
    this.dueMs = realNow() + impatience.timeoutMs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The first of `resolve` and `reject` counts. */
  resolve(value: T | PromiseLike<T>): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Throws when the signal cannot be heard. */
  listen(): void {
    const { signal, onAborted } = this.impatience;
    if (signal === undefined) return;
    const onAbort = () => {
      if (this.#isSettled) return;
      this.reject(reasonOf(signal));
      onAborted?.();
    };
    if (isAborted(signal)) {
      onAbort();
      return;
    }
    whenAborted(signal, onAbort);
    this.#onAbort = onAbort;
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    const { signal } = this.impatience;
    if (this.#onAbort !== undefined && signal !== undefined) stopWaiting(signal, this.#onAbort);
    this.#owner.ended(this);
    return true;
  }
}

/** The promises of one object that wait, with one timer for all their deadlines. */
export class Waiters {
  readonly #limit: number;
  /** Told when the first one begins and when the last one ends. */
  readonly #onBusy: (busy: boolean) => void;
  readonly #waiting = new Set<Waiter<unknown>>();
  #timer: RealTimer | undefined;
  #firesAtMs = Infinity;

  constructor(limit: number, onBusy: (busy: boolean) => void) {
    this.#limit = limit;
    this.#onBusy = onBusy;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < this.#limit;
  }

  noRoomError(): TokenBudgetError {
    return new TokenBudgetError(
      'STORE_UNAVAILABLE',
      `${this.#limit} operations are waiting already (maxPending)`,
    );
  }

  begin<T>(impatience: Impatience): Waiter<T> {
    const waiter = new Waiter<T>(this, impatience);
    this.#waiting.add(waiter as unknown as Waiter<unknown>);
    if (this.#waiting.size === 1) this.#onBusy(true);
    this.#fireAt(waiter.dueMs);
    try {
      waiter.listen();
    } catch (error) {
      waiter.reject(error);
    }
    return waiter;
  }

  /** Told by a waiter that is settled. */
  ended<T>(waiter: Waiter<T>): void {
    this.#waiting.delete(waiter as unknown as Waiter<unknown>);
    if (this.#waiting.size > 0) return;
    if (this.#timer !== undefined) stop(this.#timer);
    this.#timer = undefined;
    this.#firesAtMs = Infinity;
    this.#onBusy(false);
  }

  rejectAll(error: unknown): void {
    for (const waiter of [...this.#waiting]) waiter.reject(error);
  }

  #fireAt(dueMs: number): void {
    if (this.#firesAtMs <= dueMs) return;
    if (this.#timer !== undefined) stop(this.#timer);
    this.#firesAtMs = dueMs;
    const delayMs = Math.max(0, dueMs - realNow()) + GRAIN_MS;
    this.#timer = after(Math.min(delayMs, TIMEOUT_MAX_MS), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#firesAtMs = Infinity;
    const nowMs = realNow();
    let nextMs = Infinity;
    for (const waiter of [...this.#waiting]) {
      if (waiter.dueMs > nowMs) nextMs = Math.min(nextMs, waiter.dueMs);
      else if (!waiter.isSettled) waiter.impatience.onLate();
    }
    if (nextMs < Infinity) this.#fireAt(nextMs);
  }
}
