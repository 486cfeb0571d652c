/**
 * The prices of the published module, `@wundr.io/orchestrator-daemon/budget` 1.0.39: its results are the same here. See
 * "Prices of the published module" in `docs/costs.md`.
 */
import type { ModelPricing } from '../types/costs';

type Row = readonly [string, ModelPricing['provider'], number, number, string];

const ROWS: readonly Row[] = [
  ['claude-sonnet-4-5', 'anthropic', 3, 15, '2025-01-01'],
  ['claude-3-opus', 'anthropic', 15, 75, '2024-03-01'],
  ['claude-3-sonnet', 'anthropic', 3, 15, '2024-03-01'],
  ['claude-3-haiku', 'anthropic', 0.25, 1.25, '2024-03-01'],
  ['gpt-4-turbo', 'openai', 10, 30, '2024-01-01'],
  ['gpt-4', 'openai', 30, 60, '2023-03-01'],
  ['gpt-3.5-turbo', 'openai', 0.5, 1.5, '2023-03-01'],
  ['gemini-pro', 'google', 0.5, 1.5, '2024-01-01'],
  ['gemini-ultra', 'google', 10, 30, '2024-01-01'],
];

/** Names whose published price counts for every usage: the snapshot has none, or the price of characters. */
const EVERYWHERE: ReadonlySet<string> = new Set(['gemini-pro', 'gemini-ultra']);

export const PUBLISHED_PRICES: readonly ModelPricing[] = ROWS.map(
  ([modelId, provider, inputTokenCost, outputTokenCost, day]) => ({
    modelId,
    provider,
    inputTokenCost,
    outputTokenCost,
    currency: 'USD',
    effectiveDate: new Date(day),
  }),
);

export function isPublishedEverywhere(modelId: string): boolean {
  return EVERYWHERE.has(modelId);
}
