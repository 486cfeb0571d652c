/** From the numbers of an answer to the objects callers get. `at` is where the numbers begin. */
import { limitOf, numberAt, STATS_MODELS, VIEW_LENGTH } from './backend/protocol';
import { reservationOf } from './events';
import { moneyOf } from './money';
import { percentUsed } from './percent';
import { type PeriodIndex, periodName } from './periods';
import type { BudgetCheck, BudgetPeriod, CostCheck } from './types/budget';
import type { CostSettlement, CostStats } from './types/money';
import type { ReservationResult, ReservationSettlement, TokenReservation } from './types/reservation';
import type { UsageStats } from './types/usage';
import { MAX_INSTANT_MS } from './validate';

const NO_LIMIT = 'No budget limit set for this period';
const NO_TOKEN_LIMIT = 'No limit of tokens set for this period, but one of money';

export function checkAnswer(
  numbers: Float64Array,
  at: number,
  tokens: number,
  index: PeriodIndex,
  costMicros: number,
  currency: string,
): BudgetCheck {
  const check = checkOfTokens(numbers, at, tokens, index);
  if (costMicros === 0 && !hasMoney(numbers, at)) return check;
  const { exceeds, cost } = costCheck(numbers, at, costMicros, currency);
  check.cost = cost;
  if (check.message === NO_LIMIT && cost.limit !== null) check.message = NO_TOKEN_LIMIT;
  if (!exceeds || check.wouldExceed) return check;
  check.allowed = false;
  check.wouldExceed = true;
  if (check.paused !== true) {
    check.limitedBy = 'cost';
    check.message = exceedCostMessage(check.period, cost);
  }
  return check;
}

function checkOfTokens(numbers: Float64Array, at: number, tokens: number, index: PeriodIndex): BudgetCheck {
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
      message: NO_LIMIT,
      available: Infinity,
    };
  }
  const used = numberAt(numbers, at);
  const reserved = numberAt(numbers, at + 1);
  const available = availableOf(used, reserved, limit);
  const wouldExceed = tokens > available;
  const check: BudgetCheck = {
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
  if (wouldExceed) check.limitedBy = 'tokens';
  return check;
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
  costMicros: number,
  currency: string,
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
      costMicros,
      currency,
    ),
    remaining,
    available: remaining + tokens,
  };
}

/** Numbers: period, and its view. */
export function deniedAnswer(
  numbers: Float64Array,
  at: number,
  tokens: number,
  storeDown: boolean,
  costMicros: number,
  currency: string,
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
  const resetsAt = new Date(numberAt(numbers, at + 5));
  const limitedBy = tokens > available ? ('tokens' as const) : ('cost' as const);
  if (costMicros === 0 && !hasMoney(numbers, at + 1)) return { ...denied, limitedBy, resetsAt };
  const { cost, isWithin } = costCheck(numbers, at + 1, costMicros, currency);
  const retryable = denied.retryable && isWithin;
  const error = limitedBy === 'cost' ? exceedCostMessage(period, cost) : denied.error;
  return { ...denied, error, limitedBy, cost, retryable, resetsAt };
}

/** Numbers: reserved, recorded, overage, late, duplicate, periods, money reserved and recorded. */
export function settlementAnswer(
  numbers: Float64Array,
  at: number,
  actual: number,
  currency: string,
): ReservationSettlement {
  const settlement: ReservationSettlement = {
    reserved: numberAt(numbers, at),
    actual,
    overage: numberAt(numbers, at + 2),
    late: numbers[at + 3] === 1,
    recorded: numberAt(numbers, at + 1),
  };
  const reservedMicros = numberAt(numbers, at + 6);
  const recordedMicros = numberAt(numbers, at + 7);
  if (reservedMicros > 0 || recordedMicros > 0) {
    settlement.cost = costSettlement(reservedMicros, recordedMicros, currency);
  }
  return settlement;
}

export function costSettlement(
  reservedMicros: number,
  recordedMicros: number,
  currency: string,
): CostSettlement {
  return {
    reserved: moneyOf(reservedMicros, currency),
    recorded: moneyOf(recordedMicros, currency),
    overage: moneyOf(Math.max(0, recordedMicros - reservedMicros), currency),
  };
}

/** Numbers as in the record; the names of the models come beside them. */
export function statsAnswer(
  numbers: Float64Array,
  at: number,
  models: readonly string[],
  orchestratorId: string,
  index: PeriodIndex,
  currency: string,
): UsageStats {
  const used = numberAt(numbers, at);
  const reserved = numberAt(numbers, at + 1);
  const limit = limitOf(numberAt(numbers, at + 2));
  const stats: UsageStats = {
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
  if (hasMoney(numbers, at)) stats.cost = costStats(numbers, at, currency);
  return stats;
}

/** Where the money of a view begins: used, reserved, limit. */
const COST = 6;

function hasMoney(numbers: Float64Array, at: number): boolean {
  return (
    numberAt(numbers, at + COST + 2) >= 0 ||
    numberAt(numbers, at + COST) > 0 ||
    numberAt(numbers, at + COST + 1) > 0
  );
}

function costStats(numbers: Float64Array, at: number, currency: string): CostStats {
  const used = numberAt(numbers, at + COST);
  const reserved = numberAt(numbers, at + COST + 1);
  const limit = limitOf(numberAt(numbers, at + COST + 2));
  const money = (micros: number) => (micros === Infinity ? null : moneyOf(micros, currency));
  return {
    used: moneyOf(used, currency),
    reserved: moneyOf(reserved, currency),
    limit: money(limit),
    remaining: money(availableOf(used, reserved, limit)),
    percentUsed: percentUsed(used, reserved, limit),
    currency,
  };
}

/** `exceeds`: it does not fit; `isWithin`: it would fit in an empty window. */
function costCheck(
  numbers: Float64Array,
  at: number,
  costMicros: number,
  currency: string,
): { cost: CostCheck; exceeds: boolean; isWithin: boolean } {
  const { limit, remaining: available, percentUsed } = costStats(numbers, at, currency);
  const limitMicros = limitOf(numberAt(numbers, at + COST + 2));
  const left = availableOf(numberAt(numbers, at + COST), numberAt(numbers, at + COST + 1), limitMicros);
  const cost = { estimated: moneyOf(costMicros, currency), available, limit, percentUsed };
  return { cost, exceeds: costMicros > left, isWithin: costMicros <= limitMicros };
}

function exceedCostMessage(period: BudgetPeriod, { estimated, available }: CostCheck): string {
  const { amount, currency } = estimated;
  return `Would exceed ${period} cost budget (${amount} ${currency} needed, ${available?.amount} ${currency} available)`;
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
