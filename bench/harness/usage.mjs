/** Budgets that are never reached, so that no side takes a shorter way by refusing. */
export const LIMIT_TOKENS = 1e12;

export const TOKENS_PER_CALL = 3000;

/** The configuration of both trackers; everything else is left at its default. */
export const TRACKER_CONFIG = {
  orchestratorBudgets: {},
  defaultBudget: { hourly: LIMIT_TOKENS, daily: LIMIT_TOKENS, monthly: LIMIT_TOKENS },
  thresholds: [0.5, 0.75, 0.9, 1.0],
  reservationTTL: 900_000,
  enableOverrides: true,
};

/**
 * What is reported: the usage of the tracker's document, with its required fields. `withRequestId`
 * and `withMetadata` add the optional ones.
 */
export function usage(orchestratorId, index, { withRequestId = false, withMetadata = false } = {}) {
  const reported = {
    orchestratorId,
    sessionId: 'session-123',
    timestamp: new Date(),
    promptTokens: 1000,
    completionTokens: 2000,
    totalTokens: TOKENS_PER_CALL,
    model: 'claude-sonnet-4.5',
  };
  if (withRequestId) reported.requestId = `req-${index}`;
  if (withMetadata) reported.metadata = { task: 'code-generation', priority: 'high' };
  return reported;
}

/** Names of orchestrators, taken in turns by an operation's index. */
export function orchestrators(count) {
  return Array.from({ length: count }, (_, index) => `orchestrator-${index}`);
}
