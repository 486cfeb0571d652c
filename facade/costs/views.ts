/** Prices as callers see them. */
import type { LongContextPrices, ModelPricing } from '../types/costs';
import type { NativeModel, NativePrice, NativePrices } from './read-prices';

/** The providers that the published module knows by name. */
export const MAKERS = ['anthropic', 'openai', 'google'] as const;

/** A native description at an instant. `sinceMs` is said of prices that always held. */
export function viewOf(
  known: Omit<NativeModel, 'prices'> & { prices: NativePrices },
  sinceMs: number,
): ModelPricing {
  const { prices, provider } = known;
  const longContext = tiersOf(prices);
  return {
    modelId: known.id,
    provider: MAKERS.find(maker => maker === provider) ?? 'custom',
    inputTokenCost: baseOf(prices.input) ?? 0,
    outputTokenCost: baseOf(prices.output) ?? 0,
    currency: known.currency as ModelPricing['currency'],
    effectiveDate: new Date(prices.fromMs ?? sinceMs),
    providerId: provider,
    ...named('cacheReadTokenCost', baseOf(prices.cacheRead)),
    ...named('cacheWriteTokenCost', baseOf(prices.cacheWrite)),
    ...named('reasoningTokenCost', baseOf(prices.reasoning)),
    ...named('requestCost', prices.requestPico === undefined ? undefined : prices.requestPico / 1e12),
    ...(known.batchPercent !== 100 && { batchPercent: known.batchPercent }),
    ...(longContext.length > 0 && { longContext }),
  };
}

function tiersOf(prices: NativePrices): LongContextPrices[] {
  const tiers = new Map<number, LongContextPrices>();
  const note = (
    name: Exclude<keyof LongContextPrices, 'aboveInputTokens'>,
    price: NativePrice | undefined,
  ) => {
    if (!Array.isArray(price)) return;
    for (let at = 1; at + 1 < price.length; at += 2) {
      const start = price[at] as number;
      const tier = tiers.get(start) ?? { aboveInputTokens: start };
      tier[name] = (price[at + 1] as number) / 1e6;
      tiers.set(start, tier);
    }
  };
  note('inputTokenCost', prices.input);
  note('outputTokenCost', prices.output);
  note('cacheReadTokenCost', prices.cacheRead);
  note('cacheWriteTokenCost', prices.cacheWrite);
  note('reasoningTokenCost', prices.reasoning);
  return [...tiers.values()].sort((a, b) => a.aboveInputTokens - b.aboveInputTokens);
}

function baseOf(price: NativePrice | undefined): number | undefined {
  const base = Array.isArray(price) ? price[0] : price;
  return base === undefined ? undefined : base / 1e6;
}

function named<K extends keyof ModelPricing>(name: K, value: number | undefined): Partial<ModelPricing> {
  return value === undefined ? {} : { [name]: value };
}
