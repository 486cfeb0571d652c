import type { Anomaly, AnomalyDetectionConfig } from '../../types/reports';
import { weeksBefore } from '../calendar';
import type { UsageSource } from '../source';
import { severityOf } from './severity';
import { byHour, HOUR_MS, hourBoundaries } from './spikes';

const WEEK_MS = 168 * HOUR_MS;
const WEEKS_MAX = 8;
/** With fewer weeks nobody can say what is usual. */
const WEEKS_MIN = 4;
const LOOKED_AT_HOURS = 24;
/** A median absolute deviation times this is a standard deviation, were the values normally distributed. */
const DEVIATION_OF_MEDIAN = 1.4826;
/** The least deviation, as a share of what is usual: a clockwork would otherwise be unusual at every tick. */
const SHARE_OF_MEDIAN = 0.1;
const SHARE_OF_ALL_HOURS = 0.2;

/**
 * Hours of the last 24 that are not like the same hour of the same weekday in the weeks before: much more, or, once
 * they are over, much less.
 */
export async function findUnusualHours(
  source: UsageSource,
  orchestratorId: string,
  config: AnomalyDetectionConfig,
  nowMs: number,
  timeZone: string,
): Promise<Anomaly[]> {
  const currentMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  const firstMs = currentMs - (LOOKED_AT_HOURS - 1) * HOUR_MS;
  // An hour more, for clocks that were set in between.
  const query = { orchestratorId, startMs: firstMs - WEEKS_MAX * WEEK_MS - HOUR_MS, endMs: nowMs };
  const sums = await source.read(query, view => view.sums('none', hourBoundaries(query.startMs, nowMs)));
  const hours = byHour(sums);
  const sinceMs = Math.min(...hours.keys());
  const weeks = Math.min(WEEKS_MAX, Math.floor((firstMs - sinceMs) / WEEK_MS));
  if (!(weeks >= WEEKS_MIN)) return [];
  const all = [...hours].filter(([hourMs]) => hourMs < firstMs).reduce((sum, [, tokens]) => sum + tokens, 0);
  const perHour = all / ((firstMs - sinceMs) / HOUR_MS);
  const found: Anomaly[] = [];
  for (let hourMs = firstMs; hourMs <= currentMs; hourMs += HOUR_MS) {
    const tokens = hours.get(hourMs) ?? 0;
    const before = Array.from({ length: weeks }, (_, week) => {
      const thenMs = weeksBefore(hourMs, week + 1, timeZone);
      return hours.get(Math.floor(thenMs / HOUR_MS) * HOUR_MS) ?? 0;
    });
    const usual = medianOf(before);
    const apart = medianOf(before.map(value => Math.abs(value - usual)));
    const spread = Math.max(
      ...[apart * DEVIATION_OF_MEDIAN, usual * SHARE_OF_MEDIAN, perHour * SHARE_OF_ALL_HOURS],
    );
    const deviation = Math.abs(tokens - usual) / spread;
    const isOver = hourMs < currentMs;
    if (!(deviation > config.spikeThreshold) || (tokens < usual && !isOver)) continue;
    found.push({
      ...{ id: `unusual-${orchestratorId}-${hourMs}`, orchestratorId, timestamp: new Date(hourMs) },
      ...{ type: 'unusual_pattern', severity: severityOf(deviation, config.spikeThreshold) },
      description: `Unusual for this hour of the week: ${tokens} tokens where ${Math.round(usual)} are usual`,
      ...{ actualValue: tokens, expectedValue: usual },
      deviationPercentage: usual > 0 ? ((tokens - usual) / usual) * 100 : 100,
      metadata: { weeks },
    });
  }
  return found;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
