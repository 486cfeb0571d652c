import {
  checkAnswer,
  checkWithoutStore,
  deniedAnswer,
  grantedAnswer,
  settlementAnswer,
  statsAnswer,
} from '../answers';
import type { Amounts, CheckedUsage } from '../arguments';
import type { Settings } from '../config';
import { asTokenBudgetError, closedError, reservationNotFound, TokenBudgetError } from '../errors';
import { type Announcer, settledUsage } from '../events';
import { orchestratorOf } from '../identifiers';
import { RemoteTracker } from '../native';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { Backend } from './backend';
import { type CallPlan, Calls } from './calls';
import { Inbox, type InboxRecord, isEvent } from './inbox';
import { Outbox } from './outbox';
import { errorCode, Kind, STATS_MODELS, type VerbNumber } from './protocol';
import { announceRecord } from './remote-events';

/** A promise of this module's own realm: fake timers replace every other way to wait for a tick's end. */
const TICK = Promise.resolve();

/** State on Redis. The operations of one tick are handed over together; one thread answers them. */
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
    return this.#begin(
      {
        send: call => this.#outbox.check(call, orchestratorId, tokens, period),
        finish: record => {
          if (record.kind !== Kind.check && record.kind !== Kind.storeDown) throw failure(record);
          const check =
            record.kind === Kind.check
              ? checkAnswer(record.numbers, record.at, tokens, period)
              : checkWithoutStore(record.number(0) === 1, tokens, period);
          if (check.wouldExceed) this.#denied(orchestratorId, tokens, check, 'check');
          return check;
        },
      },
      signal,
    );
  }

  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ReservationResult> {
    return this.#begin(
      {
        send: call => this.#outbox.reserve(call, orchestratorId, tokens, periods, ttlMs),
        finish: record => {
          if (record.kind === Kind.reserved) return this.#granted(record, orchestratorId, tokens, periods);
          if (record.kind !== Kind.denied) throw failure(record);
          const denied = deniedAnswer(record.numbers, record.at, tokens, record.number(6) === 1);
          this.#denied(orchestratorId, tokens, denied, 'reserve');
          return denied;
        },
      },
      signal,
    );
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    const nowMs = Date.now();
    return this.#begin({
      send: call => this.#outbox.settle(call, reservationId, this.#record, amounts, nowMs),
      finish: record => {
        if (record.kind === Kind.tracked || record.kind === Kind.done) {
          this.#settledUnheld(reservationId, amounts, nowMs, record.kind === Kind.tracked);
          return;
        }
        if (record.kind !== Kind.settled) throw failure(record, reservationId);
        const settlement = settlementAnswer(record.numbers, record.at, amounts.total);
        const orchestratorId = record.string(6);
        this.#announcer.settled(reservationId, settlement, () =>
          settledUsage(orchestratorId, amounts, nowMs),
        );
      },
      spooled: () =>
        this.#announcer.emit('usage:spooled', settledUsage(orchestratorOf(reservationId), amounts, nowMs)),
    });
  }

  track(usage: CheckedUsage): Promise<void> {
    return this.#begin({
      send: call => this.#outbox.track(call, usage, Date.now()),
      finish: record => {
        if (record.kind !== Kind.tracked) throw failure(record);
        if (record.number(0) !== 1) this.#announcer.emit('usage:tracked', usage.given);
      },
      spooled: () => this.#announcer.emit('usage:spooled', usage.given),
    });
  }

  stats(orchestratorId: string, period: PeriodIndex): Promise<UsageStats> {
    return this.#begin({
      send: call => this.#outbox.stats(call, orchestratorId, period),
      finish: record => {
        if (record.kind !== Kind.stats) throw failure(record);
        const count = record.number(STATS_MODELS);
        const names = STATS_MODELS + 1 + count;
        const models = Array.from({ length: count }, (_, rank) => record.string(names + rank));
        return statsAnswer(record.numbers, record.at, models, orchestratorId, period);
      },
    });
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    return this.#begin({
      send: call => this.#outbox.query(call, orchestratorId, argumentsJson, verb),
      finish: record => {
        if (record.kind !== Kind.answer) throw failure(record);
        return record.string(0);
      },
    });
  }

  ping(): Promise<void> {
    return this.#begin({ send: call => this.#outbox.ping(call), finish: done });
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#begin({ send: call => this.#outbox.ready(call, timeoutMs), finish: done }, signal);
  }

  close(timeoutMs: number): Promise<void> {
    const closed = this.#calls.begin<void>({
      send: call => this.#outbox.close(call, timeoutMs),
      finish: record => {
        if (record.kind !== Kind.closed) throw failure(record);
        const lost = record.number(0);
        if (lost > 0) {
          this.#announcer.emit('store:warning', {
            message: `${lost} reported usages could not be delivered`,
          });
        }
        this.#calls.rejectAll(closedError());
      },
    });
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

  #begin<T>(plan: CallPlan<T>, signal?: AbortSignal): Promise<T> {
    this.#calls.assertRoom();
    const promise = this.#calls.begin(plan, signal);
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
    try {
      this.#outbox.flush((numbers, count, text) => this.#native.submit(numbers, count, text));
    } catch (error) {
      this.#calls.rejectAll(asTokenBudgetError(error), first);
    }
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
    if (isEvent(record.kind)) announceRecord(this.#announcer, record);
    else if (record.kind === Kind.spooled) this.#calls.spooled(record.call);
    else this.#calls.finish(record);
  }

  #granted(record: InboxRecord, orchestratorId: string, tokens: number, periods: number): ReservationResult {
    const { numbers, at } = record;
    const storeDown = record.number(4) === 1;
    const granted = grantedAnswer(numbers, at + 1, record.string(0), orchestratorId, tokens, periods);
    if (storeDown) granted.storeUnavailable = true;
    this.#announcer.emit('reservation:created', granted.reservation);
    return granted;
  }

  /** A reservation that was granted while the store was away has ended; it held nothing. */
  #settledUnheld(reservationId: string, amounts: Amounts, nowMs: number, isRecorded: boolean): void {
    const recorded = isRecorded ? amounts.total : 0;
    const settlement = { reserved: 0, actual: amounts.total, overage: recorded, late: false, recorded };
    this.#announcer.settled(reservationId, settlement, () =>
      settledUsage(orchestratorOf(reservationId), amounts, nowMs),
    );
  }

  #denied(
    orchestratorId: string,
    tokens: number,
    { period, available = 0, limit = Infinity }: Pick<ReservationResult, 'period' | 'available' | 'limit'>,
    source: 'check' | 'reserve',
  ): void {
    if (period === undefined) return;
    this.#announcer.denied({
      orchestratorId,
      period,
      tokens,
      available,
      limit,
      timestamp: new Date(),
      source,
    });
  }
}

function done(record: InboxRecord): void {
  if (record.kind !== Kind.done) throw failure(record);
}

function failure(record: InboxRecord, reservationId?: string): TokenBudgetError {
  if (record.kind !== Kind.error) {
    return new TokenBudgetError('STORE_UNAVAILABLE', `Unexpected answer of kind ${record.kind}`);
  }
  const code = errorCode(record.number(0));
  if (code === 'RESERVATION_NOT_FOUND' && reservationId !== undefined)
    return reservationNotFound(reservationId);
  return new TokenBudgetError(code, record.string(1));
}
