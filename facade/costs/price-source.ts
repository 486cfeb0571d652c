/** Prices for budgets in money. */
import type { Currency, MeteredUsage, PriceSource, UnknownModelPolicy } from '../types/costs';
import { MAX_TOKENS } from '../validate';
import type { CheckedUsage } from './read-usage';
import type { PriceTable } from './table';
import { wholeOf } from './whole';

const MICRO = 1_000_000n;
const HALF = MICRO / 2n;

/** What a tracker asks, of numbers that it has checked already. */
export function priceSource(
  table: PriceTable,
  currency: Currency,
  nano: () => number,
  unknownModel: UnknownModelPolicy,
): PriceSource {
  // Whoever rejects unknown models says so with its own words, which `null` makes it look for.
  const policy = unknownModel === 'estimate' ? 'estimate' : 'unpriced';
  const wanted = { policy, asPublished: false, field: 'model' } as const;
  return {
    currency,
    reserveMicros(model, tokens) {
      const priced = table.find(model, '', wanted);
      return priced === null ? null : table.mostMicros(priced, Date.now(), tokens, nano());
    },
    usageMicros(usage) {
      const priced = table.find(usage.model, usage.provider ?? '', wanted);
      if (priced === null) return null;
      const cost = table.costOf(priced, checked(usage), nano());
      const micros = (cost.inputPico + cost.outputPico + HALF) / MICRO;
      const cached = (usage.cacheReadTokens ?? 0) + (usage.cacheWriteTokens ?? 0);
      const output = wholeOf(usage.completionTokens, usage.reasoningTokens ?? 0);
      const parts = wholeOf(usage.promptTokens, cached) + output;
      const rest = usage.totalTokens === undefined ? 0 : usage.totalTokens - parts;
      const unattributed = rest > 0 ? table.mostMicros(priced, atMs(usage), rest, nano()) : 0;
      return Math.min(MAX_TOKENS, Number(micros) + unattributed);
    },
  };
}

function checked(usage: MeteredUsage): CheckedUsage {
  return {
    modelId: usage.model,
    provider: usage.provider ?? '',
    atMs: atMs(usage),
    input: usage.promptTokens,
    output: usage.completionTokens,
    cacheRead: usage.cacheReadTokens ?? 0,
    cacheWrite: usage.cacheWriteTokens ?? 0,
    reasoning: usage.reasoningTokens ?? 0,
    isBatch: false,
  };
}

function atMs(usage: MeteredUsage): number {
  return usage.timestamp === undefined ? Date.now() : usage.timestamp.getTime();
}
