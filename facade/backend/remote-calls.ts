/** What the frequent operations on Redis wait for, and how their answers become results and events. */
import {
  checkAnswer,
  checkWithoutStore,
  costSettlement,
  deniedAnswer,
  grantedAnswer,
  settlementAnswer,
} from '../answers';
import type { Amounts } from '../arguments';
import { reservationNotFound, TokenBudgetError } from '../errors';
import { type Announcer, settledUsage } from '../events';
import { orchestratorOf } from '../identifiers';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult, ReservationSettlement } from '../types/reservation';
import type { TokenUsage } from '../types/usage';
import { Call } from './calls';
import type { InboxRecord } from './inbox';
import { errorCode, Kind, VIEW_LENGTH } from './protocol';
import { tellDenied } from './without-store';

export class CheckCall extends Call<BudgetCheck> {
  readonly announcer: Announcer;
  readonly orchestratorId: string;
  readonly tokens: number;
  readonly period: PeriodIndex;
  readonly costMicros: number;

  constructor(
    announcer: Announcer,
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    costMicros: number,
  ) {
    super();
    this.announcer = announcer;
    this.orchestratorId = orchestratorId;
    this.tokens = tokens;
    this.period = period;
    this.costMicros = costMicros;
  }

  finish(record: InboxRecord): BudgetCheck {
    const { tokens, period, costMicros, announcer } = this;
    if (record.kind !== Kind.check && record.kind !== Kind.storeDown) throw failure(record);
    const check =
      record.kind === Kind.check
        ? checkAnswer(record.numbers, record.at, tokens, period, costMicros, announcer.currency)
        : checkWithoutStore(record.number(0) === 1, tokens, period);
    if (!check.allowed) tellDenied(this.announcer, this.orchestratorId, tokens, check, 'check');
    return check;
  }
}

export class ReserveCall extends Call<ReservationResult> {
  readonly announcer: Announcer;
  readonly orchestratorId: string;
  readonly tokens: number;
  readonly periods: number;
  readonly costMicros: number;
  readonly giveBack: (reservationId: string) => void;

  constructor(
    announcer: Announcer,
    orchestratorId: string,
    tokens: number,
    periods: number,
    costMicros: number,
    giveBack: (reservationId: string) => void,
  ) {
    super();
    this.announcer = announcer;
    this.orchestratorId = orchestratorId;
    this.tokens = tokens;
    this.periods = periods;
    this.costMicros = costMicros;
    this.giveBack = giveBack;
  }

  override get outlivesAbort(): boolean {
    return true;
  }

  override abandoned(record: InboxRecord): void {
    const isHeld = record.kind === Kind.reserved && record.number(4) !== 1;
    if (isHeld) this.giveBack(record.string(0));
  }

  finish(record: InboxRecord): ReservationResult {
    const { orchestratorId, tokens, periods, costMicros } = this;
    const { numbers, at } = record;
    const { currency } = this.announcer;
    if (record.kind === Kind.reserved) {
      const storeDown = record.number(4) === 1;
      const granted = grantedAnswer(
        numbers,
        at + 1,
        record.string(0),
        orchestratorId,
        tokens,
        periods,
        // While the store is away nothing is held.
        storeDown ? 0 : costMicros,
        currency,
      );
      if (storeDown) granted.storeUnavailable = true;
      this.announcer.emit('reservation:created', granted.reservation);
      return granted;
    }
    if (record.kind !== Kind.denied) throw failure(record);
    const storeDown = record.number(1 + VIEW_LENGTH) === 1;
    const denied = deniedAnswer(numbers, at, tokens, storeDown, costMicros, currency);
    tellDenied(this.announcer, orchestratorId, tokens, denied, 'reserve');
    return denied;
  }
}

export class SettleCall extends Call<void> {
  readonly announcer: Announcer;
  readonly reservationId: string;
  readonly amounts: Amounts;
  readonly nowMs: number;

  constructor(announcer: Announcer, reservationId: string, amounts: Amounts, nowMs: number) {
    super();
    this.announcer = announcer;
    this.reservationId = reservationId;
    this.amounts = amounts;
    this.nowMs = nowMs;
  }

  finish(record: InboxRecord): void {
    const { reservationId, amounts, nowMs } = this;
    if (record.kind === Kind.tracked || record.kind === Kind.done) {
      this.#finishUnheld(record.kind === Kind.tracked);
      return;
    }
    if (record.kind !== Kind.settled) throw failure(record, reservationId);
    const { currency } = this.announcer;
    const settlement = settlementAnswer(record.numbers, record.at, amounts.total, currency);
    const orchestratorId = record.string(8);
    const usage = () => settledUsage(orchestratorId, amounts, nowMs, currency, settlement);
    this.announcer.settled(reservationId, settlement, usage);
  }

  /** A reservation that was granted while the store was away has ended; it held nothing. */
  #finishUnheld(isRecorded: boolean): void {
    const { reservationId, amounts, nowMs } = this;
    const recorded = isRecorded ? amounts.total : 0;
    const { currency } = this.announcer;
    const settlement: ReservationSettlement = {
      reserved: 0,
      actual: amounts.total,
      overage: recorded,
      late: false,
      recorded,
    };
    if (isRecorded && amounts.costMicros > 0) {
      settlement.cost = costSettlement(0, amounts.costMicros, currency);
    }
    const usage = () => settledUsage(orchestratorOf(reservationId), amounts, nowMs, currency);
    this.announcer.settled(reservationId, settlement, usage);
  }

  override spooled(): void {
    const { currency } = this.announcer;
    const usage = settledUsage(orchestratorOf(this.reservationId), this.amounts, this.nowMs, currency);
    this.announcer.emit('usage:spooled', usage);
  }
}

export class TrackCall extends Call<void> {
  readonly announcer: Announcer;
  readonly given: TokenUsage;

  constructor(announcer: Announcer, given: TokenUsage) {
    super();
    this.announcer = announcer;
    this.given = given;
  }

  finish(record: InboxRecord): void {
    if (record.kind !== Kind.tracked) throw failure(record);
    if (record.number(0) !== 1) this.announcer.tracked(this.given);
  }

  override spooled(): void {
    this.announcer.emit('usage:spooled', this.given);
  }
}

export function done(record: InboxRecord): void {
  if (record.kind !== Kind.done) throw failure(record);
}

export function failure(record: InboxRecord, reservationId?: string): TokenBudgetError {
  if (record.kind !== Kind.error) {
    return new TokenBudgetError('STORE_UNAVAILABLE', `Unexpected answer of kind ${record.kind}`);
  }
  const code = errorCode(record.number(0));
  if (code === 'RESERVATION_NOT_FOUND' && reservationId !== undefined)
    return reservationNotFound(reservationId);
  return new TokenBudgetError(code, record.string(1));
}
