import { addUp } from './add-up';
import type { LedgerQuery, LedgerRecord, Outcome, UsageSource, UsageView } from './source';

/** Stands in until the ledger is there. */
export class LedgerSource implements UsageSource {
  readonly #records = new Map<string, LedgerRecord>();

  constructor(_path: string | null) {}

  async record(record: LedgerRecord): Promise<Outcome> {
    if (this.#records.has(record.id)) return 'known';
    this.#records.set(record.id, record);
    return 'recorded';
  }

  read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    const records = [...this.#records.values()].filter(r => r.atMs >= query.startMs && r.atMs <= query.endMs);
    return use({
      sums: async (groupBy, boundariesMs) => addUp(records, groupBy, boundariesMs),
      countDistinct: async of =>
        new Set(records.map(record => (of === 'session' ? record.sessionId : record.orchestratorId))).size,
    });
  }

  async *pages(): AsyncGenerator<readonly LedgerRecord[]> {
    yield [...this.#records.values()];
  }

  async deleteBefore(): Promise<{ deleted: number; more: boolean }> {
    return { deleted: 0, more: false };
  }

  async close(): Promise<void> {}
}
