import { PERIODS } from '../../periods';
import type { BudgetPeriod } from '../../types';
import { formatCount } from '../format';
import { type Tally, totalOf } from './tally';
import type { WindowUsage } from './windows';

const PARTS = ['promptTokens', 'completionTokens', 'totalTokens'] as const;
const PART_NAMES = { promptTokens: 'prompt', completionTokens: 'completion', totalTokens: 'total' } as const;

/**
 * Compares the tracker's own figures, summed over the windows of each period, with what was settled:
 * every settled token must be in exactly one window of each period. Returns the differences in words.
 */
export function compare(
  tally: Tally,
  windows: readonly WindowUsage[],
  periods: readonly BudgetPeriod[] = PERIODS,
): string[] {
  const settled = { ...tally.settled, totalTokens: totalOf(tally.settled) };
  return periods.flatMap(period =>
    PARTS.flatMap(part => {
      const recorded = windows
        .filter(window => window.period === period)
        .reduce((sum, window) => sum + window[part], 0);
      return recorded === settled[part]
        ? []
        : [
            `${period} ${PART_NAMES[part]} tokens: the tracker has ${formatCount(recorded)}, ` +
              `${formatCount(settled[part])} were settled`,
          ];
    }),
  );
}

/** The growth of a window since the replay began, for a window that others may have filled before. */
export function growth(before: WindowUsage, after: WindowUsage): WindowUsage {
  return {
    ...after,
    promptTokens: after.promptTokens - before.promptTokens,
    completionTokens: after.completionTokens - before.completionTokens,
    totalTokens: after.totalTokens - before.totalTokens,
  };
}
