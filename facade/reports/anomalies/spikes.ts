import type { Anomaly, AnomalyDetectionConfig } from '../../types/reports';
import type { LedgerSums, UsageSource } from '../source';
import { severityOf } from './severity';
import { statisticsOf } from './statistics';

export const HOUR_MS = 3_600_000;
const LOOK_BACK_MS = 24 * HOUR_MS;

/** Hours of the last 24 with usage that lie further from their mean than `spikeThreshold` standard deviations. */
export async function findSpikes(
  source: UsageSource,
  orchestratorId: string,
  config: AnomalyDetectionConfig,
  nowMs: number,
): Promise<Anomaly[]> {
  const query = { orchestratorId, startMs: nowMs - LOOK_BACK_MS, endMs: nowMs };
  const hours = await source.read(query, view => view.sums('none', hourBoundaries(query.startMs, nowMs)));
  const windows = byHour(hours);
  const records = hours.reduce((sum, hour) => sum + hour.records, 0);
  if (records < config.minDataPoints) return [];
  const { mean, stdDev } = statisticsOf([...windows.values()]);
  // All hours are alike, and dividing by nothing would say anything.
  if (stdDev === 0) return [];
  const found: Anomaly[] = [];
  for (const [hourMs, tokens] of windows) {
    const deviation = Math.abs(tokens - mean) / stdDev;
    if (!(deviation > config.spikeThreshold)) continue;
    const [what, sessionId] = [
      tokens > mean ? 'spike' : 'drop',
      await topSession(source, orchestratorId, hourMs),
    ];
    found.push({
      ...{
        id: `spike-${orchestratorId}-${hourMs}`,
        orchestratorId,
        timestamp: new Date(hourMs),
        type: 'spike',
      },
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
