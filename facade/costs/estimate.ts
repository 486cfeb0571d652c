/** What many records have cost, by model. */
import type {
  CostBreakdown,
  CostEstimate,
  CostProjection,
  UnknownModelPolicy,
  UnpricedUsage,
} from '../types/costs';
import { elements } from '../validate';
import { numberOf } from './decimal';
import { projectionOf } from './projection';
import { type CheckedUsage, isPlain, readUsage } from './read-usage';
import type { Priced, PriceTable, Sum } from './table';

/** Arrays have no more elements than this. */
const RECORDS_MAX = 2 ** 32 - 1;

/** The usage of one model under the name that its records have. */
interface Group {
  modelId: string;
  /** Who sold the first of it; `null`: it has no price. */
  first: Priced | null;
  inputTokens: number;
  outputTokens: number;
  records: number;
}

/** One usage with its price: one model may be sold by several, at prices of their own. */
interface PricedUsage {
  priced: Priced;
  usage: CheckedUsage;
  /** The number of its group. */
  group: number;
}

export function estimateOf(
  table: PriceTable,
  records: unknown,
  target: { currency: string; nano: number },
  policy: UnknownModelPolicy,
  period: CostProjection['projectionPeriod'] | undefined,
): CostEstimate {
  const usages = elements(records, 'records', RECORDS_MAX).map((one, at) => readUsage(one, `records[${at}]`));
  const { groups, priced } = grouped(table, usages, policy);
  const sums = table.sums(priced, groups.length, target.nano);
  const totalCost = numberOf(
    sums.reduce((sum, { inputPico, outputPico }) => sum + inputPico + outputPico, 0n),
  );
  const breakdown: CostBreakdown[] = [];
  const unpriced: UnpricedUsage[] = [];
  groups.forEach((group, index) => {
    if (group.first === null) unpriced.push(unpricedOf(group));
    else breakdown.push(rowOf(group, group.first, sums[index] as Sum, totalCost));
  });
  breakdown.sort((a, b) => b.totalCost - a.totalCost);
  return {
    totalCost,
    currency: target.currency,
    breakdown,
    projection: period && usages.length > 0 ? projected(usages, totalCost, period) : undefined,
    ...(unpriced.length > 0 && { unpriced }),
  };
}

function grouped(table: PriceTable, usages: readonly CheckedUsage[], policy: UnknownModelPolicy) {
  const numbers = new Map<string, number>();
  const groups: Group[] = [];
  const pricedUsages: PricedUsage[] = [];
  usages.forEach((usage, index) => {
    const { modelId, provider } = usage;
    const wanted = { policy, asPublished: isPlain(usage), field: `records[${index}].modelId` };
    const priced = table.find(modelId, provider, wanted);
    const key = `${priced === null ? '-' : '+'}${modelId}`;
    let group = numbers.get(key);
    if (group === undefined) {
      group = groups.push({ modelId, first: priced, inputTokens: 0, outputTokens: 0, records: 0 }) - 1;
      numbers.set(key, group);
    }
    const row = groups[group] as Group;
    row.inputTokens += usage.input;
    row.outputTokens += usage.output;
    row.records++;
    if (priced !== null) pricedUsages.push({ priced, usage, group });
  });
  return { groups, priced: pricedUsages };
}

function rowOf(group: Group, priced: Priced, sum: Sum, all: number): CostBreakdown {
  const { modelId, inputTokens, outputTokens } = group;
  const totalCost = numberOf(sum.inputPico + sum.outputPico);
  return {
    modelId,
    provider: priced.provider,
    inputTokens,
    outputTokens,
    inputCost: numberOf(sum.inputPico),
    outputCost: numberOf(sum.outputPico),
    totalCost,
    percentage: all > 0 ? (totalCost / all) * 100 : 0,
    ...(priced.isEstimate && { isEstimate: true }),
  };
}

function unpricedOf({ modelId, inputTokens, outputTokens, records }: Group): UnpricedUsage {
  return { modelId, inputTokens, outputTokens, records };
}

function projected(
  usages: readonly CheckedUsage[],
  cost: number,
  period: CostProjection['projectionPeriod'],
): CostProjection {
  let [firstMs, lastMs] = [Infinity, -Infinity];
  for (const { atMs } of usages) {
    if (atMs < firstMs) firstMs = atMs;
    if (atMs > lastMs) lastMs = atMs;
  }
  return projectionOf(cost, firstMs, lastMs, period);
}
