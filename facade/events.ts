import type { EventEmitter } from 'node:events';
import { type Amounts, UNKNOWN_COST } from './arguments';
import { moneyOf } from './money';
import { percentOf, percentUsed } from './percent';
import { PERIODS, periodName, periodsOf } from './periods';
import { Telling } from './telling';
import type { BudgetDeniedEvent, BudgetThresholdEvent, TrackerEvents } from './types/events';
import type { Money } from './types/money';
import type { ReservationSettlement, TokenReservation } from './types/reservation';
import type { TokenUsage } from './types/usage';

/** Tells the listeners of a tracker. */
export class Announcer extends Telling<TrackerEvents> {
  /** Of the money in what is told. */
  readonly currency: string;

  constructor(emitter: EventEmitter, currency: string) {
    super(emitter);
    this.currency = currency;
  }

  threshold(
    period: number,
    threshold: number,
    used: number,
    reserved: number,
    limit: number,
    atMs: number,
    orchestratorId: string,
  ): void {
    const event: BudgetThresholdEvent = {
      orchestratorId,
      period: periodName(period % PERIODS.length),
      threshold,
      unit: 'tokens',
      currentUsage: used,
      limit,
      percentUsed: percentUsed(used, reserved, limit),
      timestamp: new Date(atMs),
      reservedTokens: reserved,
    };
    // Periods of money follow those of tokens.
    if (period >= PERIODS.length) this.#inMoney(event, used, reserved, limit);
    this.emit(`threshold:${percentOf(threshold)}`, event);
    if (threshold >= 1) this.emit('budget:exceeded', event);
  }

  #inMoney(event: BudgetThresholdEvent, used: number, reserved: number, limit: number): void {
    const cost = {
      used: moneyOf(used, this.currency),
      reserved: moneyOf(reserved, this.currency),
      limit: moneyOf(limit, this.currency),
    };
    event.unit = 'cost';
    event.currentUsage = Number(cost.used.amount);
    event.limit = Number(cost.limit.amount);
    event.cost = cost;
    delete event.reservedTokens;
  }

  expired(
    tokens: number,
    periods: number,
    createdAtMs: number,
    expiresAtMs: number,
    costMicros: number,
    id: string,
    orchestratorId: string,
  ): void {
    if (!this.reaches('reservation:expired')) return;
    this.emit(
      'reservation:expired',
      reservationOf(id, orchestratorId, tokens, periods, createdAtMs, expiresAtMs, costMicros, this.currency),
    );
  }

  denied(event: BudgetDeniedEvent): void {
    this.emit('budget:denied', event);
  }

  tracked(usage: TokenUsage): void {
    if (this.reaches('usage:tracked')) this.emit('usage:tracked', usage);
  }

  settled(reservationId: string, settlement: ReservationSettlement, usage: () => TokenUsage): void {
    if (this.reaches('reservation:released')) this.emit('reservation:released', reservationId, settlement);
    const isRecorded = settlement.recorded > 0 || Number(settlement.cost?.recorded.amount ?? 0) > 0;
    if (isRecorded && this.reaches('usage:tracked')) this.emit('usage:tracked', usage());
  }
}

export function reservationOf(
  id: string,
  orchestratorId: string,
  tokens: number,
  mask: number,
  createdAtMs: number,
  expiresAtMs: number,
  costMicros: number,
  currency: string,
): TokenReservation {
  const periods = periodsOf(mask);
  const reservation: TokenReservation = {
    id,
    orchestratorId,
    tokens,
    period: periods[0] ?? 'hourly',
    createdAt: new Date(createdAtMs),
    expiresAt: new Date(expiresAtMs),
    periods,
  };
  if (costMicros > 0) reservation.cost = moneyOf(costMicros, currency);
  return reservation;
}

/** The usage that ending a reservation recorded, at the cost that `counted` tells; before it is recorded, as far as it is known. */
export function settledUsage(
  orchestratorId: string,
  amounts: Amounts,
  nowMs: number,
  currency: string,
  counted?: ReservationSettlement,
): TokenUsage {
  const usage: TokenUsage = {
    orchestratorId,
    sessionId: amounts.sessionId,
    timestamp: new Date(nowMs),
    promptTokens: amounts.prompt,
    completionTokens: amounts.completion,
    cacheReadTokens: amounts.cacheRead,
    cacheWriteTokens: amounts.cacheWrite,
    reasoningTokens: amounts.reasoning,
    totalTokens: amounts.total,
    model: amounts.model === '' ? 'unknown' : amounts.model,
  };
  if (amounts.requestId !== null) usage.requestId = amounts.requestId;
  // Without a price and without money that was held nobody knows what it cost: that is not told as 0.
  if (amounts.costMicros !== UNKNOWN_COST) usage.cost = moneyOf(amounts.costMicros, currency);
  else if (Number(counted?.cost?.recorded.amount ?? 0) > 0) usage.cost = counted?.cost?.recorded as Money;
  return usage;
}
