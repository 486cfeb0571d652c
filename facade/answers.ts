/** From the numbers of an answer to the objects callers get. `at` is where the numbers begin. */
import { limitOf, numberAt, STATS_MODELS, VIEW_LENGTH } from './backend/protocol';
import { reservationOf } from './events';
import { percentUsed } from './percent';
import { type PeriodIndex, periodName } from './periods';
import type { BudgetCheck, BudgetPeriod } from './types/budget';
import type { ReservationResult, ReservationSettlement, TokenReservation } from './types/reservation';
import type { UsageStats } from './types/usage';
import { MAX_INSTANT_MS } from './validate';

export function checkAnswer(
  numbers: Float64Array,
  at: number,
  tokens: number,
  index: PeriodIndex,
): BudgetCheck {
  const period = periodName(index);
  const limit = numberAt(numbers, at + 2);
  if (numberAt(numbers, at + 5) >= 0) return pausedCheck(numbers, at, tokens, index);
  if (limit < 0) {
    return {
      allowed: true,
      remaining: Infinity,
      limit: Infinity,
      period,
      percentUsed: 0,
      estimatedTokens: tokens,
      wouldExceed: false,
      message: 'No budget limit set for this period',
      available: Infinity,
    };
  }
  const used = numberAt(numbers, at);
  const reserved = numberAt(numbers, at + 1);
  const available = availableOf(used, reserved, limit);
  const wouldExceed = tokens > available;
  return {
    allowed: !wouldExceed,
    remaining: wouldExceed ? 0 : available - tokens,
    limit,
    period,
    percentUsed: percentUsed(used, reserved, limit),
    estimatedTokens: tokens,
    wouldExceed,
    message: wouldExceed ? exceedMessage(period, tokens, available) : undefined,
    available,
  };
}

/** Of an orchestrator that gets nothing, whatever fits. */
function pausedCheck(numbers: Float64Array, at: number, tokens: number, index: PeriodIndex): BudgetCheck {
  const limit = limitOf(numberAt(numbers, at + 2));
  const used = numberAt(numbers, at);
  const reserved = numberAt(numbers, at + 1);
  const available = availableOf(used, reserved, limit);
  return {
    allowed: false,
    remaining: available,
    limit,
    period: periodName(index),
    percentUsed: percentUsed(used, reserved, limit),
    estimatedTokens: tokens,
    wouldExceed: tokens > available,
    message: pausedMessage(numberAt(numbers, at + 5)),
    available,
    paused: true,
  };
}

/** What `onStoreError` answers to a check: no number is known. */
export function checkWithoutStore(allowed: boolean, tokens: number, index: PeriodIndex): BudgetCheck {
  return {
    allowed,
    remaining: allowed ? Infinity : 0,
    limit: allowed ? Infinity : 0,
    period: periodName(index),
    percentUsed: allowed ? 0 : 100,
    estimatedTokens: tokens,
    wouldExceed: !allowed,
    message: withoutStoreMessage(allowed),
    available: allowed ? Infinity : 0,
    storeUnavailable: true,
  };
}

/** Numbers: createdAt, expiresAt, remaining. */
export function grantedAnswer(
  numbers: Float64Array,
  at: number,
  id: string,
  orchestratorId: string,
  tokens: number,
  mask: number,
): ReservationResult & { reservation: TokenReservation } {
  const remaining = limitOf(numberAt(numbers, at + 2));
  return {
    success: true,
    reservationId: id,
    reservation: reservationOf(
      id,
      orchestratorId,
      tokens,
      mask,
      numberAt(numbers, at),
      numberAt(numbers, at + 1),
    ),
    remaining,
    available: remaining + tokens,
  };
}

/** Numbers: period, used, reserved, limit, windowStart, windowEnd, pausedUntil. */
export function deniedAnswer(
  numbers: Float64Array,
  at: number,
  tokens: number,
  storeDown: boolean,
): ReservationResult & { period: BudgetPeriod; limit: number; available: number } {
  const period = periodName(numberAt(numbers, at));
  const limit = limitOf(numberAt(numbers, at + 3));
  const available = storeDown ? 0 : availableOf(numberAt(numbers, at + 1), numberAt(numbers, at + 2), limit);
  const pausedUntilMs = numberAt(numbers, at + 6);
  if (pausedUntilMs >= 0) {
    const paused = {
      success: false,
      remaining: 0,
      error: pausedMessage(pausedUntilMs),
      available,
      period,
      limit,
      retryable: true,
      paused: true,
    };
    return pausedUntilMs > MAX_INSTANT_MS ? paused : { ...paused, resetsAt: new Date(pausedUntilMs) };
  }
  const denied = {
    success: false,
    remaining: 0,
    error: storeDown ? withoutStoreMessage(false) : exceedMessage(period, tokens, available),
    available,
    period,
    limit,
    retryable: storeDown || tokens <= limit,
  };
  if (storeDown) return { ...denied, storeUnavailable: true };
  return { ...denied, resetsAt: new Date(numberAt(numbers, at + 5)) };
}

/** Numbers: reserved, recorded, overage, late. */
export function settlementAnswer(numbers: Float64Array, at: number, actual: number): ReservationSettlement {
  return {
    reserved: numberAt(numbers, at),
    actual,
    overage: numberAt(numbers, at + 2),
    late: numbers[at + 3] === 1,
    recorded: numberAt(numbers, at + 1),
  };
}

/** Numbers as in the record; the names of the models come beside them. */
export function statsAnswer(
  numbers: Float64Array,
  at: number,
  models: readonly string[],
  orchestratorId: string,
  index: PeriodIndex,
): UsageStats {
  const used = numberAt(numbers, at);
  const reserved = numberAt(numbers, at + 1);
  const limit = limitOf(numberAt(numbers, at + 2));
  return {
    orchestratorId,
    period: periodName(index),
    totalUsed: used,
    limit,
    remaining: availableOf(used, reserved, limit),
    percentUsed: percentUsed(used, reserved, limit),
    reservedTokens: reserved,
    activeReservations: numberAt(numbers, at + VIEW_LENGTH),
    periodStart: new Date(numberAt(numbers, at + 3)),
    periodEnd: new Date(numberAt(numbers, at + 4)),
    breakdown: {
      promptTokens: numberAt(numbers, at + VIEW_LENGTH + 1),
      completionTokens: numberAt(numbers, at + VIEW_LENGTH + 2),
      cacheReadTokens: numberAt(numbers, at + VIEW_LENGTH + 3),
      cacheWriteTokens: numberAt(numbers, at + VIEW_LENGTH + 4),
      reasoningTokens: numberAt(numbers, at + VIEW_LENGTH + 5),
      unattributedTokens: numberAt(numbers, at + VIEW_LENGTH + 6),
    },
    topModels: models.map((model, rank) => {
      const tokens = numberAt(numbers, at + STATS_MODELS + 1 + rank);
      return { model, tokens, percentage: used === 0 ? 0 : (tokens / used) * 100 };
    }),
  };
}

function availableOf(used: number, reserved: number, limit: number): number {
  return Math.max(0, limit - used - reserved);
}

function exceedMessage(period: BudgetPeriod, tokens: number, available: number): string {
  return `Would exceed ${period} budget (${tokens} tokens needed, ${available} available)`;
}

function pausedMessage(untilMs: number): string {
  return untilMs > MAX_INSTANT_MS
    ? 'The orchestrator is paused'
    : `The orchestrator is paused until ${new Date(untilMs).toISOString()}`;
}

function withoutStoreMessage(allowed: boolean): string {
  return `The store is unavailable; ${allowed ? 'allowed' : 'refused'} by onStoreError`;
}
