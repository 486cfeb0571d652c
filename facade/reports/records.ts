/** Usages as callers give and get them, and as sources keep them. */
import { metadataJson, RawJson, toJson } from '../json';
import type { TokenUsageRecord } from '../types/costs';
import type { StoredUsage } from '../types/reports';
import { boolean, count, countField, instant, invalid, object, orchestrator, own, text } from '../validate';
import type { RecordedCost } from './cost-source';
import { picoText } from './pico';
import type { LedgerRecord } from './source';

const ID_MAX_BYTES = 1024;
const NAME_MAX_BYTES = 256;

/** A usage that was checked; `extra` is JSON of the fields that are only kept. */
export interface CheckedRecord {
  usage: TokenUsageRecord;
  atMs: number;
  tool: string;
  extra: string;
}

/** Reads each field once. Throws `INVALID_ARGUMENT`, naming it. */
export function readRecord(given: unknown, at = 'usage'): CheckedRecord {
  const source = object(given, at);
  const textAt = (key: string, maxBytes: number) =>
    text(own(source, key, at), `${at}.${key}`, maxBytes, 'well-formed');
  const optional = <T>(key: string, read: (value: unknown, field: string) => T): T | undefined => {
    const value = own(source, key, at);
    return value === undefined || value === null ? undefined : read(value, `${at}.${key}`);
  };
  const optionalText = (key: string, maxBytes: number) =>
    optional(key, (value, field) => text(value, field, maxBytes, 'well-formed'));
  const id = textAt('id', ID_MAX_BYTES);
  if (id === '') throw invalid(`${at}.id`, `a string of 1 to ${ID_MAX_BYTES} bytes of UTF-8`, id);
  const orchestratorId = orchestrator(own(source, 'orchestratorId', at), `${at}.orchestratorId`);
  const atMs = instant(own(source, 'timestamp', at), `${at}.timestamp`);
  const toolName = optionalText('toolName', NAME_MAX_BYTES);
  const toolCallId = optionalText('toolCallId', ID_MAX_BYTES);
  const cacheReadTokens = optional('cacheReadTokens', count);
  const cacheWriteTokens = optional('cacheWriteTokens', count);
  const reasoningTokens = optional('reasoningTokens', count);
  const batch = optional('batch', boolean);
  let metadata: Record<string, unknown> | undefined;
  const json = optional('metadata', (value, field) => {
    metadata = value as Record<string, unknown>;
    return metadataJson(value, field);
  });
  const kept = { toolCallId, cacheReadTokens, cacheWriteTokens, reasoningTokens, batch };
  const extra = toJson(json === undefined ? kept : { ...kept, metadata: new RawJson(json) });
  const usage: TokenUsageRecord = {
    ...{ id, orchestratorId, sessionId: textAt('sessionId', ID_MAX_BYTES), timestamp: new Date(atMs) },
    ...{ modelId: textAt('modelId', NAME_MAX_BYTES), provider: textAt('provider', NAME_MAX_BYTES) },
    inputTokens: countField(source, 'inputTokens', at),
    outputTokens: countField(source, 'outputTokens', at),
    totalTokens: countField(source, 'totalTokens', at),
    ...(toolName !== undefined && { toolName }),
    ...(metadata !== undefined && { metadata }),
    ...present(kept),
  };
  return { usage, atMs, tool: toolName ?? '', extra: extra === '{}' ? '' : extra };
}

function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

export function ledgerRecord({ usage, atMs, tool, extra }: CheckedRecord, cost: RecordedCost): LedgerRecord {
  const { id, orchestratorId, sessionId, modelId, provider, inputTokens, outputTokens, totalTokens } = usage;
  return {
    ...{ id, orchestratorId, sessionId, atMs, modelId, provider, tool },
    ...{ input: inputTokens, output: outputTokens, total: totalTokens },
    ...{ inputPico: cost.inputPico, outputPico: cost.outputPico, currency: cost.currency },
    ...{ priced: cost.isPriced, extra },
  };
}

/** The published record, and what was kept beside it. */
export function usageOf(record: LedgerRecord): TokenUsageRecord {
  const { id, orchestratorId, sessionId, modelId, provider, tool } = record;
  const extra = record.extra === '' ? {} : (JSON.parse(record.extra) as Partial<TokenUsageRecord>);
  return {
    ...{ id, orchestratorId, sessionId, timestamp: new Date(record.atMs), modelId, provider },
    ...{ inputTokens: record.input, outputTokens: record.output, totalTokens: record.total },
    ...(tool !== '' && { toolName: tool }),
    ...extra,
  };
}

export function storedUsageOf(record: LedgerRecord): StoredUsage {
  const { priced, inputPico, outputPico, currency } = record;
  const cost = priced ? { input: picoText(inputPico), output: picoText(outputPico), currency } : null;
  return { ...usageOf(record), cost };
}

/** A record of somebody else's storage: it was not checked by this package, and an unknown one must not hide others. */
export function foreignRecord(
  usage: TokenUsageRecord,
  costOf: (usage: TokenUsageRecord) => RecordedCost,
): LedgerRecord {
  const { toolCallId, cacheReadTokens, cacheWriteTokens, reasoningTokens, batch, metadata } = usage;
  const kept = present({ toolCallId, cacheReadTokens, cacheWriteTokens, reasoningTokens, batch, metadata });
  const extra = Object.keys(kept).length === 0 ? '' : JSON.stringify(kept);
  const checked = {
    usage,
    atMs: new Date(usage.timestamp).getTime(),
    tool: usage.toolName || '',
    extra,
  };
  return ledgerRecord(checked, costOf(usage));
}

const COMPARED = [
  ...(['orchestratorId', 'sessionId', 'atMs', 'modelId', 'provider', 'tool'] as const),
  ...(['input', 'output', 'total', 'extra'] as const),
];

/** What it cost may have been reckoned with other prices meanwhile. */
export function isSameUsage(a: LedgerRecord, b: LedgerRecord): boolean {
  return COMPARED.every(name => a[name] === b[name]);
}
