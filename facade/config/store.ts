import { resolve } from 'node:path';
import { TokenBudgetError } from '../errors';
import type { Plain } from '../json';
import { describe } from '../text';
import type { StoreOptions } from '../types/config';
import { uuid } from '../uuid';
import * as check from '../validate';
import { readRedis } from './redis';

/** Where state lives, as every class of the package is told. */
export interface StoreSettings {
  store: 'memory' | 'disk' | 'redis';
  /** What the addon is told of it. */
  native: { [key: string]: Plain };
  /** Unique per object. */
  clientId: string;
  /** The file of a store on disk, as an absolute path. */
  storagePath: string | undefined;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  maxPending: number;
  /** The clock of a store in this process. */
  now: () => number;
}

export const STORE_OPTIONS: ReadonlySet<keyof StoreOptions> = new Set<keyof StoreOptions>([
  'redis',
  'memory',
  'storage',
  'clock',
  'commandTimeout',
  'connectTimeout',
  'spoolLimit',
  'maxPending',
]);

const STORAGE_NAMES: ReadonlySet<string> = new Set(['path']);

const TIMER_MAX_MS = 2 ** 31 - 1;
const QUEUE_MAX = 10_000_000;
/** What Linux opens. */
const PATH_MAX_BYTES = 4095;

/** Reads the options of {@link STORE_OPTIONS}. */
export function readStore(config: object): StoreSettings {
  const field = (key: keyof StoreOptions) => check.own(config, key, '');
  const optional = <T>(
    key: keyof StoreOptions,
    fallback: T,
    reader: (value: unknown, at: string) => T,
  ): T => {
    const value = field(key);
    return value === undefined ? fallback : reader(value, key);
  };
  const integer = (key: keyof StoreOptions, fallback: number, min: number, max: number) =>
    optional(key, fallback, (value, at) => check.integer(value, at, min, max));

  const redis = optional('redis', null, readRedis);
  const memoryName = optional('memory', undefined, readMemoryName);
  const storagePath = optional('storage', undefined, readStorage);
  const clock = optional('clock', undefined, readClock);
  if (redis !== null && field('memory') !== undefined) {
    throw check.invalid('memory', 'no store in memory beside redis', field('memory'));
  }
  if (redis !== null && storagePath !== undefined) {
    throw check.invalid('storage', 'no store on disk beside redis', field('storage'));
  }
  if (storagePath !== undefined && field('memory') !== undefined) {
    throw check.invalid(
      'memory',
      'no store in memory beside storage, which is shared by its path',
      field('memory'),
    );
  }
  if (redis !== null && clock !== undefined) {
    throw check.invalid('clock', 'no clock beside redis, whose own decides', clock);
  }
  const commandTimeoutMs = integer('commandTimeout', 2000, 1, TIMER_MAX_MS);
  const connectTimeoutMs = integer('connectTimeout', 5000, 1, TIMER_MAX_MS);
  const spoolLimit = integer('spoolLimit', 100_000, 0, QUEUE_MAX);
  const clientId = uuid();
  return {
    store: redis !== null ? 'redis' : storagePath === undefined ? 'memory' : 'disk',
    native:
      redis === null
        ? {
            memoryName,
            storage: storagePath === undefined ? undefined : { path: storagePath },
            clientId,
          }
        : { clientId, commandTimeoutMs, connectTimeoutMs, spoolLimit, redis },
    clientId,
    storagePath,
    commandTimeoutMs,
    connectTimeoutMs,
    maxPending: integer('maxPending', 100_000, 1, QUEUE_MAX),
    now: clock ?? systemNow,
  };
}

/** Runs `read`; what it finds wrong with an argument is wrong with the configuration. */
export function asConfig<T>(read: () => T): T {
  try {
    return read();
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

/** Asked anew each time, so that fake timers are heeded. */
function systemNow(): number {
  return Date.now();
}

function readMemoryName(value: unknown, at: string): string | undefined {
  const name = check.own(check.object(value, at), 'name', at);
  if (name === undefined) return undefined;
  const text = check.text(name, `${at}.name`, 256, 'well-formed');
  if (text === '') throw check.invalid(`${at}.name`, 'a name that is not empty', text);
  return text;
}

/** As an absolute path: the working directory may be another when the file is opened. */
function readStorage(value: unknown, at: string): string {
  if (typeof value === 'string') return readPath(value, at);
  if (typeof value !== 'object' || value === null) throw check.invalid(at, 'the path of a file', value);
  const source = check.object(value, at);
  check.onlyNames(source, at, STORAGE_NAMES);
  return readPath(check.own(source, 'path', at), `${at}.path`);
}

function readPath(value: unknown, at: string): string {
  const path = check.text(value, at, PATH_MAX_BYTES, 'well-formed');
  if (path === '' || path.includes('\0')) throw check.invalid(at, 'the path of a file', path);
  // What SQLite would understand by these is neither a file nor kept.
  if (path.startsWith(':') || path.startsWith('file:')) {
    throw check.invalid(at, 'the path of a file, such as ./state.db', path);
  }
  return resolve(path);
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
