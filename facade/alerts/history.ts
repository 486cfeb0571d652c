/** The latest alerts. */
import { AlertChannel, AlertLevel, priorityOf } from './levels';
import type { Alert, AlertStats } from './types';

export interface HistoryQuery {
  orchestratorId: string | undefined;
  level: AlertLevel | undefined;
  acknowledged: boolean | undefined;
  dateRange: { start: Date; end: Date } | undefined;
  limit: number;
  offset: number;
  sortBy: 'createdAt' | 'level' | 'percentageUsed';
  sortOrder: 'asc' | 'desc';
}

/** At most `limit` alerts: of more, the oldest are forgotten. */
export class AlertHistory {
  readonly #limit: number;
  /** In the order they came. */
  readonly #alerts = new Map<string, Alert>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The ids of those that were forgotten for it. */
  add(alert: Alert): string[] {
    this.#alerts.set(alert.id, alert);
    const forgotten: string[] = [];
    for (const id of this.#alerts.keys()) {
      if (this.#alerts.size <= this.#limit) break;
      this.#alerts.delete(id);
      forgotten.push(id);
    }
    return forgotten;
  }

  get(id: string): Alert | undefined {
    return this.#alerts.get(id);
  }

  query({ sortBy, sortOrder, offset, limit, ...filter }: HistoryQuery): Alert[] {
    const { orchestratorId, level, acknowledged, dateRange } = filter;
    const found = [...this.#alerts.values()].filter(
      alert =>
        (orchestratorId === undefined || alert.orchestratorId === orchestratorId) &&
        (level === undefined || alert.level === level) &&
        (acknowledged === undefined || alert.acknowledged === acknowledged) &&
        isWithin(alert, dateRange),
    );
    const sign = sortOrder === 'asc' ? 1 : -1;
    // Stable: what is equal stays in the order it came in.
    found.sort((one, other) => sign * (ranked(one, sortBy) - ranked(other, sortBy)));
    return found.slice(offset, offset + limit);
  }

  stats(orchestratorId: string, timeRange: { start: Date; end: Date } | undefined): AlertStats {
    const alerts = [...this.#alerts.values()].filter(
      alert => alert.orchestratorId === orchestratorId && isWithin(alert, timeRange),
    );
    const byLevel = countsOf(Object.values(AlertLevel));
    const byChannel = countsOf(Object.values(AlertChannel));
    let acknowledgedIn = 0;
    let timed = 0;
    for (const { level, channels, acknowledgedAt, createdAt } of alerts) {
      byLevel[level] += 1;
      for (const channel of channels) byChannel[channel] += 1;
      if (acknowledgedAt === undefined) continue;
      acknowledgedIn += acknowledgedAt.getTime() - createdAt.getTime();
      timed += 1;
    }
    const acknowledged = alerts.filter(alert => alert.acknowledged).length;
    return {
      orchestratorId,
      totalAlerts: alerts.length,
      byLevel,
      byChannel,
      acknowledged,
      unacknowledged: alerts.length - acknowledged,
      autoPauseCount: alerts.filter(alert => alert.autoPauseTriggered === true).length,
      avgAckTimeMs: timed === 0 ? undefined : acknowledgedIn / timed,
      timeRange: timeRange ?? { start: new Date(0), end: new Date() },
    } as AlertStats;
  }

  /** Forgets those of an orchestrator that are older than `before`; answers their ids. */
  clear(orchestratorId: string, before: Date): string[] {
    const cleared: string[] = [];
    for (const alert of this.#alerts.values()) {
      if (alert.orchestratorId === orchestratorId && alert.createdAt < before) cleared.push(alert.id);
    }
    for (const id of cleared) this.#alerts.delete(id);
    return cleared;
  }
}

function isWithin({ createdAt }: Alert, range: { start: Date; end: Date } | undefined): boolean {
  return range === undefined || (createdAt >= range.start && createdAt <= range.end);
}

function ranked(alert: Alert, by: HistoryQuery['sortBy']): number {
  if (by === 'level') return priorityOf(alert.level);
  return by === 'percentageUsed' ? alert.currentUsage.percentageUsed : alert.createdAt.getTime();
}

function countsOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map(name => [name, 0])) as Record<Name, number>;
}
