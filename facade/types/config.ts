import type { TokenBudget } from './budget';
import type { BudgetPrices } from './money';

/** One server address. */
export interface RedisNode {
  host: string;
  port?: number;
}

/** TLS towards the store; certificates and keys as PEM. */
export interface RedisTlsOptions {
  ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
  cert?: string | Uint8Array;
  key?: string | Uint8Array;
  /** Default `true`. `false` accepts any certificate: never in production. */
  rejectUnauthorized?: boolean;
}

/** Where Redis or Valkey is. `{}` is `localhost:6379`. A field wins over the same part of `url`. */
export interface RedisOptions {
  /** Default `localhost`. */
  host?: string;
  /** Default 6379. */
  port?: number;
  username?: string;
  password?: string;
  /** Default 0; a cluster has only 0. */
  db?: number;
  /** Begins every key. Default `orchestrator`. */
  keyPrefix?: string;
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  url?: string;
  tls?: boolean | RedisTlsOptions;
  /** Sentinels to ask for the primary called `name`. Default port 26379. */
  sentinels?: readonly RedisNode[];
  /** The name of the primary, with `sentinels`. */
  name?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  /** Nodes of a cluster to begin with; `true` begins with `host` and `port`. */
  cluster?: readonly RedisNode[] | true;
  /**
   * Whether connections live in a thread of their own. Default `false`: in the event loop of the thread that
   * calls, where a call changes threads least often. `true` takes work off a busy main thread and makes each
   * call about as long as two thread changes slower.
   */
  ioThread?: boolean;
  /**
   * How long the thread looks for the answer to a call that nothing else waits beside, before it sleeps, in
   * microseconds. A server on the same machine answers sooner than a sleeping thread wakes up; where looking is in
   * vain it is hardly ever tried. Default 100, at most 1,000; 0 never looks.
   */
  busyPollMicros?: number;
}

/** A file that state is kept in, with those that lie beside it (`-wal`, `-shm` and `-lock`). */
export interface StorageOptions {
  path: string;
}

/** Where state lives, and how long to wait for it. Durations are milliseconds. */
export interface StoreOptions {
  /** State on Redis or Valkey, shared by every process. Default: in memory. */
  redis?: RedisOptions;
  /** In memory, shared by name between the objects and worker threads of this process. */
  memory?: { name?: string };
  /**
   * In this process and on disk, in the file of this path: a restart, a crash and a power cut lose nothing that was
   * acknowledged. Objects and worker threads of one process share a path; another process has to wait until this one
   * has ended. Nothing is answered, and no event told, before it is on disk.
   */
  storage?: string | StorageOptions;
  /** The time of the store in this process, in milliseconds since the epoch. Default `Date.now`. */
  clock?: () => number;
  /** Every operation ends within this. Default 2,000. */
  commandTimeout?: number;
  /** Default 5,000. */
  connectTimeout?: number;
  /** Reports that may wait for an absent or slow store after their promise resolved. Default 100,000. */
  spoolLimit?: number;
  /** Operations that may wait at once; one more rejects with `STORE_UNAVAILABLE`. Default 100,000. */
  maxPending?: number;
}

/**
 * How a tracker is set up. Everything is optional; without `redis` or `storage`, state lives in the memory of this process.
 * Durations are milliseconds.
 *
 * @example
 * ```ts
 * const tracker = new TokenBudgetTracker({
 *   defaultBudget: { hourly: 100_000, daily: 1_000_000 },
 *   redis: { url: 'redis://localhost:6379/0' },
 * });
 * ```
 */
export interface BudgetConfig extends StoreOptions {
  /** For every orchestrator without its own. Default: unlimited. */
  defaultBudget?: TokenBudget;
  /** Each replaces the default as a whole. */
  orchestratorBudgets?: Record<string, TokenBudget>;
  /** In which money is counted, ISO 4217; the same for all that share a store. Default `USD`. */
  currency?: string;
  /** Units of other currencies for one US dollar, such as `{ EUR: '0.92' }`, for amounts that are given in them. */
  currencyRates?: Record<string, number | string>;
  /**
   * What tokens cost, for reservations and usage that name a model and no cost. Asked where money is counted: a budget has
   * a limit of money, or `currency` or `priceSource` is given. Default: the prices that are shipped, which need a rate in
   * `currencyRates` when `currency` is not `USD`.
   */
  priceSource?: BudgetPrices;
  /**
   * What becomes of a check or a reservation whose cost is not known, by an orchestrator with a limit of money: it is
   * refused with `INVALID_ARGUMENT`, or costs nothing. What was used is always recorded. Default `reject`.
   */
  unknownModel?: 'reject' | 'unpriced';
  /** Ascending fractions above 0, at most 1000. Default `[0.5, 0.75, 0.9, 1.0]`. */
  thresholds?: readonly number[];
  /** Life of a reservation that nobody releases. Default 900,000 (15 minutes). */
  reservationTTL?: number;
  /** Default `true`. */
  enableOverrides?: boolean;
  /** IANA name of the zone in which hours, days and months begin. Default `UTC`. */
  timeZone?: string;
  /** How long a `requestId` is remembered. Default 3,600,000 (1 hour). */
  idempotencyTTL?: number;
  /** How long after its expiry a reservation can still be settled. Default 86,400,000 (1 day). */
  lateSettleTTL?: number;
  /** Entries kept per orchestrator and period; 0 keeps none. Default 100,000. */
  historyLimit?: number;
  /** Whether ending a reservation records its usage. Default `record`. */
  settle?: 'record' | 'release-only';
  /** Whether every process hears every threshold. Default `false`: the one that crossed it. */
  broadcast?: boolean;
  /** What checks and reservations answer while the store is away or refuses. Default `reject`. */
  onStoreError?: 'reject' | 'allow' | 'deny';
}
