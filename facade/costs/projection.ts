/** What a time to come will cost if usage goes on as it did. */
import type { CostProjection } from '../types/costs';

const DAY_MS = 86_400_000;
/** Days that a projection would like to know. */
const FULL_BASIS_DAYS = 30;
const LEAST_CONFIDENCE = 0.1;
const MOST_CONFIDENCE = 0.95;
const DAYS: Record<CostProjection['projectionPeriod'], number> = { daily: 1, weekly: 7, monthly: 30 };

export const PROJECTION_PERIODS = Object.keys(DAYS) as CostProjection['projectionPeriod'][];

/**
 * The cost of a day between the first and the last usage, for as many days as the period has. Usage of a single instant
 * tells of no day: 0, with confidence 0.
 */
export function projectionOf(
  cost: number,
  firstMs: number,
  lastMs: number,
  projectionPeriod: CostProjection['projectionPeriod'],
): CostProjection {
  const days = (lastMs - firstMs) / DAY_MS;
  if (!(days > 0)) return { projectionPeriod, projectedCost: 0, confidence: 0, basedOnDays: 0 };
  return {
    projectionPeriod,
    projectedCost: (cost / days) * DAYS[projectionPeriod],
    confidence: Math.min(MOST_CONFIDENCE, Math.max(LEAST_CONFIDENCE, days / FULL_BASIS_DAYS)),
    basedOnDays: Math.round(days * 10) / 10,
  };
}
