/** Records of a storage that is the caller's: whatever a driver makes of them. */
import { TokenBudgetError } from '../errors';
import { describe, shortened } from '../text';
import type { TokenUsageRecord } from '../types/costs';
import { own } from '../validate';
import type { RecordedCost } from './cost-source';
import { ledgerRecord } from './records';
import type { LedgerRecord } from './source';

const COUNT = 'an integer from 0 to 2^53 - 1, as a number or as text';

/**
 * Counts may be text or bigints, as drivers of databases give 64-bit integers, instants whatever a `Date` is made of. What
 * cannot be is refused: `INVALID_ARGUMENT` with its path and the id of the record, for sums over it would tell nothing.
 */
export function foreignRecord(
  given: unknown,
  at: string,
  costOf: (usage: TokenUsageRecord) => RecordedCost,
): LedgerRecord {
  if (typeof given !== 'object' || given === null) throw refused(at, 'a record', given, undefined);
  const id = own(given, 'id', at);
  const read = <T>(key: string, expected: string, parse: (value: unknown) => T | undefined): T => {
    const value = (given as Record<string, unknown>)[key];
    const parsed = parse(value);
    if (parsed === undefined) throw refused(`${at}.${key}`, expected, value, id);
    return parsed;
  };
  const optional = <T>(key: string, expected: string, parse: (value: unknown) => T | undefined) => {
    const value = (given as Record<string, unknown>)[key];
    return value === undefined || value === null ? undefined : read(key, expected, parse);
  };
  const kept = {
    toolCallId: optional('toolCallId', 'a string', textOf),
    cacheReadTokens: optional('cacheReadTokens', COUNT, countOf),
    cacheWriteTokens: optional('cacheWriteTokens', COUNT, countOf),
    reasoningTokens: optional('reasoningTokens', COUNT, countOf),
    batch: optional('batch', 'true or false', value => (typeof value === 'boolean' ? value : undefined)),
    metadata: optional('metadata', 'an object that JSON can hold', objectOf),
  };
  const extra = JSON.stringify(kept);
  const atMs = read('timestamp', 'an instant', instantOf);
  const tool = optional('toolName', 'a string', textOf) ?? '';
  const usage: TokenUsageRecord = {
    id: read('id', 'a string', textOf),
    orchestratorId: read('orchestratorId', 'a string', textOf),
    sessionId: optional('sessionId', 'a string', textOf) ?? '',
    timestamp: new Date(atMs),
    modelId: read('modelId', 'a string', textOf),
    provider: optional('provider', 'a string', textOf) ?? '',
    inputTokens: read('inputTokens', COUNT, countOf),
    outputTokens: read('outputTokens', COUNT, countOf),
    totalTokens: read('totalTokens', COUNT, countOf),
    ...(tool !== '' && { toolName: tool }),
    ...(JSON.parse(extra) as Partial<TokenUsageRecord>),
  };
  return ledgerRecord({ usage, atMs, tool, extra: extra === '{}' ? '' : extra }, costOf(usage));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function countOf(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^\d{1,16}$/.test(value)) return undefined;
  if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'bigint') return undefined;
  const count = Number(value);
  return Number.isSafeInteger(count) && count >= 0 ? count + 0 : undefined;
}

function instantOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    const atMs = new Date(value as Date).getTime();
    return Number.isNaN(atMs) ? undefined : atMs;
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return undefined;
  }
}

export function refused(field: string, expected: string, got: unknown, id: unknown): TokenBudgetError {
  const whose = typeof id === 'string' ? ` (record ${JSON.stringify(shortened(id))})` : '';
  const message = `${field}: expected ${expected}, got ${describe(got)}${whose}`;
  return new TokenBudgetError('INVALID_ARGUMENT', message, { field });
}
