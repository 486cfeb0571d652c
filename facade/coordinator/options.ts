/** From what a coordinator is given to what it works with: checks and defaults. */
import { asConfig, STORE_OPTIONS } from '../config/store';
import { isTimeZone } from '../native';
import { ownerAt, timeZoneAt } from '../timers/arguments';
import { durationAt } from '../timers/durations';
import type { WebhookOptions } from '../timers/webhooks';
import type { StoreOptions } from '../types/config';
import * as check from '../validate';

/** How a {@link TokenCoordinator} works. Everything is optional; without `redis`, state lives in this process. */
export interface CoordinatorOptions extends StoreOptions {
  /** Whether this process fires timers and sends webhooks. Default `true`. */
  run?: boolean;
  /** Whose the timers are that name no `owner`. Default: nobody's. */
  owner?: string;
  /**
   * IANA name of the zone of local times: cron patterns, midnights, off-peak windows. Default: that of the host.
   * Processes that share a store should share it.
   */
  defaultTimeZone?: string;
  /**
   * Parts that the timers are divided into, 1 to 64; all processes must name the same number. Default 1, with a
   * cluster 8.
   */
  shards?: number;
  /** How long timers are remembered that have fired or were cancelled: milliseconds, or `'1d'`. Default a day. */
  keepFinished?: number | string;
  /** How long webhooks are kept that were given up. Default `'30d'`. */
  keepDead?: number | string;
  /** Webhooks this process sends at once, 1 to 1,000, a quarter of them to one host. Default 64. */
  concurrency?: number;
  /** How webhooks are signed, sent and repeated. */
  webhooks?: WebhookOptions;
}

export interface CoordinatorSettings {
  run: boolean;
  owner: string;
  timeZone: string;
  shards: number;
  keepEndedMs: number;
  keepDeadMs: number;
  concurrency: number;
  webhooks: WebhookOptions | undefined;
  connectTimeoutMs: number;
  /** Whether timers live in this object alone, by the clock of this process. */
  isAlone: boolean;
  store: StoreOptions;
}

const DAY_MS = 86_400_000;
const SHARDS_MAX = 64;
const CONCURRENCY_MAX = 1000;
const TIMER_MAX_MS = 2 ** 31 - 1;

const NAMES: ReadonlySet<string> = new Set<keyof CoordinatorOptions>([
  ...STORE_OPTIONS,
  ...(['run', 'owner', 'defaultTimeZone', 'shards', 'keepFinished', 'keepDead'] as const),
  ...(['concurrency', 'webhooks'] as const),
]);

/** Throws `INVALID_CONFIG`, naming the field. */
export function readOptions(value: unknown): CoordinatorSettings {
  return asConfig(() => read(check.object(value, 'options')));
}

function read(options: object): CoordinatorSettings {
  check.onlyNames(options, '', NAMES);
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = check.own(options, key, '');
    return value === undefined ? fallback : reader(value, key);
  };
  const integer = (key: string, fallback: number, max: number) =>
    optional(key, fallback, (value, at) => check.integer(value, at, 1, max));
  const duration = (key: string, fallback: number) =>
    optional(key, fallback, (value, at) => durationAt(value, at));
  const store: Record<string, unknown> = {};
  for (const key of STORE_OPTIONS) {
    const given = check.own(options, key, '');
    if (given !== undefined) store[key] = given;
  }
  const shared = [...STORE_OPTIONS].filter(key => !LOCAL.has(key));
  return {
    run: optional('run', true, check.boolean),
    owner: optional('owner', '', ownerAt),
    timeZone: optional('defaultTimeZone', undefined, timeZoneAt) ?? hostTimeZone(),
    shards: integer('shards', isCluster(store.redis) ? 8 : 1, SHARDS_MAX),
    keepEndedMs: duration('keepFinished', DAY_MS),
    keepDeadMs: duration('keepDead', 30 * DAY_MS),
    concurrency: integer('concurrency', 64, CONCURRENCY_MAX),
    webhooks: optional('webhooks', undefined, (given, at) => check.object(given, at) as WebhookOptions),
    connectTimeoutMs: integer('connectTimeout', 5000, TIMER_MAX_MS),
    isAlone: shared.every(key => store[key] === undefined) && store.clock === undefined,
    store: store as StoreOptions,
  };
}

/** Options that say nothing of who else has the timers. */
const LOCAL: ReadonlySet<string> = new Set<keyof StoreOptions>([
  'clock',
  'commandTimeout',
  'connectTimeout',
  'spoolLimit',
  'maxPending',
]);

function isCluster(redis: unknown): boolean {
  return typeof redis === 'object' && redis !== null && check.own(redis, 'cluster', 'redis') !== undefined;
}

/** Where local times are those of the host, as in programs that ask a Date. */
function hostTimeZone(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return isTimeZone(timeZone) ? timeZone : 'UTC';
}
