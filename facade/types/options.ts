import type { BudgetPeriod } from './budget';
import type { Money } from './money';

/** What a call will cost. With a limit of money one of them has to be known, see `unknownModel`. */
export interface CostOptions {
  /** Rounded up to a millionth. */
  cost?: Money;
  /** Without `cost`: the most that its tokens can cost by this model. */
  model?: string;
}

/** Options of `checkBudget` and `getUsageStats`; the latter has no cost. */
export interface CheckOptions extends CostOptions {
  /** When it aborts, the promise rejects with its reason. */
  signal?: AbortSignal;
}

/** Options of `reserveTokens`. */
export interface ReserveOptions extends CostOptions {
  /** When it aborts, the promise rejects with its reason; a grant that comes later is released. */
  signal?: AbortSignal;
  /** Milliseconds; wins over `reservationTTL`. */
  ttl?: number;
}

/** Options of `listReservations`. */
export interface ListReservationsOptions {
  /** Default: every period. */
  period?: BudgetPeriod;
  /** Default 0. */
  offset?: number;
  /** Default 100. */
  limit?: number;
}

/** Options of `getUsageHistory`. */
export interface HistoryOptions {
  /** Default 100. */
  limit?: number;
  /** Newest entries to skip. Default 0. */
  offset?: number;
}

/** Options of `ready`. */
export interface ReadyOptions {
  signal?: AbortSignal;
  /** Milliseconds. Default `connectTimeout`. */
  timeout?: number;
}

/** Options of `close`. */
export interface CloseOptions {
  /** Milliseconds that pending operations and waiting usages get. Default 5,000. */
  timeout?: number;
}
