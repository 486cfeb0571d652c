import type { BudgetPeriod } from '../../types';
import type { TraceRow } from './rows';

/** Prompt and completion tokens of several requests. */
export interface TokenSum {
  promptTokens: number;
  completionTokens: number;
}

/** What became of the rows so far. */
export class Tally {
  /** Rows that were brought before the budget. */
  requests = 0;
  admitted = 0;
  denied = 0;
  /** Neither admitted and settled nor denied, because the store failed. */
  failed = 0;
  malformed = 0;
  /** Rows earlier than one before them. */
  outOfOrder = 0;
  readonly settled: TokenSum = { promptTokens: 0, completionTokens: 0 };
  readonly deniedTokens: TokenSum = { promptTokens: 0, completionTokens: 0 };
  readonly deniedBy: Record<BudgetPeriod, number> = { hourly: 0, daily: 0, monthly: 0 };
  /** Estimates that were held. */
  reservedTokens = 0;
  /** Tokens settled beyond their estimate. */
  overageTokens = 0;
  /** Reservations and settlements that were answered. */
  operations = 0;
  firstMs: number | null = null;
  lastMs: number | null = null;

  begin(row: TraceRow): void {
    this.requests += 1;
    this.firstMs = Math.min(this.firstMs ?? row.atMs, row.atMs);
    if (this.lastMs !== null && row.atMs < this.lastMs) {
      this.outOfOrder += 1;
    } else {
      this.lastMs = row.atMs;
    }
  }

  deny(row: TraceRow, period: BudgetPeriod | undefined): void {
    this.operations += 1;
    this.denied += 1;
    add(this.deniedTokens, row);
    if (period !== undefined) {
      this.deniedBy[period] += 1;
    }
  }

  settle(row: TraceRow, reservedTokens: number): void {
    this.operations += 2;
    this.admitted += 1;
    add(this.settled, row);
    this.reservedTokens += reservedTokens;
    this.overageTokens += Math.max(0, row.promptTokens + row.completionTokens - reservedTokens);
  }
}

export function totalOf(sum: TokenSum): number {
  return sum.promptTokens + sum.completionTokens;
}

function add(sum: TokenSum, row: TraceRow): void {
  sum.promptTokens += row.promptTokens;
  sum.completionTokens += row.completionTokens;
}
