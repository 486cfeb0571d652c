/** From what the constructor is given to what the addon is told: checks and defaults. */
import { types } from 'node:util';
import { readBudget } from './arguments';
import { readRedis } from './config/redis';
import { TokenBudgetError } from './errors';
import { toJson } from './json';
import { isTimeZone } from './native';
import { percentOf } from './percent';
import { describe } from './text';
import type { BudgetConfig } from './types/config';
import { uuid } from './uuid';
import * as check from './validate';

type Limits = [number | null, number | null, number | null];

export interface Settings {
  store: 'memory' | 'redis';
  /** The addon's `config`. */
  nativeConfig: string;
  orchestratorBudgets: ReadonlyArray<readonly [orchestratorId: string, limits: Limits]>;
  reservationTtlMs: number;
  enableOverrides: boolean;
  releaseOnly: boolean;
  connectTimeoutMs: number;
  maxPending: number;
  now: () => number;
}

const DEFAULT_THRESHOLDS = [0.5, 0.75, 0.9, 1];
const THRESHOLD_MAX = 1000;
const THRESHOLDS_MAX_LENGTH = 100;
const TIMER_MAX_MS = 2 ** 31 - 1;
const QUEUE_MAX = 10_000_000;

/** Throws `INVALID_CONFIG`, naming the field. */
export function readConfig(config: unknown): Settings {
  try {
    return read(check.object(config, 'config'));
  } catch (error) {
    if (!(error instanceof TokenBudgetError)) throw error;
    const { message, field } = error;
    throw new TokenBudgetError(
      'INVALID_CONFIG',
      message,
      Object.hasOwn(error, 'cause') ? { field, cause: error.cause } : { field },
    );
  }
}

const NAMES: ReadonlySet<string> = new Set<keyof BudgetConfig>([
  'defaultBudget',
  'orchestratorBudgets',
  'thresholds',
  'reservationTTL',
  'enableOverrides',
  'redis',
  'memory',
  'clock',
  'timeZone',
  'idempotencyTTL',
  'lateSettleTTL',
  'historyLimit',
  'settle',
  'broadcast',
  'onStoreError',
  'commandTimeout',
  'connectTimeout',
  'spoolLimit',
  'maxPending',
]);

function read(config: object): Settings {
  check.onlyNames(config, '', NAMES);
  const field = (key: string) => check.own(config, key, '');
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = field(key);
    return value === undefined ? fallback : reader(value, key);
  };
  const duration = (key: string, fallback: number, min: number, max = check.MAX_DURATION_MS) =>
    optional(key, fallback, (value, at) => check.integer(value, at, min, max));

  const redis = optional('redis', null, readRedis);
  const memoryName = optional('memory', undefined, readMemoryName);
  const clock = optional('clock', undefined, readClock);
  if (redis !== null && field('memory') !== undefined) {
    throw check.invalid('memory', 'no store in memory beside redis', field('memory'));
  }
  if (redis !== null && clock !== undefined) {
    throw check.invalid('clock', 'no clock beside redis, whose own decides', clock);
  }
  const releaseOnly =
    optional('settle', 'record' as const, oneOf('record', 'release-only')) === 'release-only';
  const commandTimeoutMs = duration('commandTimeout', 2000, 1, TIMER_MAX_MS);
  const connectTimeoutMs = duration('connectTimeout', 5000, 1, TIMER_MAX_MS);
  const common = {
    timeZone: optional('timeZone', 'UTC', readTimeZone),
    thresholds: optional('thresholds', DEFAULT_THRESHOLDS, readThresholds),
    defaultBudget: optional<Limits>('defaultBudget', [null, null, null], readBudget),
    idempotencyTtlMs: duration('idempotencyTTL', 3_600_000, 1),
    lateSettleTtlMs: duration('lateSettleTTL', 86_400_000, 0),
    historyLimit: optional('historyLimit', 100_000, check.count),
    broadcast: optional('broadcast', false, check.boolean),
    releaseOnly,
  };
  const remote = {
    commandTimeoutMs,
    connectTimeoutMs,
    spoolLimit: duration('spoolLimit', 100_000, 0, QUEUE_MAX),
    onStoreError: optional('onStoreError', 'reject', oneOf('reject', 'allow', 'deny')),
  };
  return {
    store: redis === null ? 'memory' : 'redis',
    nativeConfig: toJson(
      redis === null ? { ...common, memoryName } : { ...common, clientId: uuid(), ...remote, redis },
    ),
    orchestratorBudgets: optional('orchestratorBudgets', [], readBudgets),
    reservationTtlMs: duration('reservationTTL', 900_000, 1),
    enableOverrides: optional('enableOverrides', true, check.boolean),
    releaseOnly,
    connectTimeoutMs,
    maxPending: duration('maxPending', 100_000, 1, QUEUE_MAX),
    now: clock ?? systemNow,
  };
}

/** Asked anew each time, so that fake timers are heeded. */
function systemNow(): number {
  return Date.now();
}

function oneOf<T extends string>(...words: T[]): (value: unknown, at: string) => T {
  return (value, at) => check.oneOf(value, at, words);
}

function readTimeZone(value: unknown, at: string): string {
  if (typeof value === 'string' && isTimeZone(value)) return value;
  throw check.invalid(at, `the IANA name of a time zone, such as 'Europe/Berlin'`, value);
}

function readThresholds(value: unknown, at: string): number[] {
  let previous = 0;
  return check.elements(value, at, THRESHOLDS_MAX_LENGTH).map((item, index) => {
    if (typeof item !== 'number' || !(item > previous && item <= THRESHOLD_MAX)) {
      throw check.invalid(`${at}[${index}]`, `a number above ${previous} and at most ${THRESHOLD_MAX}`, item);
    }
    // Two thresholds of one name would be one event told twice.
    if (index > 0 && percentOf(item) === percentOf(previous)) {
      throw check.invalid(`${at}[${index}]`, `a number that is not ${percentOf(item)}% again`, item);
    }
    previous = item;
    return item;
  });
}

function readBudgets(value: unknown, at: string): Array<readonly [string, Limits]> {
  const source = check.object(value, at);
  if (types.isMap(source)) throw check.invalid(at, 'an object with a budget per orchestrator', 'a Map');
  let ids: string[];
  try {
    ids = Object.keys(source);
  } catch (cause) {
    throw new TokenBudgetError('INVALID_ARGUMENT', `${at}: reading it threw`, { field: at, cause });
  }
  return ids.map(id => {
    const path = `${at}[${describe(id)}]`;
    check.orchestrator(id, path);
    return [id, readBudget(check.own(source, id, at), path)] as const;
  });
}

function readMemoryName(value: unknown, at: string): string | undefined {
  const name = check.own(check.object(value, at), 'name', at);
  if (name === undefined) return undefined;
  const text = check.text(name, `${at}.name`, 256, 'well-formed');
  if (text === '') throw check.invalid(`${at}.name`, 'a name that is not empty', text);
  return text;
}

function readClock(value: unknown, at: string): () => number {
  if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
  const clock = value as () => unknown;
  return () => {
    const now = clock();
    if (typeof now === 'number' && now >= 0 && now <= check.MAX_INSTANT_MS) return Math.floor(now);
    const message = `${at}: expected milliseconds from 0 to ${check.MAX_INSTANT_MS}, got ${describe(now)}`;
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: at });
  };
}
