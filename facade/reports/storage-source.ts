import { TokenBudgetError } from '../errors';
import { isArray } from '../text';
import type { TokenUsageRecord } from '../types/costs';
import type { UsageStorage } from '../types/reports';
import { addUp } from './add-up';
import { type CostSource, NO_COST, type RecordedCost } from './cost-source';
import { foreignRecord, refused } from './foreign-record';
import type { LedgerQuery, LedgerRecord, Outcome, UsageSource, UsageView } from './source';

const READ = 'storage.getUsageRecords()';

/** Records that a caller keeps: each read asks for them once, and prices are those of now. */
export class StorageSource implements UsageSource {
  readonly #storage: UsageStorage;
  readonly #costs: CostSource;
  readonly #saving = new Set<Promise<void>>();

  constructor(storage: UsageStorage, costs: CostSource) {
    this.#storage = storage;
    this.#costs = costs;
  }

  async record(_record: LedgerRecord, given: TokenUsageRecord): Promise<Outcome> {
    const saving = told('saveUsageRecord', () => this.#storage.saveUsageRecord(given));
    this.#saving.add(saving);
    try {
      await saving;
    } finally {
      this.#saving.delete(saving);
    }
    // Whether it was there before is the storage's secret: what it has twice is read once.
    return 'recorded';
  }

  async read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    const records = await this.#fetch(query);
    return use({
      sums: async (groupBy, boundariesMs) => addUp(records, groupBy, boundariesMs),
      countDistinct: async of =>
        new Set(records.map(record => (of === 'session' ? record.sessionId : record.orchestratorId))).size,
    });
  }

  async *pages(query: LedgerQuery, size: number): AsyncGenerator<readonly LedgerRecord[]> {
    const records = await this.#fetch(query);
    records.sort((a, b) => a.atMs - b.atMs);
    for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size);
  }

  async deleteBefore(atMs: number): Promise<{ deleted: number; more: boolean }> {
    // All in one step: the published interface knows no other.
    const deleted = await told('deleteOldRecords', () => this.#storage.deleteOldRecords(new Date(atMs)));
    return { deleted, more: false };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#saving);
  }

  async #fetch({ startMs, endMs, orchestratorId, sessionId }: LedgerQuery): Promise<LedgerRecord[]> {
    const given: unknown = await told('getUsageRecords', () =>
      this.#storage.getUsageRecords({
        ...(orchestratorId !== undefined && { orchestratorId }),
        ...(sessionId !== undefined && { sessionId }),
        ...{ startTime: new Date(startMs), endTime: new Date(endMs) },
      }),
    );
    if (!isArray(given)) throw refused(READ, 'an array', given, undefined);
    // Of one id the first stands. No more ids than records, which are in memory already.
    const records = new Map<string, LedgerRecord>();
    for (let index = 0; index < given.length; index += 1) {
      const record = foreignRecord(given[index], `${READ}[${index}]`, usage => this.#costOf(usage));
      if (!records.has(record.id)) records.set(record.id, record);
    }
    return [...records.values()];
  }

  /** Whoever recorded it has not asked the calculator: a model that it refuses has no price, and hides no other. */
  #costOf(usage: TokenUsageRecord): RecordedCost {
    try {
      return this.#costs.costOf(usage);
    } catch {
      return NO_COST;
    }
  }
}

/** The failure of a caller's storage, as one of ours. */
async function told<T>(method: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof TokenBudgetError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenBudgetError('STORE_UNAVAILABLE', `storage.${method} failed: ${reason}`, { cause });
  }
}
