import type { BudgetPeriod } from './budget';
import type { CostStats, Money } from './money';

/** How the tokens of a call came about. All are exact integers from 0 to 2^53 - 1. */
export interface TokenParts {
  promptTokens: number;
  completionTokens: number;
  /** Prompt tokens that were read from the provider's cache. */
  cacheReadTokens?: number;
  /** Prompt tokens that were written to the provider's cache. */
  cacheWriteTokens?: number;
  /** Completion tokens that were spent on reasoning. */
  reasoningTokens?: number;
}

/**
 * Tokens that are gone. `totalTokens` is what counts against the budget; the parts describe it.
 *
 * @example
 * ```ts
 * await tracker.trackUsage({
 *   orchestratorId: 'orchestrator-1', sessionId: 'session-1', timestamp: new Date(),
 *   promptTokens: 1000, completionTokens: 2000, totalTokens: 3000, model: 'claude-sonnet-4.5',
 * });
 * ```
 */
export interface TokenUsage extends TokenParts {
  /** Who spent them: 1 to 256 bytes of UTF-8. */
  orchestratorId: string;
  /** At most 1,024 bytes. */
  sessionId: string;
  /**
   * When they were spent. Counts in each period whose current window contains it; one in the
   * future counts as now.
   */
  timestamp: Date;
  totalTokens: number;
  /** At most 256 bytes; empty counts as `unknown`. */
  model: string;
  /**
   * Counts once within `idempotencyTTL`: reporting it again resolves and changes nothing, with
   * other numbers it rejects with `REQUEST_CONFLICT`. At most 1,024 bytes.
   */
  requestId?: string;
  /** Kept in the history as JSON, at most 64 KiB of it. */
  metadata?: Record<string, unknown>;
  /** What it cost. Default: what `priceSource` says, where money is counted; absent in events where nobody knows. */
  cost?: Money;
}

/** Who used the tokens of a reservation that ends. */
export interface UsageAttribution extends Partial<TokenParts> {
  model?: string;
  sessionId?: string;
  /** As in {@link TokenUsage.requestId}. */
  requestId?: string;
  /**
   * As in {@link TokenUsage.cost}; without a model, that of the reservation is asked for. Where no price is known, or the
   * reservation is of another process: its share of the money that the reservation holds, rounded up.
   */
  cost?: Money;
}

/** One entry of the history of a period. */
export interface UsageRecord extends TokenUsage {
  /** When the usage came from ending a reservation. */
  reservationId?: string;
}

/** Usage of the current window of one period. */
export interface UsageStats {
  orchestratorId: string;
  period: BudgetPeriod;
  /** Tokens recorded in the window. */
  totalUsed: number;
  /** With live overrides; `Infinity` when unlimited. */
  limit: number;
  /** `max(0, limit - totalUsed - reservedTokens)`; `Infinity` when unlimited. */
  remaining: number;
  /** `(totalUsed + reservedTokens) / limit * 100`; 0 when unlimited, 100 when the limit is 0. */
  percentUsed: number;
  reservedTokens: number;
  /** Where money is counted. */
  cost?: CostStats;
  activeReservations: number;
  /** The window `[periodStart, periodEnd)`, by the store's clock. */
  periodStart: Date;
  periodEnd: Date;
  breakdown: {
    promptTokens: number;
    completionTokens: number;
    cacheReadTokens?: number;
    cacheWriteTokens?: number;
    reasoningTokens?: number;
    /** Used tokens that no part accounts for. */
    unattributedTokens?: number;
  };
  /** At most five, most tokens first; `percentage` is the share of `totalUsed`. */
  topModels: Array<{ model: string; tokens: number; percentage: number }>;
}
