import { TokenBudgetError } from '../../errors';
import { Storage } from '../../native';
import type { Telling } from '../../telling';
import type { StoreEvents } from '../../types/events';
import { Gate } from './gate';

/** A promise of this module's own realm: fake timers replace every other way to wait for a tick's end. */
const TICK = Promise.resolve();

/** One object that keeps its state in the file. */
export interface StorageUser {
  readonly telling: Telling<StoreEvents>;
  /** How long it waits for another process that holds the file. */
  readonly connectTimeoutMs: number;
  /** The state is loaded. */
  onOpen(): void;
  /** It could not be loaded. `isHeld`: another process has it, and may let go of it. */
  onFailed(error: TokenBudgetError, isHeld: boolean): void;
}

/** As `src/store/disk/process_lock.rs` says it. */
const HELD = 'is in use by another process';

/** By path, as far as somebody uses them. */
const known = new Map<string, SharedStorage>();

/**
 * A file of state, as the objects of this thread share it: opened once, with one gate for all that is told. The state
 * itself is shared by all threads of the process.
 */
export class SharedStorage {
  readonly path: string;
  readonly #users = new Set<StorageUser>();
  #native: Storage | undefined;
  /** While the state is loaded. */
  #gate: Gate | undefined;
  #isScheduled = false;
  #isReleased = false;
  /** Users with promises that wait. */
  #busy = 0;
  #failure = '';

  /** That of `path`; opening it begins. */
  static of(path: string, user: StorageUser): SharedStorage {
    const shared = known.get(path) ?? new SharedStorage(path);
    known.set(path, shared);
    shared.#users.add(user);
    shared.open();
    // Who comes later hears it as well, once it can listen.
    if (shared.#gate !== undefined) {
      void TICK.then(() => {
        if (shared.#users.has(user)) user.telling.emit('store:connected', { address: path });
      });
    }
    return shared;
  }

  private constructor(path: string) {
    this.path = path;
  }

  /** `undefined` while it is not loaded. */
  get gate(): Gate | undefined {
    return this.#gate;
  }

  /** Why nothing can be written at present; empty while all is well. */
  get failure(): string {
    return this.#failure;
  }

  /** Sees to it that somebody tries to load it. */
  open(): void {
    if (this.#native !== undefined || this.#isScheduled || this.#isReleased) return;
    this.#isScheduled = true;
    // In a turn of its own: Jest's --detectOpenHandles lists what user code makes in its own stack and does not see that
    // this keeps no process alive.
    void TICK.then(() => {
      this.#isScheduled = false;
      if (!this.#isReleased) this.#load();
    });
  }

  /** The process lives on for who waits, and for nobody else. */
  hold(busy: boolean): void {
    this.#busy += busy ? 1 : -1;
    if (busy && this.#busy === 1) this.#native?.ref();
    else if (!busy && this.#busy === 0) this.#native?.unref();
  }

  /** The last user of this thread lets go of the file, which may take it `timeoutMs` to be tidied up. */
  release(user: StorageUser, timeoutMs: number): void {
    this.#users.delete(user);
    if (this.#users.size > 0) return;
    this.#isReleased = true;
    known.delete(this.path);
    this.#gate = undefined;
    this.#native?.close(timeoutMs);
    this.#native = undefined;
  }

  #load(): void {
    const timeouts = [...this.#users].map(user => user.connectTimeoutMs);
    try {
      const native = new Storage(this.path, Math.max(...timeouts));
      this.#native = native;
      native.open(() => this.#wake(native));
      if (this.#busy > 0) native.ref();
      // It may have been open already, for another thread.
      this.#wake(native);
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  #wake(native: Storage): void {
    if (native !== this.#native) return;
    if (this.#gate !== undefined) {
      this.#look(native, this.#gate);
    } else if (native.isOpen()) {
      this.#gate = new Gate(native);
      this.#failure = '';
      this.#tell(telling => telling.emit('store:connected', { address: this.path }));
      for (const user of [...this.#users]) user.onOpen();
    } else if (native.failure() !== '') {
      this.#fail(native.failure());
    }
  }

  /** Commits go on, begin to fail, or work again. */
  #look(native: Storage, gate: Gate): void {
    // Asked first: from then on every change is told by another wake.
    native.durableSeq();
    const reason = native.failure();
    const was = this.#failure;
    this.#failure = reason;
    const address = this.path;
    if (reason === '') {
      if (was !== '') this.#tell(telling => telling.emit('store:connected', { address }));
    } else if (was === '') {
      this.#tell(telling => telling.emit('store:disconnected', { address, reason }));
    } else if (was !== reason) {
      this.#tell(telling => telling.emit('store:warning', { message: `${address}: ${reason}` }));
    }
    gate.release();
  }

  /** Whoever asks next tries again. */
  #fail(reason: string): void {
    this.#native?.close(0);
    this.#native = undefined;
    const address = this.path;
    const isNews = this.#failure === '';
    this.#failure = reason;
    if (isNews) this.#tell(telling => telling.emit('store:disconnected', { address, reason }));
    const error = new TokenBudgetError('STORE_UNAVAILABLE', `The storage cannot be opened: ${reason}`);
    const isHeld = reason.includes(HELD);
    for (const user of [...this.#users]) user.onFailed(error, isHeld);
  }

  #tell(event: (telling: Telling<StoreEvents>) => void): void {
    for (const { telling } of [...this.#users]) event(telling);
  }
}

/** Errors of an addon are none of this realm. */
function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
