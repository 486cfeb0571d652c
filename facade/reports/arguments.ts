/** What the methods of reporters are given, checked. */
import { TokenBudgetError } from '../errors';
import type { BudgetPeriod } from '../types/budget';
import type { CostParams, Currency } from '../types/costs';
import type { ExportOptions, ReportGranularity, ReportGroup, ReportParams } from '../types/reports';
import {
  boolean,
  elements,
  instant,
  invalid,
  object,
  oneOf,
  onlyNames,
  orchestrator,
  own,
  text,
} from '../validate';
import type { KnownLimit } from './budget-status';
import { timeZoneAt } from './config';
import type { ReportSpec } from './report';
import type { LedgerQuery } from './source';

const GRANULARITIES: readonly ReportGranularity[] = ['hourly', 'daily', 'weekly', 'monthly'];
const GROUPS: readonly ReportGroup[] = ['orchestrator', 'session', 'model', 'tool'];
const PERIODS: readonly BudgetPeriod[] = ['hourly', 'daily', 'monthly'];
const CURRENCIES: readonly Currency[] = ['USD', 'EUR', 'GBP'];
const DEFAULT_GROUPS: readonly ReportGroup[] = ['orchestrator', 'model'];
const FORMATS = ['csv', 'json', 'ndjson'] as const;
const SESSION_ID_MAX_BYTES = 1024;

/** An option that may be left out, given as `null` too. */
function optional<T>(
  source: object,
  key: string,
  at: string,
  read: (value: unknown, field: string) => T,
): T | undefined {
  const value = own(source, key, at);
  return value === undefined || value === null ? undefined : read(value, `${at}.${key}`);
}

/** Of all methods that take a time: one object may be given to several of them. */
const NAMES: ReadonlySet<string> = new Set<keyof ReportParams | keyof CostParams | keyof ExportOptions>([
  ...(['orchestratorId', 'sessionId', 'startTime', 'endTime', 'granularity', 'groupBy'] as const),
  ...(['includeAnomalies', 'timeZone', 'currency', 'includeProjection', 'format'] as const),
]);

export function readFilter(given: unknown, at: string): LedgerQuery {
  const source = object(given, at);
  onlyNames(source, at, NAMES);
  const startMs = instant(own(source, 'startTime', at), `${at}.startTime`);
  const endMs = instant(own(source, 'endTime', at), `${at}.endTime`);
  if (endMs < startMs) {
    const field = `${at}.endTime`;
    throw new TokenBudgetError(
      'INVALID_ARGUMENT',
      `${field}: expected an instant not before ${at}.startTime`,
      {
        field,
      },
    );
  }
  // As in the published reporter, an empty id asks for everybody's.
  const id = (value: unknown, field: string) => (value === '' ? undefined : orchestrator(value, field));
  const session = (value: unknown, field: string) =>
    text(value, field, SESSION_ID_MAX_BYTES, 'lone allowed') || undefined;
  const orchestratorId = optional(source, 'orchestratorId', at, id);
  const sessionId = optional(source, 'sessionId', at, session);
  return {
    ...{ startMs, endMs },
    ...(orchestratorId !== undefined && { orchestratorId }),
    ...(sessionId !== undefined && { sessionId }),
  };
}

export function readReportParams(given: unknown, timeZone: string, currency: string): ReportSpec {
  const query = readFilter(given, 'params');
  const source = given as object;
  const groupBy = optional(source, 'groupBy', 'params', (value, at) =>
    elements(value, at, GROUPS.length * 4).map((group, index) => oneOf(group, `${at}.${index}`, GROUPS)),
  );
  return {
    ...{ query, currency },
    granularity: oneOf(own(source, 'granularity', 'params'), 'params.granularity', GRANULARITIES),
    groupBy: groupBy === undefined || groupBy.length === 0 ? DEFAULT_GROUPS : groupBy,
    includeAnomalies: optional(source, 'includeAnomalies', 'params', boolean) ?? false,
    timeZone: optional(source, 'timeZone', 'params', timeZoneAt) ?? timeZone,
  };
}

export function readCostParams(
  given: unknown,
  currency: Currency,
): { query: LedgerQuery; currency: Currency; includeProjection: boolean } {
  const query = readFilter(given, 'params');
  const source = given as object;
  return {
    query,
    currency: optional(source, 'currency', 'params', (value, at) => oneOf(value, at, CURRENCIES)) ?? currency,
    includeProjection: optional(source, 'includeProjection', 'params', boolean) ?? false,
  };
}

export function readLimit(orchestratorId: unknown, period: unknown, limit: unknown): KnownLimit {
  if (typeof limit !== 'number' || !(limit >= 0)) throw invalid('limit', 'a number from 0 on', limit);
  return {
    orchestratorId: orchestrator(orchestratorId, 'orchestratorId'),
    period: oneOf(period, 'period', PERIODS),
    limit,
  };
}

export type ExportFormat = (typeof FORMATS)[number];

export function readExport(given: unknown): { query: LedgerQuery; format: ExportFormat } {
  const query = readFilter(given, 'options');
  return { query, format: oneOf(own(given as object, 'format', 'options'), 'options.format', FORMATS) };
}
