import type { Amounts } from './arguments';
import { percentOf, percentUsed } from './percent';
import { periodName, periodsOf } from './periods';
import { Telling } from './telling';
import type { BudgetDeniedEvent, BudgetThresholdEvent, TrackerEvents } from './types/events';
import type { ReservationSettlement, TokenReservation } from './types/reservation';
import type { TokenUsage } from './types/usage';

/** Tells the listeners of a tracker. */
export class Announcer extends Telling<TrackerEvents> {
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
      period: periodName(period),
      threshold,
      currentUsage: used,
      limit,
      percentUsed: percentUsed(used, reserved, limit),
      timestamp: new Date(atMs),
      reservedTokens: reserved,
    };
    this.emit(`threshold:${percentOf(threshold)}`, event);
    if (threshold >= 1) this.emit('budget:exceeded', event);
  }

  expired(
    tokens: number,
    periods: number,
    createdAtMs: number,
    expiresAtMs: number,
    id: string,
    orchestratorId: string,
  ): void {
    if (!this.reaches('reservation:expired')) return;
    this.emit(
      'reservation:expired',
      reservationOf(id, orchestratorId, tokens, periods, createdAtMs, expiresAtMs),
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
    if (settlement.recorded > 0 && this.reaches('usage:tracked')) this.emit('usage:tracked', usage());
  }
}

export function reservationOf(
  id: string,
  orchestratorId: string,
  tokens: number,
  mask: number,
  createdAtMs: number,
  expiresAtMs: number,
): TokenReservation {
  const periods = periodsOf(mask);
  return {
    id,
    orchestratorId,
    tokens,
    period: periods[0] ?? 'hourly',
    createdAt: new Date(createdAtMs),
    expiresAt: new Date(expiresAtMs),
    periods,
  };
}

/** The usage that ending a reservation recorded. */
export function settledUsage(orchestratorId: string, amounts: Amounts, nowMs: number): TokenUsage {
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
  return usage;
}
