/** A calendar period, in the time zone of `timeZone`. */
export type BudgetPeriod = 'hourly' | 'daily' | 'monthly';

/** Tokens per period. A period left out is unlimited; 0 allows nothing. */
export interface TokenBudget {
  hourly?: number;
  daily?: number;
  monthly?: number;
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
