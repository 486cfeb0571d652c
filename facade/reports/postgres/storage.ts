import { asConfig } from '../../config/store';
import { getCostCalculator } from '../../costs/calculator';
import { TokenBudgetError } from '../../errors';
import type { TokenUsageRecord } from '../../types/costs';
import type { UsageFilter, UsageStorage } from '../../types/reports';
import { instant, invalid, object, onlyNames, own } from '../../validate';
import { readFilter } from '../arguments';
import { type CostSource, costSource, type ReportCalculator } from '../cost-source';
import { KeptNames } from '../kept-names';
import { ledgerRecord, readRecord, usageOf } from '../records';
import type { UsageSource } from '../source';
import type { PostgresPool } from './pool';
import { migrate, quoted } from './schema';
import { PostgresSource, told } from './source';

/** Which tables a {@link PostgresUsageStorage} uses. */
export interface PostgresUsageStorageOptions {
  /** Default `public`. */
  schema?: string;
  /** Default `token_usage`; `<table>_migrations` stands beside it. */
  table?: string;
  /**
   * Prices records that are saved by `saveUsageRecord` directly; a reporter prices what it records itself. Default:
   * `getCostCalculator()`.
   */
  calculator?: ReportCalculator;
}

/** What a reporter reads and writes by, one for each; not for callers. */
export let newSourceOf: (storage: PostgresUsageStorage) => UsageSource;

const NAMES: ReadonlySet<string> = new Set<keyof PostgresUsageStorageOptions>([
  'schema',
  'table',
  'calculator',
]);
const PAGE_RECORDS = 5000;
const DELETE_RECORDS = 5000;

/**
 * Records in PostgreSQL, through a pool of the package `pg` that is the caller's and stays open. A reporter on it has its
 * sums made by the server.
 *
 * @example
 * ```ts
 * const storage = new PostgresUsageStorage(new Pool({ connectionString: process.env.DATABASE_URL }));
 * await storage.migrate();
 * const reporter = new UsageReporter({}, storage);
 * ```
 */
export class PostgresUsageStorage implements UsageStorage {
  readonly #pool: PostgresPool;
  readonly #schema: string;
  readonly #table: string;
  readonly #costs: CostSource;
  readonly #source: UsageSource;

  static {
    newSourceOf = storage => storage.#newSource();
  }

  /** Throws `INVALID_CONFIG`, naming the field. Nothing is asked of the server yet. */
  constructor(pool: PostgresPool, options: PostgresUsageStorageOptions = {}) {
    const read = asConfig(() => readOptions(pool, options));
    this.#pool = pool;
    this.#schema = read.schema;
    this.#table = read.table;
    this.#costs = read.costs;
    this.#source = this.#newSource();
  }

  #newSource(): UsageSource {
    const table = `${quoted(this.#schema)}.${quoted(this.#table)}`;
    return new KeptNames(new PostgresSource(this.#pool, table));
  }

  /** Makes the tables or brings them up to date. As often as you like, from as many processes as there are. */
  migrate(): Promise<void> {
    return told(migrate(this.#pool, this.#schema, this.#table));
  }

  /** Once by id: the same again changes nothing, another usage under it rejects with `REQUEST_CONFLICT`. */
  async saveUsageRecord(record: TokenUsageRecord): Promise<void> {
    const checked = readRecord(record, 'record');
    const outcome = await this.#source.record(
      ledgerRecord(checked, this.#costs.costOf(checked.usage)),
      record,
    );
    if (outcome !== 'conflict') return;
    const message = 'record.id: another usage was recorded under this id before';
    throw new TokenBudgetError('REQUEST_CONFLICT', message, { field: 'record.id' });
  }

  /** All of them, by time. Reporters read in pages instead. */
  async getUsageRecords(params: UsageFilter): Promise<TokenUsageRecord[]> {
    const records: TokenUsageRecord[] = [];
    for await (const page of this.#source.pages(readFilter(params, 'params'), PAGE_RECORDS)) {
      for (const record of page) records.push(usageOf(record));
    }
    return records;
  }

  /** Deletes what is before an instant, in steps; answers how many records that were. */
  async deleteOldRecords(olderThan: Date): Promise<number> {
    const beforeMs = instant(olderThan, 'olderThan');
    for (let all = 0; ; ) {
      const { deleted, more } = await this.#source.deleteBefore(beforeMs, DELETE_RECORDS);
      all += deleted;
      if (!more) return all;
    }
  }
}

/** Longer names are cut by the server, and those of indexes and migrations are made of them. */
const IDENTIFIER_MAX_LENGTH = 40;

function identifier(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length <= IDENTIFIER_MAX_LENGTH && /^[a-z_][a-z0-9_]*$/i.test(value))
    return value;
  throw invalid(at, `a name of 1 to ${IDENTIFIER_MAX_LENGTH} letters, digits or underscores`, value);
}

function readOptions(pool: PostgresPool, options: PostgresUsageStorageOptions) {
  const given = object(options, 'options');
  onlyNames(given, 'options', NAMES);
  const { query, connect } = object(pool, 'pool') as Partial<PostgresPool>;
  if (typeof query !== 'function' || typeof connect !== 'function') {
    throw invalid('pool', 'a Pool of the package pg', pool);
  }
  const calculator = own(given, 'calculator', 'options') as ReportCalculator | undefined;
  return {
    schema: identifier(own(given, 'schema', 'options') ?? 'public', 'options.schema'),
    table: identifier(own(given, 'table', 'options') ?? 'token_usage', 'options.table'),
    costs: costSource(calculator ?? getCostCalculator(), 'options.calculator'),
  };
}
