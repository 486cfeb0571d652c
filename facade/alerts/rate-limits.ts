/** How often a threshold has alerted. */
import type { Alert, RateLimitConfig } from './types';

interface Counted {
  sinceMs: number;
  count: number;
}

/** Of so many orchestrators; whoever was quiet the longest is forgotten, and may alert anew. */
const ORCHESTRATORS_MAX = 20_000;

/** Percentages of one orchestrator, before those whose window has ended are looked for. */
const KEYS_MAX = 1000;

/** Windows begin with the first alert of a threshold, and end `windowMs` later. */
export class RateLimits {
  readonly #counted = new Map<string, Map<string, Counted>>();
  /** Of a former process, oldest first, until the window they fall into is known. */
  readonly #former = new Map<string, Array<{ key: string; atMs: number }>>();

  /** Counts the alert, unless there were enough. */
  admits(orchestratorId: string, key: string, limit: RateLimitConfig, nowMs: number): boolean {
    const counted = this.#of(orchestratorId, limit);
    const entry = counted.get(key);
    const isOpen = entry !== undefined && nowMs - entry.sinceMs < limit.windowMs;
    if (isOpen && entry.count >= limit.maxAlertsPerThreshold) return false;
    count(counted, key, nowMs, limit.windowMs);
    return true;
  }

  /** Those of an orchestrator that is not told of any more. */
  forget(orchestratorId: string): void {
    this.#counted.delete(orchestratorId);
    this.#former.delete(orchestratorId);
  }

  /** Of a configuration that changes all the time: a window that has ended counts like none, unless it gets longer. */
  dropEnded(orchestratorId: string, limit: RateLimitConfig, nowMs: number): void {
    const counted = this.#counted.get(orchestratorId);
    if (counted === undefined || counted.size <= KEYS_MAX) return;
    for (const [key, { sinceMs }] of counted) {
      if (nowMs - sinceMs >= limit.windowMs) counted.delete(key);
    }
  }

  /** Alerts of a former process, oldest first: a restart is no reason to tell everything again. */
  restore(alerts: Iterable<Alert>): void {
    for (const { orchestratorId, threshold, metadata, createdAt } of alerts) {
      const known = this.#former.get(orchestratorId) ?? [];
      known.push({ key: limitKey(threshold.percentage, metadata), atMs: createdAt.getTime() });
      this.#former.set(orchestratorId, known);
    }
  }

  #of(orchestratorId: string, { windowMs }: RateLimitConfig): Map<string, Counted> {
    let counted = this.#counted.get(orchestratorId);
    if (counted === undefined) {
      counted = new Map();
      for (const { key, atMs } of this.#former.get(orchestratorId) ?? []) count(counted, key, atMs, windowMs);
      this.#former.delete(orchestratorId);
    }
    // Last, as the one that was asked for last.
    this.#counted.delete(orchestratorId);
    this.#counted.set(orchestratorId, counted);
    if (this.#counted.size > ORCHESTRATORS_MAX) {
      const [quietest] = this.#counted.keys();
      if (quietest !== undefined) this.#counted.delete(quietest);
    }
    return counted;
  }
}

/** Each budget of a tracker counts by itself: the day is another one than the hour, money another one than tokens. */
export function limitKey(
  percentage: number,
  metadata: Readonly<Record<string, unknown>> | undefined,
): string {
  const { period, unit } = metadata ?? {};
  const budget = [period, unit].filter(each => typeof each === 'string').join(' ');
  return budget === '' ? String(percentage) : `${budget} ${percentage}`;
}

function count(counted: Map<string, Counted>, key: string, atMs: number, windowMs: number): void {
  const entry = counted.get(key);
  if (entry === undefined || atMs - entry.sinceMs >= windowMs) counted.set(key, { sinceMs: atMs, count: 1 });
  else entry.count += 1;
}
