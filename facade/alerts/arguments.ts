/** What methods are given, checked. */
import * as check from '../validate';
import { TEXT_MAX_BYTES } from './fields';
import type { HistoryQuery } from './history';
import { LEVELS } from './levels';
import type { AlertUsage } from './types';

const NOTE_MAX_BYTES = 4096;
const FILTER_NAMES: ReadonlySet<string> = new Set([
  ...([
    'orchestratorId',
    'level',
    'acknowledged',
    'dateRange',
    'limit',
    'offset',
    'sortBy',
    'sortOrder',
  ] as const),
]);
const AMOUNTS = ['tokensUsed', 'tokensLimit', 'costUsed', 'costLimit', 'percentageUsed'] as const;

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function readAlertUsage(value: unknown): AlertUsage {
  const source = check.object(value, 'usage');
  const usage: Partial<AlertUsage> = {};
  for (const name of AMOUNTS) {
    const amount = check.own(source, name, 'usage');
    const isLimit = name === 'tokensLimit' || name === 'costLimit';
    const fits = typeof amount === 'number' && amount >= 0 && (isLimit || Number.isFinite(amount));
    if (!fits) throw check.invalid(`usage.${name}`, 'a number that is not negative', amount);
    usage[name] = amount;
  }
  return usage as AlertUsage;
}

export function readAlertId(value: unknown): string {
  if (typeof value !== 'string') throw check.invalid('alertId', 'a string', value);
  return value;
}

export function readNote(options: unknown): string | undefined {
  if (options === undefined) return undefined;
  const note = check.own(check.object(options, 'options'), 'note', 'options');
  return note === undefined ? undefined : check.text(note, 'options.note', NOTE_MAX_BYTES, 'well-formed');
}

export function readHistoryQuery(value: unknown): HistoryQuery {
  const source = check.object(value, 'filter');
  check.onlyNames(source, 'filter', FILTER_NAMES);
  const optional = <T>(key: keyof HistoryQuery, reader: (given: unknown, at: string) => T) => {
    const given = check.own(source, key, 'filter');
    return given === undefined ? undefined : reader(given, `filter.${key}`);
  };
  return {
    // Empty is none, as it is of `level`: forms send it.
    orchestratorId: optional('orchestratorId', readName) || undefined,
    level: optional('level', (given, at) => (given === '' ? undefined : check.oneOf(given, at, LEVELS))),
    acknowledged: optional('acknowledged', check.boolean),
    dateRange: optional('dateRange', readRange),
    limit: optional('limit', check.count) || 100,
    offset: optional('offset', check.count) ?? 0,
    sortBy:
      optional('sortBy', (given, at) =>
        check.oneOf(given, at, ['createdAt', 'level', 'percentageUsed'] as const),
      ) ?? 'createdAt',
    sortOrder:
      optional('sortOrder', (given, at) => check.oneOf(given, at, ['asc', 'desc'] as const)) ?? 'desc',
  };
}

export function readRange(value: unknown, at: string): { start: Date; end: Date } {
  const source = check.object(value, at);
  const date = (key: 'start' | 'end') => new Date(check.instant(check.own(source, key, at), `${at}.${key}`));
  return { start: date('start'), end: date('end') };
}

function readName(value: unknown, at: string): string {
  return check.text(value, at, TEXT_MAX_BYTES, 'well-formed');
}
