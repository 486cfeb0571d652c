import type { Anomaly, AnomalyDetectionConfig } from '../../types/reports';
import type { LedgerSums, UsageSource } from '../source';
import type { LookedAt } from './looked-at';
import { severityOf } from './severity';
import { statisticsOf } from './statistics';

const HOUR_MS = 3_600_000;
/** Asking for the session is a read of its own. */
const SESSIONS_TOLD_MAX = 20;

/**
 * Hours of the looked at with usage that lie further than `spikeThreshold` standard deviations from the mean of all hours
 * with usage since `sinceMs`.
 */
export async function findSpikes(
  source: UsageSource,
  orchestratorId: string,
  config: AnomalyDetectionConfig,
  { sinceMs, fromMs, toMs }: LookedAt,
): Promise<Anomaly[]> {
  const query = { orchestratorId, startMs: sinceMs, endMs: toMs };
  const hours = await source.read(query, view => view.sums('none', hourBoundaries(sinceMs, toMs)));
  const windows = byHour(hours);
  const records = hours.reduce((sum, hour) => sum + hour.records, 0);
  if (records < config.minDataPoints) return [];
  const { mean, stdDev } = statisticsOf([...windows.values()]);
  // All hours are alike, and dividing by nothing would say anything.
  if (stdDev === 0) return [];
  const found: Anomaly[] = [];
  for (const [hourMs, tokens] of windows) {
    const deviation = Math.abs(tokens - mean) / stdDev;
    if (!(deviation > config.spikeThreshold) || hourMs + HOUR_MS <= fromMs) continue;
    const what = tokens > mean ? 'spike' : 'drop';
    const sessionId =
      found.length < SESSIONS_TOLD_MAX ? await topSession(source, orchestratorId, hourMs) : undefined;
    found.push({
      ...{ id: `spike-${orchestratorId}-${hourMs}`, orchestratorId },
      ...{ timestamp: new Date(hourMs), type: 'spike' },
      ...(sessionId !== undefined && { sessionId }),
      severity: severityOf(deviation, config.spikeThreshold),
      description: `Token usage ${what} detected: ${tokens} tokens (${deviation.toFixed(1)} std devs from mean)`,
      ...{ actualValue: tokens, expectedValue: mean, deviationPercentage: ((tokens - mean) / mean) * 100 },
    });
  }
  return found;
}

/** Hours since 1970: what the published reporter calls windows. */
export function hourBoundaries(startMs: number, endMs: number): number[] {
  const boundaries: number[] = [];
  for (let atMs = Math.floor(startMs / HOUR_MS) * HOUR_MS; atMs <= endMs; atMs += HOUR_MS)
    boundaries.push(atMs);
  return boundaries;
}

/** Tokens of the hours that have records, of all currencies. */
export function byHour(sums: readonly LedgerSums[]): Map<number, number> {
  const hours = new Map<number, number>();
  for (const { bucketMs = 0, total } of sums) hours.set(bucketMs, (hours.get(bucketMs) ?? 0) + total);
  return new Map([...hours].sort(([a], [b]) => a - b));
}

/** The session that used the most in an hour. */
async function topSession(
  source: UsageSource,
  orchestratorId: string,
  hourMs: number,
): Promise<string | undefined> {
  const query = { orchestratorId, startMs: hourMs, endMs: hourMs + HOUR_MS - 1 };
  const sessions = await source.read(query, view => view.sums('session'));
  return sessions.sort((a, b) => b.total - a.total)[0]?.key;
}
