/** Cost and tokens over time, anomalies and alerts, for `/api/report` and `/api/alerts`. */
import type { DashboardAlerts, DashboardReporter } from './types';

const DAY_MS = 86_400_000;
const DAYS_MAX = 366;
/** Hours are told of so many days at most, days of more. */
const HOURLY_DAYS_MAX = 3;
/** A report is good for so long: many may watch, and it reads a lot. */
const REPORT_LASTS_MS = 5000;
const REPORTS_MAX = 50;
const ALERTS_MAX = 50;
const ANOMALIES_MAX = 50;
/** Orchestrators whose alerts are looked for. */
const ALERTING_MAX = 200;

export type ReportAnswer = { report: object } | { wrong: string };

interface Wanted {
  days: number;
  granularity: 'hourly' | 'daily';
  orchestratorId: string | undefined;
}

export class Reports {
  readonly #reporter: DashboardReporter;
  readonly #recent = new Map<string, { atMs: number; report: Promise<object> }>();

  constructor(reporter: DashboardReporter) {
    this.#reporter = reporter;
  }

  /** `days`, `granularity` and `orchestrator` of the query. Rejects as the reporter does. */
  async answer(query: URLSearchParams): Promise<ReportAnswer> {
    const wanted = readQuery(query);
    if (typeof wanted === 'string') return { wrong: wanted };
    const key = JSON.stringify(wanted);
    const nowMs = performance.now();
    const known = this.#recent.get(key);
    if (known !== undefined && nowMs - known.atMs < REPORT_LASTS_MS) return { report: await known.report };
    if (this.#recent.size >= REPORTS_MAX) this.#recent.clear();
    const report = this.#make(wanted);
    this.#recent.set(key, { atMs: nowMs, report });
    report.catch(() => this.#recent.delete(key));
    return { report: await report };
  }

  async #make({ days, granularity, orchestratorId }: Wanted): Promise<object> {
    const endTime = new Date();
    const report = (await this.#reporter.getReport({
      ...(orchestratorId !== undefined && { orchestratorId }),
      startTime: new Date(endTime.getTime() - days * DAY_MS),
      endTime,
      granularity,
      groupBy: ['model', 'orchestrator'],
      includeAnomalies: true,
    })) as { anomalies?: readonly object[] };
    const anomalies = Array.isArray(report.anomalies) ? report.anomalies : [];
    return { ...report, anomalies: anomalies.slice(-ANOMALIES_MAX) };
  }
}

/** The latest of all, newest first. */
export async function recentAlerts(alerts: DashboardAlerts, ids: readonly string[]): Promise<object[]> {
  const lists = await Promise.all(
    ids.slice(0, ALERTING_MAX).map(id => alerts.getAlertHistory(id, ALERTS_MAX)),
  );
  const atMs = (alert: object) => new Date((alert as { createdAt?: string | Date }).createdAt ?? 0).getTime();
  return lists
    .flat()
    .sort((a, b) => atMs(b) - atMs(a))
    .slice(0, ALERTS_MAX);
}

/** A text says what is wrong with it. */
function readQuery(query: URLSearchParams): Wanted | string {
  const days = Number(query.get('days') ?? 7);
  if (!(Number.isInteger(days) && days >= 1 && days <= DAYS_MAX)) {
    return `days: expected a whole number from 1 to ${DAYS_MAX}`;
  }
  const granularity = query.get('granularity') ?? (days <= HOURLY_DAYS_MAX ? 'hourly' : 'daily');
  if (granularity !== 'hourly' && granularity !== 'daily') return 'granularity: expected hourly or daily';
  return { days, granularity, orchestratorId: query.get('orchestrator') ?? undefined };
}
