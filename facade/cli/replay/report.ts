import { PERIODS } from '../../periods';
import type { BudgetPeriod } from '../../types';
import type { ReplayOptions } from './options';
import type { MalformedRow } from './rows';
import type { Outcome } from './run';
import { type Tally, totalOf } from './tally';

/** Malformed rows that `--json` lists; all of them are counted. */
export const MALFORMED_LISTED_MAX = 1000;

type Limits = Record<BudgetPeriod, number | null>;

/**
 * What `--json` prints. Fields are added, never renamed. Amounts are tokens, instants ISO 8601 in UTC,
 * `null` in a limit is unlimited.
 */
export interface ReplayReport {
  trace: string;
  /** Times of the rows; `null` without a row. */
  firstAt: string | null;
  lastAt: string | null;
  store: 'embedded' | 'redis';
  /** Redis only, without credentials. */
  address: string | null;
  keyPrefix: string | null;
  /** Redis only: added to the times of the trace so that the last row is now. */
  rebasedByMs: number | null;
  orchestratorId: string;
  timeZone: string;
  estimate: string;
  limits: Limits;
  requests: number;
  admitted: number;
  denied: number;
  deniedBy: Record<BudgetPeriod, number>;
  failed: number;
  malformedRows: number;
  /** The first 1,000 of them. */
  malformed: MalformedRow[];
  outOfOrderRows: number;
  /** Settled. */
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
  deniedPromptTokens: number;
  deniedCompletionTokens: number;
  deniedTotalTokens: number;
  /** Estimates that were held, and what was settled beyond them. */
  reservedTokens: number;
  overageTokens: number;
  windows: Array<{
    period: BudgetPeriod;
    startsAt: string;
    endsAt: string;
    promptTokens: number;
    completionTokens: number;
    totalTokens: number;
    limitTokens: number | null;
  }>;
  thresholds: Array<{
    /** The fraction. */
    threshold: number;
    period: BudgetPeriod;
    /** The time in the trace of the request that crossed it. */
    traceAt: string;
    /** Redis only: the same, rebased to now. */
    rebasedAt: string | null;
    /** By the store's clock, which is that of the trace on the embedded store. */
    storeAt: string;
    usedTokens: number;
    reservedTokens: number;
    limitTokens: number;
  }>;
  selfCheck: { agrees: boolean; differences: string[] };
  notes: string[];
  /** Reservations and settlements. */
  operations: number;
  durationMs: number;
  operationsPerSecond: number;
  interrupted: boolean;
  /** Why the replay stopped before the end of the trace; `null` when nothing failed. */
  failure: string | null;
}

export interface ReportParts {
  options: ReplayOptions;
  traceName: string;
  tally: Tally;
  malformed: MalformedRow[];
  outcome: Outcome;
  interrupted: boolean;
}

export function makeReport({
  options,
  traceName,
  tally,
  malformed,
  outcome,
  interrupted,
}: ReportParts): ReplayReport {
  const { settled, deniedTokens } = tally;
  const { rebasedByMs, differences, durationMs } = outcome;
  return {
    trace: traceName,
    firstAt: isoOrNull(tally.firstMs),
    lastAt: isoOrNull(tally.lastMs),
    store: options.store === null ? 'embedded' : 'redis',
    address: options.store?.address ?? null,
    keyPrefix: options.store?.keyPrefix ?? null,
    rebasedByMs,
    orchestratorId: options.orchestratorId,
    timeZone: options.timeZone,
    estimate: options.estimate,
    limits: Object.fromEntries(PERIODS.map(period => [period, options.budget[period] ?? null])) as Limits,
    requests: tally.requests,
    admitted: tally.admitted,
    denied: tally.denied,
    deniedBy: tally.deniedBy,
    failed: tally.failed,
    malformedRows: tally.malformed,
    malformed,
    outOfOrderRows: tally.outOfOrder,
    ...settled,
    totalTokens: totalOf(settled),
    deniedPromptTokens: deniedTokens.promptTokens,
    deniedCompletionTokens: deniedTokens.completionTokens,
    deniedTotalTokens: totalOf(deniedTokens),
    reservedTokens: tally.reservedTokens,
    overageTokens: tally.overageTokens,
    windows: outcome.windows.map(({ startMs, endMs, limitTokens, period, ...tokens }) => ({
      period,
      startsAt: iso(startMs),
      endsAt: iso(endMs),
      ...tokens,
      limitTokens: limitTokens === Number.POSITIVE_INFINITY ? null : limitTokens,
    })),
    thresholds: outcome.crossings.map(({ event, traceMs }) => ({
      threshold: event.threshold,
      period: event.period,
      traceAt: iso(traceMs),
      rebasedAt: rebasedByMs === null ? null : iso(traceMs + rebasedByMs),
      storeAt: event.timestamp.toISOString(),
      usedTokens: event.currentUsage,
      reservedTokens: event.reservedTokens ?? 0,
      limitTokens: event.limit,
    })),
    selfCheck: { agrees: differences.length === 0, differences },
    notes: outcome.notes,
    operations: tally.operations,
    durationMs: Math.round(durationMs * 1000) / 1000,
    operationsPerSecond: durationMs > 0 ? Math.round((tally.operations / durationMs) * 1000) : 0,
    interrupted,
    failure: outcome.failure,
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : iso(atMs);
}
