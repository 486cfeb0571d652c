import { createHash } from 'node:crypto';
import { fitsInBytes, hasLoneSurrogate } from '../text';
import type { TokenBudgetTracker } from '../tracker';
import type { TokenUsageRecord } from '../types/costs';
import type { Money } from '../types/money';
import type { TokenUsage } from '../types/usage';
import { uuid } from '../uuid';
import { ID_MAX_BYTES, NAME_MAX_BYTES } from './records';

/** `cost`: what the tracker counted it with, where it counts money. */
export type Reported = (usage: TokenUsageRecord, cost: Money | undefined) => void;

/** Tells `record` every usage that the tracker records from now on. Answers what ends that. */
export function attachTo(
  tracker: TokenBudgetTracker,
  providerOf: (modelId: string) => string | undefined,
  record: Reported,
): () => void {
  const hear = (usage: TokenUsage) => record(reportedUsage(usage, providerOf), usage.cost);
  tracker.on('usage:tracked', hear);
  return () => {
    tracker.off('usage:tracked', hear);
  };
}

function reportedUsage(
  usage: TokenUsage,
  providerOf: (modelId: string) => string | undefined,
): TokenUsageRecord {
  const { orchestratorId, requestId, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  const modelId = usage.model === '' ? 'unknown' : usage.model;
  return {
    id: requestId === undefined ? ownId(usage) : usageId(orchestratorId, requestId),
    ...{ orchestratorId, sessionId: usage.sessionId ?? '', timestamp: usage.timestamp, modelId },
    ...{ provider: providerOf(modelId) ?? '', inputTokens: usage.promptTokens },
    ...{ outputTokens: usage.completionTokens, totalTokens: usage.totalTokens },
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(usage.metadata !== undefined && { metadata: usage.metadata, ...toolIn(usage.metadata) }),
  };
}

const ownIds = new WeakMap<TokenUsage, string>();

/** Of a usage without a request id: every reporter that hears of it gives it the same. */
function ownId(usage: TokenUsage): string {
  const id = ownIds.get(usage) ?? uuid();
  ownIds.set(usage, id);
  return id;
}

/** Trackers have no field for the tool that used tokens; who wants groups of tools says it in `metadata`. */
function toolIn({
  toolName,
  toolCallId,
}: Record<string, unknown>): Pick<TokenUsageRecord, 'toolName' | 'toolCallId'> {
  return {
    ...(isText(toolName, NAME_MAX_BYTES) && { toolName }),
    ...(isText(toolCallId, ID_MAX_BYTES) && !hasLoneSurrogate(toolCallId) && { toolCallId }),
  };
}

function isText(value: unknown, maxBytes: number): value is string {
  return typeof value === 'string' && value !== '' && fitsInBytes(value, maxBytes);
}

/**
 * Trackers know a request id within its orchestrator only: `<orchestrator>/<requestId>`. No two become one: in the
 * orchestrator `/` is escaped, in both `%` and lone surrogates are. What is too long for an id is told by its hash,
 * which has no `/`.
 */
export function usageId(orchestratorId: string, requestId: string): string {
  const id = `${escaped(orchestratorId, /[%/\p{Cs}]/gu)}/${escaped(requestId, /[%\p{Cs}]/gu)}`;
  if (Buffer.byteLength(id, 'utf8') <= ID_MAX_BYTES) return id;
  return `sha256:${createHash('sha256').update(id).digest('hex')}`;
}

function escaped(text: string, special: RegExp): string {
  return text.replace(special, unit => {
    const digits = unit.charCodeAt(0).toString(16).toUpperCase();
    return digits.length > 2 ? `%u${digits}` : `%${digits}`;
  });
}
