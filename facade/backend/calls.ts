import { reasonOf, stopWaiting, whenAborted } from '../abort';
import { asTokenBudgetError, TokenBudgetError } from '../errors';
import type { InboxRecord } from './inbox';

/**
 * One operation in flight, and the promise that waits for it. Thousands live at once, and the
 * garbage collector moves each: so it is one object, and what it needs are fields, not closures.
 */
export abstract class Call<T> {
  number = 0;
  resolve: (value: unknown) => void = resolveCaptured;
  reject: (error: unknown) => void = rejectCaptured;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;
  /** The promise is settled; at most the final record is awaited. */
  settled = false;
  /** The promise was aborted. */
  aborted = false;

  /** Builds the result and emits the events that belong to it; a thrown error rejects. */
  abstract finish(record: InboxRecord): T;

  /**
   * Whether the answer matters even to nobody: what it grants has to be given back. The record is
   * then handed to {@link Call.abandoned}.
   */
  get outlivesAbort(): boolean {
    return false;
  }

  /** The final record of a call that was aborted. */
  abandoned(_record: InboxRecord): void {}

  /** The store is away and the usage waits: tells so, before the promise resolves. */
  spooled(): void {}
}

/** An operation that is seldom called. */
export class ColdCall<T> extends Call<T> {
  readonly #finish: (record: InboxRecord) => T;

  constructor(finish: (record: InboxRecord) => T) {
    super();
    this.#finish = finish;
  }

  finish(record: InboxRecord): T {
    return this.#finish(record);
  }
}

let resolveCaptured: (value: unknown) => void = () => {};
let rejectCaptured: (error: unknown) => void = () => {};

/** The executor of every promise: one function, where a closure of each would be garbage. */
function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  resolveCaptured = resolve;
  rejectCaptured = reject;
}

export interface CallsOptions {
  /** Promises that may be pending at once. */
  limit: number;
  /** Told when the first promise becomes pending and when the last one is settled. */
  onBusy(busy: boolean): void;
  /** Told of a call whose promise was aborted. */
  onForget(call: number): void;
  /** Told when a call that was spooled fails in the end. */
  onLateFailure(error: unknown): void;
}

const PLACES = 4096;

/** The calls in flight, by their numbers. Numbers are never used again. */
export class Calls {
  /** By the last bits of their numbers. Who is still here when the place is needed again moves to `#late`. */
  readonly #places = new Array<Call<unknown> | undefined>(PLACES).fill(undefined);
  readonly #late = new Map<number, Call<unknown>>();
  readonly #options: CallsOptions;
  #last = 0;
  #pending = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get last(): number {
    return this.#last;
  }

  /** Promises that wait. */
  get pending(): number {
    return this.#pending;
  }

  /** Throws `STORE_UNAVAILABLE` when too many calls wait. */
  assertRoom(): void {
    const { limit } = this.#options;
    if (this.#pending < limit) return;
    throw new TokenBudgetError('STORE_UNAVAILABLE', `${limit} operations are waiting already (maxPending)`);
  }

  /** Makes `call` the one with the number {@link last}. Throws, and forgets it, when its signal cannot be heard. */
  begin<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    const promise = new Promise<unknown>(capture) as Promise<T>;
    call.resolve = resolveCaptured;
    call.reject = rejectCaptured;
    call.number = ++this.#last;
    const place = call.number % PLACES;
    const occupant = this.#places[place];
    if (occupant !== undefined) this.#late.set(occupant.number, occupant);
    this.#places[place] = call;
    if (this.#pending++ === 0) this.#options.onBusy(true);
    if (signal !== undefined) this.#listen(call, signal);
    return promise;
  }

  /** The final record of a call; one that was aborted is nobody's. */
  finish(record: InboxRecord): void {
    const call = this.#find(record.call);
    if (call === undefined) return;
    this.#remove(call);
    const awaited = this.#settle(call);
    if (call.aborted) {
      call.abandoned(record);
      return;
    }
    try {
      call.resolve(call.finish(record));
    } catch (error) {
      if (awaited) call.reject(asTokenBudgetError(error));
      else this.#options.onLateFailure(error);
    }
  }

  /** Resolves a call whose final record is still to come. */
  spooled(number: number): void {
    const call = this.#find(number);
    if (call === undefined || !this.#settle(call)) return;
    try {
      call.spooled();
    } finally {
      call.resolve(undefined);
    }
  }

  /** Rejects every call from number `first` on, in their order. */
  rejectAll(error: unknown, first = 1): void {
    const calls = [...this.#late.values()];
    for (const call of this.#places) if (call !== undefined) calls.push(call);
    for (const call of calls.sort((a, b) => a.number - b.number)) {
      if (call.number < first) continue;
      this.#remove(call);
      if (this.#settle(call)) call.reject(error);
    }
  }

  #find(number: number): Call<unknown> | undefined {
    const call = this.#places[number % PLACES];
    return call?.number === number ? call : this.#late.get(number);
  }

  #remove(call: Call<unknown>): void {
    const place = call.number % PLACES;
    if (this.#places[place] === call) this.#places[place] = undefined;
    else this.#late.delete(call.number);
  }

  #listen(call: Call<unknown>, signal: AbortSignal): void {
    call.signal = signal;
    call.onAbort = () => {
      if (!this.#settle(call)) return;
      call.aborted = true;
      call.reject(reasonOf(signal));
      if (call.outlivesAbort) return;
      this.#remove(call);
      this.#options.onForget(call.number);
    };
    try {
      whenAborted(signal, call.onAbort);
    } catch (error) {
      this.#remove(call);
      this.#settle(call);
      throw error;
    }
  }

  /** Whether the promise was still pending. */
  #settle(call: Call<unknown>): boolean {
    if (call.settled) return false;
    call.settled = true;
    if (call.onAbort !== undefined && call.signal !== undefined) stopWaiting(call.signal, call.onAbort);
    if (--this.#pending === 0) this.#options.onBusy(false);
    return true;
  }
}
