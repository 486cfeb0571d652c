import type { Money } from './money';

/** A calendar period, in the time zone of `timeZone`. */
export type BudgetPeriod = 'hourly' | 'daily' | 'monthly';

/** Tokens and money per period. What is left out is unlimited; 0 allows nothing. */
export interface TokenBudget {
  hourly?: number;
  daily?: number;
  monthly?: number;
  /** Money beside the tokens: a reservation holds both or nothing. */
  hourlyCost?: Money;
  dailyCost?: Money;
  monthlyCost?: Money;
}

/** The money of a check or a refused reservation. */
export interface CostCheck {
  /** What was asked for. */
  estimated: Money;
  /** What there is before it; `null`: unlimited. */
  available: Money | null;
  limit: Money | null;
  /** `(used + reserved) / limit * 100`, before what was asked for. */
  percentUsed: number;
}

/** The answer of `checkBudget`. */
export interface BudgetCheck {
  allowed: boolean;
  /** What would be left after the estimated tokens: `max(0, available - estimatedTokens)`. */
  remaining: number;
  /** With live overrides; `Infinity` when unlimited. */
  limit: number;
  period: BudgetPeriod;
  /** `(used + reserved) / limit * 100`, before the estimated tokens. */
  percentUsed: number;
  estimatedTokens: number;
  wouldExceed: boolean;
  /** Which limit it is refused by; tokens when it is both. */
  limitedBy?: 'tokens' | 'cost';
  /** Where there is money in the period, or a cost was asked about. */
  cost?: CostCheck;
  /** Why it is refused, or that there is no limit. */
  message?: string;
  /** What there is before the estimated tokens. */
  available?: number;
  /** `true` while the orchestrator is paused: nothing is allowed, whatever would fit. */
  paused?: boolean;
  /** `true` when the store was away and `onStoreError` answered; then the numbers say nothing. */
  storeUnavailable?: boolean;
}

/** The limits of one orchestrator. */
export interface BudgetInForce {
  /** Without overrides. */
  base: TokenBudget;
  /** With the live overrides. */
  effective: TokenBudget;
  /** `stored`: set by `setBudget`, for every process; `configured`: from the configuration. */
  source: 'configured' | 'stored';
}

/** A window of one period: `[start, end)`. */
export interface PeriodWindow {
  period: BudgetPeriod;
  start: Date;
  end: Date;
  ttlSeconds: number;
  key: string;
}

/** The keys of one orchestrator and period. */
export interface BudgetKeys {
  usage: string;
  reservations: string;
  overrides: string;
  metadata: string;
}
