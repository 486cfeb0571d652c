/** The only place that loads the addon. `docs/boundary.md` says what crosses here. */

/** The frequent operations; see "Embedded operations" in `docs/boundary.md`. */
export interface EmbeddedOperations {
  check(orchestratorId: string): void;
  /** The id of the reservation; `undefined` when it was refused. */
  reserve(orchestratorId: string): string | undefined;
  settle(reservationId: string, model: string, sessionId: string, requestId: string | null): void;
  track(
    orchestratorId: string,
    model: string,
    sessionId: string,
    requestId: string | null,
    metadataJson: string | null,
  ): void;
}

export interface EmbeddedTracker {
  operations(): EmbeddedOperations;
  /** Of tokens, then of money in micro-units; NaN is unlimited. */
  configureBudget(orchestratorId: string, limits: Float64Array): void;
  stats(orchestratorId: string, period: number, nowMs: number): string;
  query(verb: number, orchestratorId: string, argumentsJson: string, nowMs: number): string;
  sweep(nowMs: number): number;
  nextExpiryMs(): number;
  takeEvents(): string;
  /** What the last negative status was about. */
  lastError(): string;
  close(): void;
}

export interface RemoteTracker {
  /** Of tokens, then of money in micro-units; NaN is unlimited. */
  configureBudget(orchestratorId: string, limits: Float64Array): void;
  open(wake: () => void): void;
  /** Whether there are answers to take already. `alone`: no other call is awaited. */
  submit(numbers: Float64Array, count: number, text: string, alone: boolean): boolean;
  take(out: Float64Array): string;
  ref(): void;
  unref(): void;
  end(): void;
}

/** The frequent operations of a limiter; see "Embedded limiters" in `docs/boundary.md`. */
export interface EmbeddedLimiterOperations {
  acquire(id: string, agent: string): void;
  settle(id: string, signalsJson: string | null): void;
  cancel(id: string): void;
}

export interface EmbeddedLimiter {
  operations(): EmbeddedLimiterOperations;
  query(operationJson: string, nowMs: number): string;
  /** The places that became permits, as JSON. */
  takeGranted(): string;
  /** Of the last `acquire` that neither was granted nor waits, as JSON. */
  lastOutcome(): string;
  /** What there is to tell of shares that were lost. */
  takeWarning(): string | null;
  close(): void;
}

export interface EmbeddedPools {
  /** The frequent operation; see "Embedded pools" in `docs/boundary.md`. */
  operations(): { pick(pool: string, resource: string): void };
  configure(pool: string, policyJson: string): void;
  query(pool: string, operationJson: string, nowMs: number): string;
  close(): void;
}

/** One file of state; see "Storage" in `docs/boundary.md`. Objects of one path share it, in every thread. */
export interface Storage {
  /**
   * Begins to load in the background. `wake` is called, in the thread of the caller, whenever it is loaded, cannot be
   * loaded, or one of the numbers below has changed. A text is thrown when it cannot even begin.
   */
  open(wake: () => void): void;
  isOpen(): boolean;
  /** Of the entry that was recorded last: what must be on disk before the answers given so far are true. */
  writtenSeq(): number;
  /** Everything up to this is on disk. */
  durableSeq(): number;
  /** Why it cannot be loaded, or why nothing can be written at present; empty while all is well. */
  failure(): string;
  flush(): void;
  /** Keeps the process alive, or lets it end, which is how it begins. */
  ref(): void;
  unref(): void;
  /**
   * Writes what is left, at most for `timeoutMs`, and lets go of the file, unless others have it open. Answers how many
   * entries are not on disk.
   */
  close(timeoutMs: number): number;
}

export interface EmbeddedCoordination {
  /** Operations as a JSON array; see "Embedded coordination" in `docs/boundary.md`. */
  timers(shard: string, policyJson: string, operationsJson: string, nowMs: number): string;
  /** The same for one circuit breaker. */
  breakers(name: string, policyJson: string, operationsJson: string, nowMs: number): string;
  close(): void;
}

/** The prices that are shipped with the package; see "Costs" in `docs/boundary.md`. */
export interface PriceSnapshot {
  version(): string;
  date(): string;
  /** Ids of the models of a provider whose tokens have a price, as a JSON array. */
  modelsOf(provider: string): string;
}

export interface PriceTable {
  setPrices(modelJson: string, published: boolean): void;
  /** A handle; -1: unknown. */
  find(model: string, provider: string, asPublished: boolean): number;
  estimate(model: string, atMs: number): number;
  describe(handle: number, atMs: number): string;
  addCosts(usages: Float64Array, count: number, toRate: number, sums: BigUint64Array): void;
  mostMicros(handle: number, atMs: number, tokens: number, fromRate: number, toRate: number): number;
}

/** Usage records and their sums; see `src/store/ledger`. What crosses is JSON, costs are decimal text. */
export interface Ledger {
  open(): Promise<void>;
  /** An array of records; answers what became of each. */
  record(json: string): Promise<string>;
  sums(queryJson: string): Promise<string>;
  countDistinct(queryJson: string, of: string): Promise<number>;
  page(queryJson: string, after: string | null, limit: number): Promise<string>;
  deleteBefore(atMs: number, max: number): Promise<number>;
  /** Whether all sums are those of the records, as JSON. */
  verify(): Promise<string>;
  close(): Promise<void>;
}

interface Addon {
  /** Milliseconds of text such as `1h30m`; throws what is wrong with it. */
  parseDuration(text: string): number;
  /** The first occurrence after an instant; -1: never again. */
  nextOccurrence(recurrenceJson: string, afterMs: number): number;
  nextLocalMidnight(timeZone: string, afterMs: number): number;
  /** `nowMs` when a window is open now, else when the next one opens; -1: never. */
  nextOpening(windowsJson: string, nowMs: number): number;
  isTimeZone(name: string): boolean;
  encodeIdentifier(id: string): string;
  decodeIdentifier(encoded: string): string;
  /** `[tokens, is estimate (0 or 1), encoding]`. */
  estimateTokens(text: string, model: string): number[];
  EmbeddedTracker: new (config: string, numbers: Float64Array) => EmbeddedTracker;
  EmbeddedLimiter: new (config: string, numbers: Float64Array, idPrefix: string) => EmbeddedLimiter;
  EmbeddedPools: new (config: string, numbers: Float64Array) => EmbeddedPools;
  EmbeddedCoordination: new (config: string) => EmbeddedCoordination;
  RemoteTracker: new (config: string) => RemoteTracker;
  Storage: new (path: string, openTimeoutMs: number) => Storage;
  PriceSnapshot: new (json: string) => PriceSnapshot;
  PriceTable: new (snapshot: PriceSnapshot) => PriceTable;
  /** `null`: in memory. */
  Ledger: new (
    path: string | null,
  ) => Ledger;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- the generated loader is CommonJS
const addon = require('../native/binding.js') as Addon;

export const {
  isTimeZone,
  encodeIdentifier,
  decodeIdentifier,
  estimateTokens,
  parseDuration,
  nextOccurrence,
  nextLocalMidnight,
  nextOpening,
  EmbeddedTracker,
  EmbeddedLimiter,
  EmbeddedPools,
  EmbeddedCoordination,
  RemoteTracker,
  Storage,
  PriceSnapshot,
  PriceTable,
  Ledger,
} = addon;
