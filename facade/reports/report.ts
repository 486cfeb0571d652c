import { TokenBudgetError } from '../errors';
import type {
  ReportGranularity,
  ReportGroup,
  UsageBreakdown,
  UsageReport,
  UsageSlot,
} from '../types/reports';
import { add } from './add-up';
import { slotBoundaries, slotsAbout } from './calendar';
import { CostSum, compare, estimateCost } from './cost-estimate';
import type { CostSource } from './cost-source';
import type { LedgerQuery, LedgerSums, UsageView } from './source';

/** More are put only where there was usage. */
const SLOTS_COVERED_MAX = 10_000;
const SLOTS_MAX = 100_000;

/** A report that was asked for, checked. */
export interface ReportSpec {
  query: LedgerQuery;
  granularity: ReportGranularity;
  groupBy: readonly ReportGroup[];
  includeAnomalies: boolean;
  timeZone: string;
  currency: string;
}

/** Everything but anomalies. */
export async function makeReport(
  view: UsageView,
  spec: ReportSpec,
  costs: CostSource,
): Promise<Omit<UsageReport, 'period'>> {
  const groups = [...new Set(spec.groupBy)];
  const wanted = [...new Set<ReportGroup>(['model', ...groups])];
  const sums = new Map<ReportGroup, LedgerSums[]>();
  const sumUp = async (group: ReportGroup) => sums.set(group, await view.sums(group));
  // Where the groups are read anyway, they need not be counted.
  const count = async (of: 'orchestrator' | 'session') =>
    groups.includes(of) ? 0 : await view.countDistinct(of);
  const [orchestrators, sessions] = await Promise.all([
    ...[count('orchestrator'), count('session')],
    ...wanted.map(sumUp),
  ] as [Promise<number>, Promise<number>]);
  const models = sums.get('model') ?? [];
  const all = total(models);
  const distinct = (of: ReportGroup, counted: number) =>
    groups.includes(of) ? new Set(sums.get(of)?.map(({ key }) => key)).size : counted;
  const uniqueSessions = distinct('session', sessions);
  const totalTokens = all?.total ?? 0;
  return {
    summary: {
      ...{ totalInputTokens: all?.input ?? 0, totalOutputTokens: all?.output ?? 0, totalTokens },
      ...{ totalRecords: all?.records ?? 0, uniqueOrchestrators: distinct('orchestrator', orchestrators) },
      ...{ uniqueSessions, averageTokensPerSession: uniqueSessions > 0 ? totalTokens / uniqueSessions : 0 },
      ...(all !== undefined && { peakUsageTimestamp: new Date(all.peakAtMs), peakUsageTokens: all.peak }),
    },
    breakdown: groups
      .flatMap(type => breakdownOf(sums.get(type) ?? [], type, totalTokens, spec.currency, costs))
      // Stable: of equal ones, the group that was asked for first.
      .sort((a, b) => b.totalTokens - a.totalTokens),
    costEstimate: estimateCost(models, spec.currency, costs, 'monthly'),
    timeSeries: await timeSeries(view, spec, all, costs),
  };
}

function total(rows: readonly LedgerSums[]): LedgerSums | undefined {
  const [first, ...others] = rows;
  if (first === undefined) return undefined;
  const all = { ...first };
  for (const other of others) add(all, other);
  return all;
}

function breakdownOf(
  rows: readonly LedgerSums[],
  type: ReportGroup,
  allTokens: number,
  currency: string,
  costs: CostSource,
): UsageBreakdown[] {
  const groups = new Map<string, UsageBreakdown>();
  const priced = new Map<UsageBreakdown, CostSum>();
  for (const sums of rows) {
    // As the published reporter names usage outside of tools.
    const key = type === 'tool' && sums.key === '' ? 'unknown' : sums.key;
    const group = groups.get(key) ?? {
      ...{ key, type, inputTokens: 0, outputTokens: 0, totalTokens: 0, percentage: 0 },
      ...{ recordCount: 0, unpricedRecords: 0 },
    };
    groups.set(key, group);
    group.inputTokens += sums.input;
    group.outputTokens += sums.output;
    group.totalTokens += sums.total;
    group.recordCount += sums.records;
    group.unpricedRecords += sums.unpriced;
    if (sums.unpriced < sums.records) addTo(priced, group, sums);
  }
  for (const [group, cost] of priced) group.cost = cost.in(currency, costs).total;
  for (const group of groups.values()) {
    group.percentage = allTokens > 0 ? (group.totalTokens / allTokens) * 100 : 0;
  }
  return [...groups.values()].sort((a, b) => compare(a.key, b.key));
}

function addTo<T>(costs: Map<T, CostSum>, key: T, sums: LedgerSums): void {
  const cost = costs.get(key) ?? new CostSum();
  costs.set(key, cost);
  cost.add(sums);
}

async function timeSeries(
  view: UsageView,
  { query, granularity, timeZone, currency }: ReportSpec,
  all: LedgerSums | undefined,
  costs: CostSource,
): Promise<UsageSlot[]> {
  let { startMs, endMs } = query;
  if (slotsAbout(startMs, endMs, granularity) > SLOTS_COVERED_MAX) {
    if (all === undefined) return [];
    startMs = all.firstAtMs;
    endMs = all.lastAtMs;
    if (slotsAbout(startMs, endMs, granularity) > SLOTS_MAX) {
      const message = `granularity: expected at most ${SLOTS_MAX} slots, got ${granularity} ones of too long a time`;
      throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: 'granularity' });
    }
  }
  const boundaries = slotBoundaries(startMs, endMs, granularity, timeZone);
  const starts = boundaries.slice(0, -1);
  const slots = new Map<number, UsageSlot>();
  starts.forEach((startMs, index) => {
    slots.set(startMs, {
      ...{ start: new Date(startMs), end: new Date(boundaries[index + 1] as number) },
      ...{ inputTokens: 0, outputTokens: 0, totalTokens: 0, records: 0, cost: 0 },
    });
  });
  const priced = new Map<UsageSlot, CostSum>();
  for (const sums of all === undefined ? [] : await view.sums('none', starts)) {
    const slot = slots.get(sums.bucketMs as number);
    if (slot === undefined) continue;
    slot.inputTokens += sums.input;
    slot.outputTokens += sums.output;
    slot.totalTokens += sums.total;
    slot.records += sums.records;
    addTo(priced, slot, sums);
  }
  for (const [slot, cost] of priced) slot.cost = cost.in(currency, costs).total;
  return [...slots.values()];
}
