import { percentOf } from '../percent';
import { type TokenBudgetTracker, thresholdsOf } from '../tracker';
import type { BudgetDeniedEvent, BudgetThresholdEvent } from '../types/events';
import type { TokenUsage } from '../types/usage';

/** Series of one counter; what comes beyond them is counted under `(other)`, so that names cannot fill the memory. */
const SERIES_MAX = 2000;
const OTHER = '(other)';

/** A counter by a few labels. */
export class Counter {
  readonly #labels: readonly string[];
  readonly #values = new Map<string, number>();

  constructor(...labels: string[]) {
    this.#labels = labels;
  }

  add(amount: number, ...values: string[]): void {
    let key = JSON.stringify(values);
    if (!this.#values.has(key) && this.#values.size >= SERIES_MAX) {
      key = JSON.stringify(values.map(() => OTHER));
    }
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  samples(): Array<readonly [Array<readonly [string, string]>, number]> {
    return [...this.#values].map(([key, value]) => {
      const values = JSON.parse(key) as string[];
      return [this.#labels.map((label, index) => [label, values[index] ?? ''] as const), value] as const;
    });
  }
}

/** What one tracker has told since it is watched: events of this process only. */
export class TrackerCounters {
  readonly recorded = new Counter('orchestrator', 'model');
  readonly denied = new Counter('orchestrator', 'period', 'source');
  readonly crossings = new Counter('orchestrator', 'period', 'threshold', 'unit');
  readonly expired = new Counter('orchestrator');
  readonly #stop: () => void;

  constructor(tracker: TokenBudgetTracker) {
    const tracked = (usage: TokenUsage) =>
      this.recorded.add(usage.totalTokens, usage.orchestratorId, usage.model || 'unknown');
    const denied = (event: BudgetDeniedEvent) =>
      this.denied.add(1, event.orchestratorId, event.period, event.source);
    const expired = (reservation: { orchestratorId: string }) =>
      this.expired.add(1, reservation.orchestratorId);
    const crossed = ({ orchestratorId, period, threshold, unit }: BudgetThresholdEvent) =>
      this.crossings.add(1, orchestratorId, period, String(percentOf(threshold)), unit ?? 'tokens');
    const names = thresholdsOf(tracker).map(fraction => `threshold:${percentOf(fraction)}` as const);
    tracker.on('usage:tracked', tracked).on('budget:denied', denied).on('reservation:expired', expired);
    for (const name of names) tracker.on(name, crossed);
    this.#stop = () => {
      tracker.off('usage:tracked', tracked).off('budget:denied', denied).off('reservation:expired', expired);
      for (const name of names) tracker.off(name, crossed);
    };
  }

  stop(): void {
    this.#stop();
  }
}
