import type { TokenBudgetTracker } from '../../index';
import { PERIODS } from '../../periods';
import type { BudgetPeriod, UsageStats } from '../../types';
import type { TokenSum } from './tally';

/** What the tracker says about one window. */
export interface WindowUsage extends TokenSum {
  period: BudgetPeriod;
  startMs: number;
  endMs: number;
  totalTokens: number;
  /** `Infinity` when unlimited. */
  limitTokens: number;
}

export function toWindow(stats: UsageStats): WindowUsage {
  return {
    period: stats.period,
    startMs: stats.periodStart.getTime(),
    endMs: stats.periodEnd.getTime(),
    promptTokens: stats.breakdown.promptTokens,
    completionTokens: stats.breakdown.completionTokens,
    totalTokens: stats.totalUsed,
    limitTokens: stats.limit,
  };
}

/**
 * Asks the tracker for each window just before it ends, while the clock of the trace still stands in it:
 * afterwards the tracker knows only the next one. Windows without a request do not appear.
 */
export class WindowBook {
  readonly #tracker: TokenBudgetTracker;
  readonly #orchestratorId: string;
  readonly #closed: WindowUsage[] = [];
  readonly #endMs = new Map<BudgetPeriod, number>();
  #nextEndMs = -1;

  constructor(tracker: TokenBudgetTracker, orchestratorId: string) {
    this.#tracker = tracker;
    this.#orchestratorId = orchestratorId;
  }

  /** Whether a window has to be closed before the clock moves to `atMs`. */
  isOver(atMs: number): boolean {
    return atMs >= this.#nextEndMs;
  }

  /** Closes what ends at `atMs` or before. The clock must not have moved yet. */
  async closeBefore(atMs: number): Promise<void> {
    for (const [period, endMs] of this.#endMs) {
      if (atMs >= endMs) {
        this.#closed.push(await this.#read(period));
        this.#endMs.delete(period);
      }
    }
  }

  /** Opens the windows in which the clock now stands. */
  async open(): Promise<void> {
    for (const period of PERIODS) {
      if (!this.#endMs.has(period)) {
        this.#endMs.set(period, (await this.#read(period)).endMs);
      }
    }
    this.#nextEndMs = Math.min(...this.#endMs.values());
  }

  /** Closes what is open and returns every window, shortest period first, oldest first. */
  async finish(): Promise<WindowUsage[]> {
    await this.closeBefore(Number.POSITIVE_INFINITY);
    return PERIODS.flatMap(period => this.#closed.filter(window => window.period === period));
  }

  async #read(period: BudgetPeriod): Promise<WindowUsage> {
    return toWindow(await this.#tracker.getUsageStats(this.#orchestratorId, period));
  }
}
