/** Where anomalies are looked for. */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** More than a year. Of a longer time the end is looked at. */
const HOURS_MAX = 10_000;

export interface LookedAt {
  /** From when on usage says what spikes are measured by: a day at least. */
  sinceMs: number;
  fromMs: number;
  toMs: number;
}

/** As the published reporter looks. */
export function lastDay(nowMs: number): LookedAt {
  return { sinceMs: nowMs - DAY_MS, fromMs: nowMs - DAY_MS, toMs: nowMs };
}

/** The hours of a time, whole ones, as far as they have begun; `undefined`: none has. */
export function hoursOf(startMs: number, endMs: number, nowMs: number): LookedAt | undefined {
  if (startMs > nowMs) return undefined;
  const toMs = Math.min(nowMs, hourOf(endMs) + HOUR_MS - 1);
  const firstMs = hourOf(toMs) - (HOURS_MAX - 1) * HOUR_MS;
  const fromMs = Math.max(0, firstMs, hourOf(startMs));
  return { sinceMs: Math.max(0, Math.min(fromMs, hourOf(toMs - DAY_MS))), fromMs, toMs };
}

function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS) * HOUR_MS;
}
