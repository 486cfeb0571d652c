/** Cost and tokens over time, anomalies and alerts, for `/api/report` and `/api/alerts`. */
import { TokenBudgetError } from '../errors';
import * as check from '../validate';
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
/** Orchestrators in which anomalies are looked for, those that used most. */
const LOOKED_AT_MAX = 20;
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

  /** `anomalies`: the latest, or `null` when nobody looked for any; `anomaliesLeftOut`: in so many nobody looked. */
  async #make({ days, granularity, orchestratorId }: Wanted): Promise<object> {
    const endTime = new Date();
    const params = { startTime: new Date(endTime.getTime() - days * DAY_MS), endTime, granularity };
    const report = await this.#ask({
      ...params,
      ...(orchestratorId !== undefined && { orchestratorId }),
      groupBy: ['model', 'orchestrator'],
    });
    const found =
      report.anomalies === undefined && orchestratorId === undefined
        ? await this.#lookInEach(mostUsing(report), params)
        : { anomalies: report.anomalies ?? null, leftOut: report.anomalySearch?.notLookedAt ?? 0 };
    const anomalies = found.anomalies === null ? null : latest(found.anomalies);
    return { ...report, anomalies, anomaliesLeftOut: found.leftOut };
  }

  /** For a reporter that looks only in an orchestrator that is named. */
  async #lookInEach(ids: readonly string[], params: object): Promise<Found> {
    const anomalies: object[] = [];
    for (const orchestratorId of ids.slice(0, LOOKED_AT_MAX)) {
      const one = await this.#ask({ ...params, orchestratorId, groupBy: ['model'] });
      // It looks for none, whoever is named.
      if (one.anomalies === undefined) return { anomalies: null, leftOut: 0 };
      anomalies.push(...one.anomalies);
    }
    if (ids.length === 0) return { anomalies: null, leftOut: 0 };
    return { anomalies, leftOut: Math.max(0, ids.length - LOOKED_AT_MAX) };
  }

  async #ask(params: object): Promise<AskedReport> {
    const report = (await this.#reporter.getReport({ ...params, includeAnomalies: true })) as AskedReport;
    const { anomalies, ...rest } = report;
    return Array.isArray(anomalies) ? report : rest;
  }
}

interface AskedReport {
  /** `undefined`: none were looked for. */
  anomalies?: readonly object[];
  /** Of reporters that tell where they looked. */
  anomalySearch?: { notLookedAt?: number };
  breakdown?: unknown;
}

interface Found {
  anomalies: readonly object[] | null;
  leftOut: number;
}

/** Names of orchestrators, the one that used most first. */
function mostUsing({ breakdown }: AskedReport): string[] {
  const groups = (Array.isArray(breakdown) ? breakdown : []) as Array<Record<string, unknown>>;
  return groups
    .filter(({ type, key }) => type === 'orchestrator' && typeof key === 'string' && key !== '')
    .sort((a, b) => Number(b.totalTokens) - Number(a.totalTokens))
    .map(({ key }) => key as string);
}

function latest(anomalies: readonly object[]): object[] {
  const atMs = (one: object) =>
    new Date((one as { timestamp?: string | Date }).timestamp ?? 0).getTime() || 0;
  return [...anomalies].sort((a, b) => atMs(a) - atMs(b)).slice(-ANOMALIES_MAX);
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
  const text = query.get('days') ?? '7';
  const days = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(days >= 1 && days <= DAYS_MAX)) {
    return `days: expected a whole number from 1 to ${DAYS_MAX}`;
  }
  const granularity = query.get('granularity') ?? (days <= HOURLY_DAYS_MAX ? 'hourly' : 'daily');
  if (granularity !== 'hourly' && granularity !== 'daily') return 'granularity: expected hourly or daily';
  const orchestrator = query.get('orchestrator');
  try {
    const orchestratorId =
      orchestrator === null ? undefined : check.orchestrator(orchestrator, 'orchestrator');
    return { days, granularity, orchestratorId };
  } catch (error) {
    if (error instanceof TokenBudgetError) return error.message;
    throw error;
  }
}
