import { closedError } from '../errors';
import { addUp } from './add-up';
import { isSameUsage } from './records';
import type { LedgerQuery, LedgerRecord, Outcome, UsageSource, UsageView } from './source';

/** Records in the memory of this process, for a build without a ledger. */
export class MemorySource implements UsageSource {
  readonly #records = new Map<string, LedgerRecord>();
  #closed = false;

  async record(record: LedgerRecord): Promise<Outcome> {
    this.#assertOpen();
    const known = this.#records.get(record.id);
    if (known !== undefined) return isSameUsage(record, known) ? 'known' : 'conflict';
    this.#records.set(record.id, record);
    return 'recorded';
  }

  async read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    const records = this.#select(query);
    return use({
      sums: async (groupBy, boundariesMs) => addUp(records, groupBy, boundariesMs),
      countDistinct: async of =>
        new Set(records.map(record => (of === 'session' ? record.sessionId : record.orchestratorId))).size,
    });
  }

  async *pages(query: LedgerQuery, size: number): AsyncGenerator<readonly LedgerRecord[]> {
    const records = this.#select(query).sort((a, b) => a.atMs - b.atMs);
    for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size);
  }

  async deleteBefore(atMs: number, max: number): Promise<{ deleted: number; more: boolean }> {
    this.#assertOpen();
    let deleted = 0;
    for (const [id, record] of this.#records) {
      if (record.atMs >= atMs) continue;
      if (deleted === max) return { deleted, more: true };
      this.#records.delete(id);
      deleted += 1;
    }
    return { deleted, more: false };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#records.clear();
  }

  #select({ startMs, endMs, orchestratorId, sessionId }: LedgerQuery): LedgerRecord[] {
    this.#assertOpen();
    return [...this.#records.values()].filter(
      record =>
        record.atMs >= startMs &&
        record.atMs <= endMs &&
        (orchestratorId === undefined || record.orchestratorId === orchestratorId) &&
        (sessionId === undefined || record.sessionId === sessionId),
    );
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError('reporter');
  }
}
