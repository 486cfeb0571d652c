import { TokenBudgetError } from '../../errors';
import { Batches } from '../batches';
import { isSameUsage } from '../records';
import type { LedgerQuery, LedgerRecord, Outcome, UsageSource, UsageView } from '../source';
import type { PostgresPool } from './pool';
import {
  countStatement,
  deleteStatement,
  findStatement,
  insertStatement,
  type Place,
  pageStatement,
  recordOfRow,
  type Statement,
  sumsOfRow,
  sumsStatement,
} from './statements';

/** Records in a table of PostgreSQL; sums are made there. */
export class PostgresSource implements UsageSource {
  readonly #pool: PostgresPool;
  readonly #table: string;
  readonly #batches = new Batches(records => this.#write(records));

  /** `table` as it stands in SQL. */
  constructor(pool: PostgresPool, table: string) {
    this.#pool = pool;
    this.#table = table;
  }

  record(record: LedgerRecord): Promise<Outcome> {
    return this.#batches.add(record);
  }

  async read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    return use({
      sums: async (groupBy, boundariesMs) => {
        const rows = await this.#run(sumsStatement(this.#table, query, groupBy, boundariesMs));
        return rows.map(sumsOfRow);
      },
      countDistinct: async of => {
        const [row] = await this.#run(countStatement(this.#table, query, of));
        return Number(row?.count);
      },
    });
  }

  async *pages(query: LedgerQuery, size: number): AsyncGenerator<readonly LedgerRecord[]> {
    let after: Place | undefined;
    for (;;) {
      const rows = await this.#run(pageStatement(this.#table, query, after, size));
      if (rows.length > 0) yield rows.map(recordOfRow);
      if (rows.length < size) return;
      const last = rows.at(-1);
      after = { atMs: Number(last.at_ms), seq: String(last.seq) };
    }
  }

  async deleteBefore(atMs: number, max: number): Promise<{ deleted: number; more: boolean }> {
    const { text, values } = deleteStatement(this.#table, atMs, max);
    const { rowCount } = await told(this.#pool.query(text, values));
    const deleted = Number(rowCount ?? 0);
    return { deleted, more: deleted >= max };
  }

  /** The pool is its owner's. */
  close(): Promise<void> {
    return this.#batches.close();
  }

  async #write(records: LedgerRecord[]): Promise<Outcome[]> {
    // In one order everywhere, so that two batches with the same ids do not wait for each other.
    const firsts = new Map<string, LedgerRecord>();
    for (const record of records) if (!firsts.has(record.id)) firsts.set(record.id, record);
    const sorted = [...firsts.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const inserted = new Set(
      (await this.#run(insertStatement(this.#table, sorted))).map(row => row.id as string),
    );
    const known = new Map<string, LedgerRecord>();
    const asked = [...firsts.keys()].filter(id => !inserted.has(id));
    if (asked.length > 0) {
      for (const row of await this.#run(findStatement(this.#table, asked)))
        known.set(row.id, recordOfRow(row));
    }
    return records.map(record => {
      const first = firsts.get(record.id);
      if (inserted.has(record.id)) {
        if (first === record) return 'recorded';
        return isSameUsage(record, first as LedgerRecord) ? 'known' : 'conflict';
      }
      const there = known.get(record.id);
      // Deleted since it was found there: it was recorded once.
      return there === undefined || isSameUsage(record, there) ? 'known' : 'conflict';
    });
  }

  async #run({ text, values }: Statement): Promise<PostgresRow[]> {
    return (await told(this.#pool.query(text, values))).rows;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what the statement selects
type PostgresRow = any;

const UNDEFINED_TABLE = '42P01';

/** The failure of a server, as one of ours. */
export async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof TokenBudgetError) throw cause;
    const { code, message } = cause as { code?: unknown; message?: unknown };
    const advice = code === UNDEFINED_TABLE ? '; migrate() makes the tables' : '';
    throw new TokenBudgetError('STORE_UNAVAILABLE', `PostgreSQL: ${String(message)}${advice}`, { cause });
  }
}
