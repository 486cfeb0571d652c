import type { BudgetPeriod } from './budget';
import type { Money } from './money';

/**
 * Extra tokens, or money, in one period until an instant, for every process at once. An orchestrator can have
 * 1,000 live ones; one more is refused with `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * await tracker.setBudgetOverride({
 *   orchestratorId: 'orchestrator-1', period: 'hourly', additionalTokens: 50_000,
 *   reason: 'Production incident', expiresAt: new Date(Date.now() + 3_600_000), createdBy: 'ops',
 * });
 * ```
 */
export interface BudgetOverride {
  orchestratorId: string;
  period: BudgetPeriod;
  /** An exact integer from 0 to 2^53 - 1; 0 with `additionalCost`. */
  additionalTokens: number;
  /** Money instead of tokens. */
  additionalCost?: Money;
  /** At most 4,096 bytes. */
  reason: string;
  /** In the past it has no effect. */
  expiresAt: Date;
  /** At most 1,024 bytes. */
  createdBy: string;
  /** Kept as JSON, at most 64 KiB of it. */
  metadata?: Record<string, unknown>;
  /** Yours to give, 1 to 256 bytes; one that exists is replaced. Default: a random UUID. */
  id?: string;
}

/** An override as the store keeps it. */
export interface StoredOverride extends BudgetOverride {
  id: string;
}
