import type { CostBreakdown, CostProjection, UnpricedUsage } from '../types/costs';
import type { ReportCostEstimate } from '../types/reports';
import type { CostSource } from './cost-source';
import { picoUnits } from './pico';
import type { LedgerSums } from './source';

const DAY_MS = 86_400_000;
const DAYS = { daily: 1, weekly: 7, monthly: 30 };

/** Exact costs of each currency, which become a number once, at the end. */
export class CostSum {
  readonly #pico = new Map<string, { input: bigint; output: bigint }>();

  add({ inputPico, outputPico, currency }: LedgerSums): void {
    const sum = this.#pico.get(currency) ?? { input: 0n, output: 0n };
    sum.input += inputPico;
    sum.output += outputPico;
    this.#pico.set(currency, sum);
  }

  /** In one currency. */
  in(currency: string, costs: CostSource): { input: number; output: number; total: number } {
    const sum = { input: 0n, output: 0n, total: 0n };
    for (const [from, { input, output }] of this.#pico) {
      sum.input += costs.convert(input, from, currency);
      sum.output += costs.convert(output, from, currency);
      sum.total += costs.convert(input + output, from, currency);
    }
    return { input: picoUnits(sum.input), output: picoUnits(sum.output), total: picoUnits(sum.total) };
  }
}

/** What the sums by model cost, a row for each model that had a price, dearest first. */
export function estimateCost(
  models: readonly LedgerSums[],
  currency: string,
  costs: CostSource,
  projectionPeriod?: keyof typeof DAYS,
): ReportCostEstimate {
  const rows = new Map<string, { row: CostBreakdown; sum: CostSum }>();
  const all = new CostSum();
  let unpricedRecords = 0;
  const unpriced = new Map<string, UnpricedUsage>();
  for (const sums of models) {
    unpricedRecords += sums.unpriced;
    if (sums.unpriced === sums.records) {
      const { key: modelId, input, output, records } = sums;
      const row = unpriced.get(modelId) ?? { modelId, inputTokens: 0, outputTokens: 0, records: 0 };
      row.inputTokens += input;
      row.outputTokens += output;
      row.records += records;
      unpriced.set(modelId, row);
      continue;
    }
    all.add(sums);
    const known = rows.get(sums.key) ?? {
      row: emptyRow(sums.key, costs.providerOf(sums.key) ?? sums.detail),
      sum: new CostSum(),
    };
    rows.set(sums.key, known);
    known.row.inputTokens += sums.input;
    known.row.outputTokens += sums.output;
    known.sum.add(sums);
  }
  const totalCost = all.in(currency, costs).total;
  const breakdown = [...rows.values()]
    .map(({ row, sum }) => {
      const { input, output, total } = sum.in(currency, costs);
      return { ...row, inputCost: input, outputCost: output, totalCost: total };
    })
    .sort((a, b) => b.totalCost - a.totalCost || compare(a.modelId, b.modelId));
  for (const row of breakdown) {
    row.percentage = totalCost > 0 ? (row.totalCost / totalCost) * 100 : 0;
    if (costs.isEstimate(row.modelId)) row.isEstimate = true;
  }
  const projection =
    projectionPeriod === undefined ? undefined : projectCost(models, totalCost, projectionPeriod);
  return {
    ...{ totalCost, currency, breakdown },
    ...(projection !== undefined && { projection }),
    ...(unpriced.size > 0 && {
      unpriced: [...unpriced.values()].sort((a, b) => compare(a.modelId, b.modelId)),
    }),
    unpricedRecords,
  };
}

function emptyRow(modelId: string, provider: string): CostBreakdown {
  return {
    ...{ modelId, provider, inputTokens: 0, outputTokens: 0 },
    ...{ inputCost: 0, outputCost: 0, totalCost: 0, percentage: 0 },
  };
}

/** As the published calculator does it: the rate from the first record to the last goes on. */
function projectCost(
  models: readonly LedgerSums[],
  totalCost: number,
  projectionPeriod: keyof typeof DAYS,
): CostProjection | undefined {
  if (models.length === 0) return undefined;
  const firstAtMs = Math.min(...models.map(sums => sums.firstAtMs));
  const lastAtMs = Math.max(...models.map(sums => sums.lastAtMs));
  const days = (lastAtMs - firstAtMs) / DAY_MS;
  if (days === 0) return { projectionPeriod, projectedCost: 0, confidence: 0, basedOnDays: 0 };
  return {
    projectionPeriod,
    projectedCost: (totalCost / days) * DAYS[projectionPeriod],
    confidence: Math.min(0.95, Math.max(0.1, days / 30)),
    basedOnDays: Math.round(days * 10) / 10,
  };
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
