/** Usages as callers give and get them, and as sources keep them. */
import { metadataJson, RawJson, toJson } from '../json';
import { fitsInBytes } from '../text';
import type { TokenUsageRecord } from '../types/costs';
import type { StoredUsage } from '../types/reports';
import { boolean, count, countField, instant, invalid, object, orchestrator, own, text } from '../validate';
import type { RecordedCost } from './cost-source';
import { picoText } from './pico';
import type { LedgerRecord } from './source';

export const ID_MAX_BYTES = 1024;
export const NAME_MAX_BYTES = 256;

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
  const id = textField(source, 'id', at, ID_MAX_BYTES);
  if (id === '') throw invalid(`${at}.id`, `a string of 1 to ${ID_MAX_BYTES} bytes of UTF-8`, id);
  const orchestratorId = orchestrator(own(source, 'orchestratorId', at), `${at}.orchestratorId`);
  const atMs = instant(own(source, 'timestamp', at), `${at}.timestamp`);
  const usage: TokenUsageRecord = {
    id,
    orchestratorId,
    sessionId: textField(source, 'sessionId', at, ID_MAX_BYTES),
    timestamp: new Date(atMs),
    modelId: textField(source, 'modelId', at, NAME_MAX_BYTES),
    provider: textField(source, 'provider', at, NAME_MAX_BYTES),
    inputTokens: countField(source, 'inputTokens', at),
    outputTokens: countField(source, 'outputTokens', at),
    totalTokens: countField(source, 'totalTokens', at),
  };
  const toolName = optional(source, 'toolName', at);
  if (toolName !== undefined) usage.toolName = readText(toolName, 'toolName', at, NAME_MAX_BYTES);
  return { usage, atMs, tool: usage.toolName ?? '', extra: readExtra(source, at, usage) };
}

/** Fields that are only kept, into `usage`, and as JSON: empty when there are none. */
function readExtra(source: object, at: string, usage: TokenUsageRecord): string {
  const toolCallId = optional(source, 'toolCallId', at);
  if (toolCallId !== undefined)
    usage.toolCallId = text(toolCallId, `${at}.toolCallId`, ID_MAX_BYTES, 'well-formed');
  for (const key of KEPT_COUNTS) {
    const tokens = optional(source, key, at);
    if (tokens !== undefined) usage[key] = count(tokens, `${at}.${key}`);
  }
  const batch = optional(source, 'batch', at);
  if (batch !== undefined) usage.batch = boolean(batch, `${at}.batch`);
  const metadata = optional(source, 'metadata', at);
  const json = metadata === undefined ? undefined : metadataJson(metadata, `${at}.metadata`);
  if (metadata !== undefined) usage.metadata = metadata as Record<string, unknown>;
  const { toolCallId: call, cacheReadTokens, cacheWriteTokens, reasoningTokens, batch: isBatch } = usage;
  const isEmpty =
    call === undefined &&
    cacheReadTokens === undefined &&
    cacheWriteTokens === undefined &&
    reasoningTokens === undefined &&
    isBatch === undefined;
  if (isEmpty && json === undefined) return '';
  const kept = { toolCallId: call, cacheReadTokens, cacheWriteTokens, reasoningTokens, batch: isBatch };
  return toJson(json === undefined ? kept : { ...kept, metadata: new RawJson(json) });
}

const KEPT_COUNTS = ['cacheReadTokens', 'cacheWriteTokens', 'reasoningTokens'] as const;

/** `undefined`: nothing was given. */
function optional(source: object, key: string, at: string): unknown {
  return own(source, key, at) ?? undefined;
}

function textField(source: object, key: string, at: string, maxBytes: number): string {
  return readText(own(source, key, at), key, at, maxBytes);
}

function readText(value: unknown, key: string, at: string, maxBytes: number): string {
  if (typeof value === 'string' && fitsInBytes(value, maxBytes)) return value;
  return text(value, `${at}.${key}`, maxBytes, 'lone allowed');
}

export function ledgerRecord({ usage, atMs, tool, extra }: CheckedRecord, cost: RecordedCost): LedgerRecord {
  return {
    id: usage.id,
    orchestratorId: usage.orchestratorId,
    sessionId: usage.sessionId,
    atMs,
    modelId: usage.modelId,
    provider: usage.provider,
    tool,
    input: usage.inputTokens,
    output: usage.outputTokens,
    total: usage.totalTokens,
    inputPico: cost.inputPico,
    outputPico: cost.outputPico,
    currency: cost.currency,
    priced: cost.isPriced,
    extra,
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

const COMPARED = [
  ...(['orchestratorId', 'sessionId', 'atMs', 'modelId', 'provider', 'tool'] as const),
  ...(['input', 'output', 'total', 'extra'] as const),
];

/** What it cost may have been reckoned with other prices meanwhile. */
export function isSameUsage(a: LedgerRecord, b: LedgerRecord): boolean {
  return COMPARED.every(name => a[name] === b[name]);
}
