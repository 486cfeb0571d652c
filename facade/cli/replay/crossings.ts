import type { TokenBudgetTracker } from '../../index';
import { percentOf } from '../../percent';
import type { BudgetThresholdEvent } from '../../types';

/** A threshold that the tracker reported. */
export interface Crossing {
  event: BudgetThresholdEvent;
  /** The time in the trace of the request that crossed it. */
  traceMs: number;
}

/** Calls `listener` for each threshold of `fractions` that the tracker reports. */
export function onCrossing(
  tracker: TokenBudgetTracker,
  fractions: readonly number[],
  listener: (event: BudgetThresholdEvent) => void,
): void {
  for (const fraction of fractions) {
    tracker.on(`threshold:${percentOf(fraction)}`, listener);
  }
}
