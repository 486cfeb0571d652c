import type { BudgetPeriod } from './budget';

/** Options of `checkBudget` and `getUsageStats`. */
export interface CheckOptions {
  /** When it aborts, the promise rejects with its reason. */
  signal?: AbortSignal;
}

/** Options of `reserveTokens`. */
export interface ReserveOptions {
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
