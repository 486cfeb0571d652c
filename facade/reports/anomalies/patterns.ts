import type { Anomaly, AnomalyDetectionConfig } from '../../types/reports';
import { weeksBefore } from '../calendar';
import type { UsageSource } from '../source';
import type { LookedAt } from './looked-at';
import { severityOf } from './severity';
import { byHour, hourBoundaries } from './spikes';

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;
const WEEKS_MAX = 8;
/** With fewer weeks nobody can say what is usual. */
const WEEKS_MIN = 4;
const DAY_HOURS = 24;
/** A median absolute deviation times this is a standard deviation, were the values normally distributed. */
const DEVIATION_OF_MEDIAN = 1.4826;
/** The least deviation, as a share of what is usual: a clockwork would otherwise be unusual at every tick. */
const SHARE_OF_MEDIAN = 0.1;
const SHARE_OF_ALL_HOURS = 0.2;

/**
 * Hours that are not like the same hour of the same weekday in the weeks before: much more, or, once they are over, much
 * less. Each 24 hours, counted from the end, are compared with the weeks before them.
 */
export async function findUnusualHours(
  source: UsageSource,
  orchestratorId: string,
  config: AnomalyDetectionConfig,
  { fromMs, toMs }: LookedAt,
  nowMs: number,
  timeZone: string,
): Promise<Anomaly[]> {
  const lastMs = Math.floor(toMs / HOUR_MS) * HOUR_MS;
  const days = Math.max(1, Math.floor((lastMs - fromMs) / (DAY_HOURS * HOUR_MS) + 1));
  const firstMs = lastMs - (days * DAY_HOURS - 1) * HOUR_MS;
  // An hour more, for clocks that were set in between.
  const startMs = Math.max(0, firstMs - WEEKS_MAX * WEEK_MS - HOUR_MS);
  const query = { orchestratorId, startMs, endMs: toMs };
  const sums = await source.read(query, view => view.sums('none', hourBoundaries(startMs, toMs)));
  const hours = byHour(sums);
  const found: Anomaly[] = [];
  for (let dayMs = firstMs; dayMs <= lastMs; dayMs += DAY_HOURS * HOUR_MS) {
    const usual = usualFrom(hours, dayMs);
    if (usual === undefined) continue;
    for (let hourMs = dayMs; hourMs < dayMs + DAY_HOURS * HOUR_MS; hourMs += HOUR_MS) {
      if (hourMs + HOUR_MS <= fromMs) continue;
      const isOver = hourMs + HOUR_MS <= nowMs;
      const anomaly = unusualAt(hours, hourMs, usual, isOver, config.spikeThreshold, timeZone);
      if (anomaly !== undefined) {
        found.push({ id: `unusual-${orchestratorId}-${hourMs}`, orchestratorId, ...anomaly });
      }
    }
  }
  return found;
}

/** What was before a day: how many weeks, and how much in an hour. */
interface Usual {
  weeks: number;
  perHour: number;
}

/** `undefined`: too little was before. */
function usualFrom(hours: ReadonlyMap<number, number>, dayMs: number): Usual | undefined {
  const oldestMs = dayMs - WEEKS_MAX * WEEK_MS - HOUR_MS;
  let sinceMs = Number.POSITIVE_INFINITY;
  let all = 0;
  for (const [hourMs, tokens] of hours) {
    if (hourMs < oldestMs || hourMs >= dayMs) continue;
    sinceMs = Math.min(sinceMs, hourMs);
    all += tokens;
  }
  const weeks = Math.min(WEEKS_MAX, Math.floor((dayMs - sinceMs) / WEEK_MS));
  return weeks >= WEEKS_MIN ? { weeks, perHour: all / ((dayMs - sinceMs) / HOUR_MS) } : undefined;
}

function unusualAt(
  hours: ReadonlyMap<number, number>,
  hourMs: number,
  { weeks, perHour }: Usual,
  isOver: boolean,
  threshold: number,
  timeZone: string,
): Omit<Anomaly, 'id' | 'orchestratorId'> | undefined {
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
  if (!(deviation > threshold) || (tokens < usual && !isOver)) return undefined;
  return {
    ...{ timestamp: new Date(hourMs), type: 'unusual_pattern', severity: severityOf(deviation, threshold) },
    description: `Unusual for this hour of the week: ${tokens} tokens where ${Math.round(usual)} are usual`,
    ...{ actualValue: tokens, expectedValue: usual },
    deviationPercentage: usual > 0 ? ((tokens - usual) / usual) * 100 : 100,
    metadata: { weeks },
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
