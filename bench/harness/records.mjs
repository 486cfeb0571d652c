const DAY_MS = 86_400_000;
export const SPAN_MS = 90 * DAY_MS;
const MODELS = [
  ['claude-sonnet-4-5', 'anthropic'],
  ['claude-haiku-4-5', 'anthropic'],
  ['gpt-4o', 'openai'],
  ['gpt-4o-mini', 'openai'],
];
const TOOLS = ['search', 'shell', 'edit', undefined];
const ORCHESTRATORS = 50;
const RECORDS_OF_SESSION = 200;

/** 90 days that end now, so that neither end is a whole hour. */
export function lastDays() {
  const endMs = Date.now();
  return { startMs: endMs - SPAN_MS, endMs };
}

/** Record `index` of `count` that are spread evenly over a time, oldest first. The same index is always the same usage. */
export function record(index, count, { startMs, endMs }) {
  const [modelId, provider] = MODELS[((index * 7) % 11) % MODELS.length];
  const inputTokens = 500 + ((index * 7919) % 4000);
  const outputTokens = 100 + ((index * 104_729) % 1500);
  const toolName = TOOLS[index % TOOLS.length];
  return {
    id: `usage-${index}`,
    orchestratorId: `orchestrator-${index % ORCHESTRATORS}`,
    sessionId: `session-${Math.floor(index / RECORDS_OF_SESSION)}`,
    timestamp: new Date(Math.floor(startMs + ((endMs - startMs) * index) / count)),
    modelId,
    provider,
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...(toolName && { toolName }),
  };
}
