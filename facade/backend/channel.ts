import { asTokenBudgetError, closedError } from '../errors';
import { RemoteTracker } from '../native';
import type { Telling } from '../telling';
import type { StoreEvents } from '../types/events';
import { type Call, Calls, ColdCall } from './calls';
import { Inbox, type InboxRecord, isEvent } from './inbox';
import { Outbox } from './outbox';
import { Kind } from './protocol';
import { done, failure } from './remote-calls';

/** A promise of this module's own realm: fake timers replace every other way to wait for a tick's end. */
const TICK = Promise.resolve();

/** So many calls that are made together, and nothing beside them, may be awaited without sleep. */
const ALONE_MAX = 4;

export interface ChannelOptions {
  /** The addon's `config`. */
  nativeConfig: string;
  /** Promises that may be pending at once. */
  maxPending: number;
  /** Told what belongs to no call: the store's comings and goings, and failures nobody waits for. */
  telling: Telling<StoreEvents>;
  /** A record that is the event of something else. */
  onEvent?(record: InboxRecord): void;
  /** A record of a call that is not its last. */
  onNews?(record: InboxRecord): void;
}

/**
 * The way to a store on servers and back. The operations of one tick are handed over together, and answered in
 * batches.
 */
export class Channel {
  /** Where the operation is written that was begun last. */
  readonly outbox = new Outbox();
  readonly native: RemoteTracker;
  readonly #options: ChannelOptions;
  readonly #calls: Calls;
  readonly #inbox = new Inbox();
  #scheduled = false;
  /** The last call that was handed over. */
  #submitted = 0;
  #isOpen = false;
  #isBusy = false;

  constructor(options: ChannelOptions) {
    this.native = new RemoteTracker(options.nativeConfig);
    this.#options = options;
    this.#calls = new Calls({
      limit: options.maxPending,
      onBusy: busy => this.#keepAlive(busy),
      onForget: call => {
        this.outbox.forget(call);
        this.#schedule();
      },
      onLateFailure: error => options.telling.emit('error', error),
    });
    // In a turn of its own: Jest's --detectOpenHandles lists what user code makes in its own stack and
    // does not see that this keeps no process alive.
    void TICK.then(() => this.#open());
  }

  /** The number of the call that was begun last. */
  get last(): number {
    return this.#calls.last;
  }

  /** A promise for the operation that is written to the outbox next. */
  begin<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    this.#calls.assertRoom();
    const promise = this.#calls.begin(call, signal);
    this.#schedule();
    return promise;
  }

  /** The same for an operation that nobody waits for, however many calls wait. */
  beginUnawaited(call: Call<unknown>): void {
    this.#calls.begin(call).catch(() => {});
    this.#schedule();
  }

  /** Hands over what was written without a call. */
  schedule(): void {
    this.#schedule();
  }

  ping(): Promise<void> {
    const promise = this.begin(new ColdCall(done));
    this.outbox.ping(this.last);
    return promise;
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const promise = this.begin(new ColdCall(done), signal);
    this.outbox.ready(this.last, timeoutMs);
    return promise;
  }

  close(timeoutMs: number): Promise<void> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.closed) throw failure(record);
      const lost = record.number(0);
      if (lost > 0) {
        const message = `${lost} reported usages could not be delivered`;
        this.#options.telling.emit('store:warning', { message });
      }
      this.#calls.rejectAll(closedError());
      this.#isOpen = false;
      this.native.end();
    };
    const closed = this.#calls.begin<void>(new ColdCall(finish));
    this.outbox.close(this.last, timeoutMs);
    this.#schedule();
    return closed;
  }

  #open(): void {
    try {
      this.native.open(() => this.#wake());
      this.#isOpen = true;
      if (this.#isBusy) this.native.ref();
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error));
    }
  }

  /** The process waits for pending promises, and for nothing else. */
  #keepAlive(busy: boolean): void {
    this.#isBusy = busy;
    if (!this.#isOpen) return;
    if (busy) this.native.ref();
    else this.native.unref();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void TICK.then(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const first = this.#submitted + 1;
    this.#submitted = this.#calls.last;
    const added = this.#submitted - first + 1;
    const alone = added <= ALONE_MAX && this.#calls.pending === added;
    let hasAnswers = false;
    try {
      hasAnswers = this.outbox.flush((numbers, count, text) =>
        this.native.submit(numbers, count, text, alone),
      );
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error), first);
    }
    if (hasAnswers) this.#wake();
  }

  #wake(): void {
    try {
      this.#inbox.drain(
        out => this.native.take(out),
        record => this.#deliver(record),
      );
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error));
    }
  }

  #deliver(record: InboxRecord): void {
    try {
      if (isEvent(record.kind)) this.#announce(record);
      else if (record.kind === Kind.spooled) this.#calls.spooled(record.call);
      else if (record.kind === Kind.limitWaiting) this.#options.onNews?.(record);
      else this.#calls.finish(record);
    } catch {
      // What befalls one record is no failure of the calls whose records follow. Listeners that throw are
      // told by `error`; only an emitter whose own methods throw gets here, and nothing hears of it.
    }
  }

  #announce(record: InboxRecord): void {
    const { telling, onEvent } = this.#options;
    if (record.kind === Kind.connected) {
      telling.emit('store:connected', { address: record.string(0) });
    } else if (record.kind === Kind.disconnected) {
      const address = record.string(0);
      telling.emit('store:disconnected', { address, reason: record.string(1) });
    } else if (record.kind === Kind.warning) {
      telling.emit('store:warning', { message: record.string(0) });
    } else {
      onEvent?.(record);
    }
  }
}
