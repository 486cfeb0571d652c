import type { TokenBudgetTracker } from '../tracker';
import type { TokenUsageRecord } from '../types/costs';
import type { TokenUsage } from '../types/usage';
import { uuid } from '../uuid';

/** Tells `record` every usage that the tracker records from now on. Answers what ends that. */
export function attachTo(
  tracker: TokenBudgetTracker,
  providerOf: (modelId: string) => string | undefined,
  record: (usage: TokenUsageRecord) => void,
): () => void {
  const hear = (usage: TokenUsage) => record(reportedUsage(usage, providerOf));
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
    // Trackers know a request id within its orchestrator only.
    id: requestId === undefined ? uuid() : `${orchestratorId}/${requestId}`,
    ...{ orchestratorId, sessionId: usage.sessionId ?? '', timestamp: usage.timestamp, modelId },
    ...{ provider: providerOf(modelId) ?? '', inputTokens: usage.promptTokens },
    ...{ outputTokens: usage.completionTokens, totalTokens: usage.totalTokens },
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(usage.metadata !== undefined && { metadata: usage.metadata }),
  };
}
