import { reasonOf } from '../abort';
import { TokenBudgetError } from '../errors';
import type { InboxRecord } from './inbox';

/** One operation, from its sending to its result. */
export interface CallPlan<T> {
  /** Writes the operation. */
  send(call: number): void;
  /** Builds the result and emits the events that belong to it; a thrown error rejects. */
  finish(record: InboxRecord): T;
  /** The store is away and the usage waits: tells so, before the promise resolves. */
  spooled?(): void;
}

interface PendingCall {
  plan: CallPlan<unknown>;
  signal: AbortSignal | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onAbort: (() => void) | undefined;
  /** The promise is settled; at most the final record is awaited. */
  settled: boolean;
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

/** The calls in flight, by their numbers. Numbers are never used again. */
export class Calls {
  readonly #calls = new Map<number, PendingCall>();
  readonly #options: CallsOptions;
  #last = 0;
  #pending = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get last(): number {
    return this.#last;
  }

  /** Throws `STORE_UNAVAILABLE` when too many calls wait. */
  assertRoom(): void {
    const { limit } = this.#options;
    if (this.#pending < limit) return;
    throw new TokenBudgetError('STORE_UNAVAILABLE', `${limit} operations are waiting already (maxPending)`);
  }

  begin<T>(plan: CallPlan<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call = ++this.#last;
      const pending: PendingCall = {
        plan,
        signal,
        resolve: resolve as (value: unknown) => void,
        reject,
        onAbort: undefined,
        settled: false,
      };
      if (signal !== undefined) this.#listen(call, pending, signal);
      this.#calls.set(call, pending);
      if (this.#pending++ === 0) this.#options.onBusy(true);
      plan.send(call);
    });
  }

  /** The final record of a call; one that was aborted is nobody's. */
  finish(record: InboxRecord): void {
    const pending = this.#calls.get(record.call);
    if (pending === undefined) return;
    this.#calls.delete(record.call);
    const awaited = this.#settle(pending);
    try {
      pending.resolve(pending.plan.finish(record));
    } catch (error) {
      if (awaited) pending.reject(error);
      else this.#options.onLateFailure(error);
    }
  }

  /** Resolves a call whose final record is still to come. */
  spooled(call: number): void {
    const pending = this.#calls.get(call);
    if (pending === undefined || !this.#settle(pending)) return;
    if (Object.hasOwn(pending.plan, 'spooled')) pending.plan.spooled?.();
    pending.resolve(undefined);
  }

  /** Rejects every call from number `first` on. */
  rejectAll(error: unknown, first = 1): void {
    for (const [call, pending] of this.#calls) {
      if (call < first) continue;
      this.#calls.delete(call);
      if (this.#settle(pending)) pending.reject(error);
    }
  }

  #listen(call: number, pending: PendingCall, signal: AbortSignal): void {
    pending.onAbort = () => {
      this.#calls.delete(call);
      if (!this.#settle(pending)) return;
      pending.reject(reasonOf(signal));
      this.#options.onForget(call);
    };
    signal.addEventListener('abort', pending.onAbort, { once: true });
  }

  /** Whether the promise was still pending. */
  #settle(pending: PendingCall): boolean {
    if (pending.settled) return false;
    pending.settled = true;
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort);
    if (--this.#pending === 0) this.#options.onBusy(false);
    return true;
  }
}
