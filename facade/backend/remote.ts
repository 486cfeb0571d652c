import { statsAnswer } from '../answers';
import type { Amounts, CheckedUsage } from '../arguments';
import type { Settings } from '../config';
import { asTokenBudgetError, closedError } from '../errors';
import type { Announcer } from '../events';
import { RemoteTracker } from '../native';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { Backend } from './backend';
import { type Call, Calls, ColdCall } from './calls';
import { Inbox, type InboxRecord, isEvent } from './inbox';
import { Outbox } from './outbox';
import { Kind, STATS_MODELS, type VerbNumber } from './protocol';
import { CheckCall, done, failure, ReserveCall, SettleCall, TrackCall } from './remote-calls';
import { announceRecord } from './remote-events';

/** A promise of this module's own realm: fake timers replace every other way to wait for a tick's end. */
const TICK = Promise.resolve();

/** So many calls that are made together, and nothing beside them, may be awaited without sleep. */
const ALONE_MAX = 4;

/** What the settle of a reservation says that nobody used. */
const NOTHING: Amounts = {
  total: 0,
  prompt: 0,
  completion: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  model: '',
  sessionId: '',
  requestId: null,
};

/** State on Redis. The operations of one tick are handed over together, and answered in batches. */
export class RemoteBackend implements Backend {
  readonly #native: RemoteTracker;
  readonly #announcer: Announcer;
  readonly #record: boolean;
  readonly #calls: Calls;
  readonly #outbox = new Outbox();
  readonly #inbox = new Inbox();
  #scheduled = false;
  /** The last call that was handed over. */
  #submitted = 0;
  #isOpen = false;
  #isBusy = false;

  constructor(settings: Settings, announcer: Announcer) {
    const native = new RemoteTracker(settings.nativeConfig);
    this.#native = native;
    this.#announcer = announcer;
    this.#record = !settings.releaseOnly;
    this.#calls = new Calls({
      limit: settings.maxPending,
      onBusy: busy => this.#keepAlive(busy),
      onForget: call => {
        this.#outbox.forget(call);
        this.#schedule();
      },
      onLateFailure: error => announcer.emit('error', error),
    });
    for (const [id, [hourly, daily, monthly]] of settings.orchestratorBudgets) {
      native.configureBudget(id, hourly ?? NaN, daily ?? NaN, monthly ?? NaN);
    }
    // In a turn of its own: Jest's --detectOpenHandles lists what user code makes in its own stack and
    // does not see that this keeps no process alive.
    void TICK.then(() => this.#open());
  }

  check(
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    signal: AbortSignal | undefined,
  ): Promise<BudgetCheck> {
    const promise = this.#begin(new CheckCall(this.#announcer, orchestratorId, tokens, period), signal);
    this.#outbox.check(this.#calls.last, orchestratorId, tokens, period);
    return promise;
  }

  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ReservationResult> {
    const giveBack = (reservationId: string) => this.#giveBack(reservationId);
    const call = new ReserveCall(this.#announcer, orchestratorId, tokens, periods, giveBack);
    const promise = this.#begin(call, signal);
    this.#outbox.reserve(this.#calls.last, orchestratorId, tokens, periods, ttlMs);
    return promise;
  }

  /** Ends a reservation that was granted to nobody. It expires by itself should that fail. */
  #giveBack(reservationId: string): void {
    this.#calls.begin(new ColdCall(() => {})).catch(() => {});
    this.#outbox.settle(this.#calls.last, reservationId, false, NOTHING, Date.now());
    this.#schedule();
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    const nowMs = Date.now();
    const promise = this.#begin(new SettleCall(this.#announcer, reservationId, amounts, nowMs));
    this.#outbox.settle(this.#calls.last, reservationId, this.#record, amounts, nowMs);
    return promise;
  }

  track(usage: CheckedUsage): Promise<void> {
    const promise = this.#begin(new TrackCall(this.#announcer, usage.given));
    this.#outbox.track(this.#calls.last, usage, Date.now());
    return promise;
  }

  stats(orchestratorId: string, period: PeriodIndex, signal: AbortSignal | undefined): Promise<UsageStats> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.stats) throw failure(record);
      const count = record.number(STATS_MODELS);
      const names = STATS_MODELS + 1 + count;
      const models = Array.from({ length: count }, (_, rank) => record.string(names + rank));
      return statsAnswer(record.numbers, record.at, models, orchestratorId, period);
    };
    const promise = this.#begin(new ColdCall(finish), signal);
    this.#outbox.stats(this.#calls.last, orchestratorId, period);
    return promise;
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.answer) throw failure(record);
      return record.string(0);
    };
    const promise = this.#begin(new ColdCall(finish));
    this.#outbox.query(this.#calls.last, orchestratorId, argumentsJson, verb);
    return promise;
  }

  ping(): Promise<void> {
    const promise = this.#begin(new ColdCall(done));
    this.#outbox.ping(this.#calls.last);
    return promise;
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const promise = this.#begin(new ColdCall(done), signal);
    this.#outbox.ready(this.#calls.last, timeoutMs);
    return promise;
  }

  close(timeoutMs: number): Promise<void> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.closed) throw failure(record);
      const lost = record.number(0);
      if (lost > 0) {
        this.#announcer.emit('store:warning', {
          message: `${lost} reported usages could not be delivered`,
        });
      }
      this.#calls.rejectAll(closedError());
      this.#isOpen = false;
      this.#native.end();
    };
    const closed = this.#calls.begin<void>(new ColdCall(finish));
    this.#outbox.close(this.#calls.last, timeoutMs);
    this.#schedule();
    return closed;
  }

  #open(): void {
    try {
      this.#native.open(() => this.#wake());
      this.#isOpen = true;
      if (this.#isBusy) this.#native.ref();
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error));
    }
  }

  /** The process waits for pending promises, and for nothing else. */
  #keepAlive(busy: boolean): void {
    this.#isBusy = busy;
    if (!this.#isOpen) return;
    if (busy) this.#native.ref();
    else this.#native.unref();
  }

  /** A promise for the operation that is written to the outbox next. */
  #begin<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    this.#calls.assertRoom();
    const promise = this.#calls.begin(call, signal);
    this.#schedule();
    return promise;
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
      hasAnswers = this.#outbox.flush((numbers, count, text) =>
        this.#native.submit(numbers, count, text, alone),
      );
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error), first);
    }
    if (hasAnswers) this.#wake();
  }

  #wake(): void {
    try {
      this.#inbox.drain(
        out => this.#native.take(out),
        record => this.#deliver(record),
      );
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error));
    }
  }

  #deliver(record: InboxRecord): void {
    try {
      if (isEvent(record.kind)) announceRecord(this.#announcer, record);
      else if (record.kind === Kind.spooled) this.#calls.spooled(record.call);
      else this.#calls.finish(record);
    } catch {
      // What befalls one record is no failure of the calls whose records follow. Listeners that throw are
      // told by `error`; only an emitter whose own methods throw gets here, and nothing hears of it.
    }
  }
}
