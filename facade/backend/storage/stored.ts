import { asTokenBudgetError, closedError, isStoreDown, TokenBudgetError } from '../../errors';
import type { Telling } from '../../telling';
import type { StoreEvents } from '../../types/events';
import { type Gate, type Held, tellAll } from './gate';
import { realNow } from './real-time';
import { SharedStorage, type StorageUser } from './shared-storage';
import { type Waiter, Waiters } from './waiters';

/** A file that is held by another process is told about before the wait for it is over. */
const OPENING_GRACE_MS = 50;

export interface StoredOptions<B> {
  path: string;
  /** What a closed one calls itself. */
  what: string;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  maxPending: number;
  telling: Telling<StoreEvents>;
  /** Makes what answers from memory, once the state is loaded. What it tells must go through the gate. */
  open(gate: Gate): B;
}

/** What becomes of an operation that is not on disk in time, or that nobody waits for any more. */
export interface RunOptions<B, T> {
  signal?: AbortSignal | undefined;
  /** What it granted is nobody's. */
  giveBack?(backend: B, value: T): void;
  /** What is answered though it is not on disk; `undefined`: the operation fails. */
  answerLate?(value: T): T | undefined;
}

/** An operation that waits for the state. */
interface Early<B> {
  /** How long it waits for another process that has the file. */
  readonly untilMs: number;
  begin(backend: B): void;
  fail(error: TokenBudgetError): void;
}

/**
 * What answers from memory, and is kept on disk: runs operations as soon as the state is loaded, and holds back their
 * outcome until it, and all that it may rest on, is on disk.
 */
export class Stored<B> implements StorageUser {
  readonly telling: Telling<StoreEvents>;
  readonly connectTimeoutMs: number;
  readonly #options: StoredOptions<B>;
  readonly #shared: SharedStorage;
  readonly #waiters: Waiters;
  /** Operations that wait for the state, in their order. */
  readonly #early = new Set<Early<B>>();
  #backend: B | undefined;
  #isClosed = false;

  constructor(options: StoredOptions<B>) {
    this.telling = options.telling;
    this.connectTimeoutMs = options.connectTimeoutMs;
    this.#options = options;
    this.#waiters = new Waiters(options.maxPending, busy => this.#shared.hold(busy));
    this.#shared = SharedStorage.of(options.path, this);
    // Others may have loaded it.
    if (this.#shared.gate !== undefined) this.onOpen();
  }

  /**
   * Decides, and answers when that is on disk. Rejects with `TIMEOUT`, or `STORE_UNAVAILABLE` and the reason, when it
   * is not in time; what was decided stands all the same, and is written when it can be.
   */
  run<T>(operation: (backend: B) => Promise<T>, options: RunOptions<B, T> = {}): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedError(this.#options.what));
    if (!this.#waiters.hasRoom) return Promise.reject(this.#waiters.noRoomError());
    const ours = (backend: B) => operation(backend).catch(rethrowAsOurs);
    if (this.#backend !== undefined) return this.#decide(this.#backend, ours, options);
    return this.#whenOpen(
      backend => this.#decide(backend, ours, options),
      this.connectTimeoutMs,
      options.signal,
    );
  }

  /** What came of something that had to wait for more than the disk, as {@link run} would have answered it now. */
  async hold<T>(outcome: Promise<T>, options: RunOptions<B, T>): Promise<T> {
    const value = await outcome;
    if (this.#backend === undefined) throw closedError(this.#options.what);
    return this.#decide(this.#backend, () => Promise.resolve(value), options);
  }

  /** Resolves when nothing is under way that this could rest on, and the disk takes what it is given. */
  ping(): Promise<void> {
    const { failure } = this.#shared;
    if (this.#backend !== undefined && failure !== '') return Promise.reject(this.#lateError());
    return this.run(() => Promise.resolve());
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#backend !== undefined) return Promise.resolve();
    return this.#whenOpen(() => Promise.resolve(), timeoutMs, signal);
  }

  /** Waits until all is on disk, and lets go of it; what is not by then is told by `store:warning`. */
  async close(timeoutMs: number, end: (backend: B) => void): Promise<void> {
    const beganMs = realNow();
    const left = () => Math.max(0, timeoutMs - (realNow() - beganMs));
    try {
      if (this.#early.size > 0) await this.#whenOpen(() => Promise.resolve(), left(), undefined);
      if (this.#backend !== undefined) {
        end(this.#backend);
        await this.#settled(left());
      }
    } catch (error) {
      // Of a file that was never opened nothing was done at all.
      if (this.#backend === undefined) return;
      const message = `What was done last may not be on disk: ${asTokenBudgetError(error).message}`;
      this.telling.emit('store:warning', { message });
    } finally {
      this.#isClosed = true;
      this.#waiters.rejectAll(closedError(this.#options.what));
      this.#early.clear();
      this.#backend = undefined;
      this.#shared.release(this, Math.floor(left()));
    }
  }

  onOpen(): void {
    const { gate } = this.#shared;
    if (gate === undefined || this.#backend !== undefined || this.#isClosed) return;
    let backend: B;
    try {
      backend = this.#options.open(gate);
    } catch (error) {
      this.onFailed(asTokenBudgetError(error), false);
      return;
    }
    this.#backend = backend;
    for (const early of this.#early) {
      this.#early.delete(early);
      early.begin(backend);
    }
  }

  onFailed(error: TokenBudgetError, isHeld: boolean): void {
    const nowMs = realNow();
    for (const early of [...this.#early]) {
      // The wait that is over was that of another object of the file, which has less patience.
      if (isHeld && nowMs < early.untilMs) continue;
      this.#early.delete(early);
      early.fail(error);
    }
    if (this.#early.size > 0) this.#shared.open();
  }

  #whenOpen<T>(
    begin: (backend: B) => Promise<T>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const early: Early<B> = { untilMs: realNow() + timeoutMs, begin: () => {}, fail: () => {} };
    const waiter: Waiter<T> = this.#waiters.begin<T>({
      timeoutMs: timeoutMs + OPENING_GRACE_MS,
      signal,
      onLate: () => {
        this.#early.delete(early);
        const why = this.#shared.failure || this.#shared.path;
        const message = `The storage was not loaded within ${timeoutMs} ms: ${why}`;
        waiter.reject(new TokenBudgetError('STORE_UNAVAILABLE', message));
      },
      onAborted: () => this.#early.delete(early),
    });
    if (waiter.isSettled) return waiter.promise;
    early.begin = backend => waiter.resolve(begin(backend));
    early.fail = error => waiter.reject(error);
    this.#early.add(early);
    if (this.#shared.gate === undefined) this.#shared.open();
    else this.onOpen();
    return waiter.promise;
  }

  #decide<T>(backend: B, operation: (backend: B) => Promise<T>, options: RunOptions<B, T>): Promise<T> {
    const { gate } = this.#shared;
    if (gate === undefined) return Promise.reject(closedError(this.#options.what));
    const { value: outcome, seq, hasWritten, events } = gate.decide(() => attempt(backend, operation));
    if (gate.isOpenFor(seq)) {
      tellAll(events);
      return outcome;
    }
    // Whatever it is, it is heard of later; but for what was not done at all, which rests on nothing.
    outcome.catch(error => {
      if (isStoreDown(error)) waiter.reject(error);
    });
    const giveBack = () => {
      if (options.giveBack === undefined) return;
      const { giveBack: give } = options;
      outcome.then(value => give.call(options, backend, value)).catch(() => {});
    };
    const waiter: Waiter<T> = this.#waiters.begin<T>({
      timeoutMs: this.#options.commandTimeoutMs,
      signal: options.signal,
      onLate: () => {
        if (!hasWritten) gate.drop(held);
        this.#answerLate(waiter, outcome, options, giveBack);
      },
      onAborted: giveBack,
    });
    const held: Held = { seq, events, done: () => waiter.resolve(outcome) };
    gate.hold(held);
    return waiter.promise;
  }

  #answerLate<T>(
    waiter: Waiter<T>,
    outcome: Promise<T>,
    options: RunOptions<B, T>,
    giveBack: () => void,
  ): void {
    const error = this.#lateError();
    const fail = () => {
      waiter.reject(error);
      giveBack();
    };
    if (options.answerLate === undefined) {
      fail();
      return;
    }
    outcome.then(
      value => {
        const answer = options.answerLate?.(value);
        if (answer === undefined) fail();
        else waiter.resolve(answer);
      },
      () => waiter.reject(error),
    );
  }

  #lateError(): TokenBudgetError {
    const { failure } = this.#shared;
    if (failure !== '') {
      return new TokenBudgetError('STORE_UNAVAILABLE', `The storage cannot be written: ${failure}`);
    }
    const message = `It was not on disk within ${this.#options.commandTimeoutMs} ms`;
    return new TokenBudgetError('TIMEOUT', message);
  }

  /** Everything that was decided is on disk. */
  #settled(timeoutMs: number): Promise<void> {
    const { gate } = this.#shared;
    if (gate === undefined) return Promise.resolve();
    const { seq, events } = gate.decide(() => undefined);
    if (gate.isOpenFor(seq)) return Promise.resolve();
    const waiter: Waiter<void> = this.#waiters.begin<void>({
      timeoutMs,
      onLate: () => waiter.reject(this.#lateError()),
    });
    gate.hold({ seq, events, done: () => waiter.resolve() });
    return waiter.promise;
  }
}

/** A method may throw instead of rejecting. */
function attempt<B, T>(backend: B, operation: (backend: B) => Promise<T>): Promise<T> {
  try {
    return operation(backend);
  } catch (error) {
    return Promise.reject(asOurs(error));
  }
}

/** The addon says so when it takes nothing more. */
const REFUSED = 'STORE_UNAVAILABLE: ';

/** Errors of the addon are none of this realm. */
function asOurs(error: unknown): TokenBudgetError {
  const ours = asTokenBudgetError(error);
  const at = ours.message.indexOf(REFUSED);
  return at < 0 ? ours : new TokenBudgetError('STORE_UNAVAILABLE', ours.message.slice(at + REFUSED.length));
}

function rethrowAsOurs(error: unknown): never {
  throw asOurs(error);
}
