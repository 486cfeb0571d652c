import type { BudgetPeriod } from './types/budget';

/** Every period, shortest first; the index is its number at the boundary. */
export const PERIODS = ['hourly', 'daily', 'monthly'] as const satisfies readonly BudgetPeriod[];

export type PeriodIndex = 0 | 1 | 2;

/** The bit mask of every period. */
export const ALL_PERIODS = 7;

/** `-1` for anything that is no period; own comparisons, so that no prototype is asked. */
export function periodIndex(value: unknown): PeriodIndex | -1 {
  switch (value) {
    case 'hourly':
      return 0;
    case 'daily':
      return 1;
    case 'monthly':
      return 2;
    default:
      return -1;
  }
}

export function periodName(index: number): BudgetPeriod {
  return PERIODS[index as PeriodIndex] ?? 'hourly';
}

/** The periods of a bit mask, shortest first. */
export function periodsOf(mask: number): BudgetPeriod[] {
  switch (mask) {
    case 1:
      return ['hourly'];
    case 2:
      return ['daily'];
    case 4:
      return ['monthly'];
    default:
      return PERIODS.filter((_, index) => (mask & (1 << index)) !== 0);
  }
}
