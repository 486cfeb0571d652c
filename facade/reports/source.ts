import type { TokenUsageRecord } from '../types/costs';
import type { ReportGroup } from '../types/reports';

/** One usage and what it cost, as sources keep it. */
export interface LedgerRecord {
  id: string;
  orchestratorId: string;
  sessionId: string;
  /** Milliseconds since 1970. */
  atMs: number;
  modelId: string;
  provider: string;
  /** Empty: none was named. */
  tool: string;
  input: number;
  output: number;
  total: number;
  /** Pico-units (10^-12) of `currency`. */
  inputPico: bigint;
  outputPico: bigint;
  currency: string;
  priced: boolean;
  /** JSON of the fields that are only kept; empty: there are none. */
  extra: string;
}

/** Both ends are included. */
export interface LedgerQuery {
  startMs: number;
  endMs: number;
  orchestratorId?: string;
  sessionId?: string;
}

/** Sums of the records of one key, one currency and, with boundaries, one slot. Keys without records have none. */
export interface LedgerSums {
  /** Empty where records are not grouped, and for those without a tool. */
  key: string;
  /** Of models: the provider. */
  detail: string;
  /** The boundary at which the slot begins. */
  bucketMs?: number;
  currency: string;
  records: number;
  input: number;
  output: number;
  total: number;
  inputPico: bigint;
  outputPico: bigint;
  unpriced: number;
  /** The most tokens of one record, and when the earliest such record was. */
  peak: number;
  peakAtMs: number;
  firstAtMs: number;
  lastAtMs: number;
}

/** What became of a record. */
export type Outcome = 'recorded' | 'known' | 'conflict';

/** What reads of one report have in common. */
export interface UsageView {
  /**
   * `boundariesMs`: ascending instants; slot i is `[b(i), b(i+1))`, the last one ends with the query. The first one is
   * not after the query's start.
   */
  sums(groupBy: ReportGroup | 'none', boundariesMs?: readonly number[]): Promise<LedgerSums[]>;
  countDistinct(of: 'orchestrator' | 'session'): Promise<number>;
}

/** Everything that reports are made of. Records are written once by id; what they cost is kept as it was reckoned then. */
export interface UsageSource {
  /** Durable when it resolves. `given` is the same usage as the caller gave it. */
  record(record: LedgerRecord, given: TokenUsageRecord): Promise<Outcome>;
  /** A view over which `use` computes; it ends with it. */
  read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T>;
  /** By time, then in the order of recording. */
  pages(query: LedgerQuery, size: number): AsyncIterable<readonly LedgerRecord[]>;
  /** One step, of about `max` records before `atMs`; `more` asks to be called again. */
  deleteBefore(atMs: number, max: number): Promise<{ deleted: number; more: boolean }>;
  /** Finishes what is pending. What belongs to the caller stays open. */
  close(): Promise<void>;
}
