import type { UsageStatistics } from '../../types/reports';

/** As the published reporter computes them: the deviation of all values, and quartiles without interpolation. */
export function statisticsOf(values: readonly number[]): UsageStatistics {
  const dataPoints = values.length;
  if (dataPoints === 0) return { mean: 0, median: 0, stdDev: 0, min: 0, max: 0, q1: 0, q3: 0, dataPoints };
  const sorted = [...values].sort((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.floor(dataPoints * fraction)] as number;
  const mean = values.reduce((sum, value) => sum + value, 0) / dataPoints;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / dataPoints;
  return {
    ...{ mean, median: at(1 / 2), stdDev: Math.sqrt(variance) },
    ...{ min: sorted[0] as number, max: sorted.at(-1) as number, q1: at(1 / 4), q3: at(3 / 4), dataPoints },
  };
}
