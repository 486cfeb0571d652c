/** From what the constructor is given to what the addon is told: checks and defaults. */
import { types } from 'node:util';
import { type BudgetLimits, hasCost, readBudget } from './arguments';
import { asConfig, readStore, STORE_OPTIONS } from './config/store';
import { type MoneySettings, pricesWhenAsked, readPrices } from './costs-link';
import { TokenBudgetError } from './errors';
import { toJson } from './json';
import { DOLLARS, type MoneyTerms, readCurrency, readRates } from './money';
import { isTimeZone } from './native';
import { percentOf } from './percent';
import { describe } from './text';
import type { BudgetConfig } from './types/config';
import type { BudgetPrices } from './types/money';
import * as check from './validate';

export interface Settings {
  store: 'memory' | 'disk' | 'redis';
  /** The addon's `config`. */
  nativeConfig: string;
  /** Ascending. */
  thresholds: readonly number[];
  orchestratorBudgets: ReadonlyArray<readonly [orchestratorId: string, limits: BudgetLimits]>;
  defaultBudget: BudgetLimits;
  money: MoneySettings;
  reservationTtlMs: number;
  enableOverrides: boolean;
  releaseOnly: boolean;
  onStoreError: 'reject' | 'allow' | 'deny';
  storagePath: string | undefined;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  maxPending: number;
  now: () => number;
}

const DEFAULT_THRESHOLDS = [0.5, 0.75, 0.9, 1];
const NO_LIMITS: BudgetLimits = [null, null, null, null, null, null];
const THRESHOLD_MAX = 1000;
const THRESHOLDS_MAX_LENGTH = 100;

/** Throws `INVALID_CONFIG`, naming the field. */
export function readConfig(config: unknown): Settings {
  return asConfig(() => read(check.object(config, 'config')));
}

const NAMES: ReadonlySet<string> = new Set<keyof BudgetConfig>([
  ...STORE_OPTIONS,
  'defaultBudget',
  'orchestratorBudgets',
  'currency',
  'currencyRates',
  'priceSource',
  'unknownModel',
  'thresholds',
  'reservationTTL',
  'enableOverrides',
  'timeZone',
  'idempotencyTTL',
  'lateSettleTTL',
  'historyLimit',
  'settle',
  'broadcast',
  'onStoreError',
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

  const store = readStore(config);
  const releaseOnly =
    optional('settle', 'record' as const, oneOf('record', 'release-only')) === 'release-only';
  const thresholds = optional('thresholds', DEFAULT_THRESHOLDS, readThresholds);
  const terms: MoneyTerms = {
    currency: optional('currency', 'USD', readCurrency),
    rates: optional('currencyRates', DOLLARS.rates, readRates),
  };
  const budgetOf = (value: unknown, at: string) => readBudget(value, at, terms);
  const defaultBudget = optional<BudgetLimits>('defaultBudget', NO_LIMITS, budgetOf);
  const orchestratorBudgets = optional('orchestratorBudgets', [], (value, at) =>
    readBudgets(value, at, terms),
  );
  const prices = optional<BudgetPrices | undefined>('priceSource', undefined, (value, at) =>
    readPrices(value, at, terms),
  );
  const limits = [defaultBudget, ...orchestratorBudgets.map(([, budget]) => budget)];
  const money: MoneySettings = {
    terms,
    prices: prices ?? pricesWhenAsked(terms),
    unknownModel: optional('unknownModel', 'reject' as const, oneOf('reject', 'unpriced')),
    isActive: limits.some(hasCost) || prices !== undefined || field('currency') !== undefined,
  };
  const budgets = {
    timeZone: optional('timeZone', 'UTC', readTimeZone),
    thresholds,
    defaultBudget,
    idempotencyTtlMs: duration('idempotencyTTL', 3_600_000, 1),
    lateSettleTtlMs: duration('lateSettleTTL', 86_400_000, 0),
    historyLimit: optional('historyLimit', 100_000, check.count),
    broadcast: optional('broadcast', false, check.boolean),
    releaseOnly,
    onStoreError: optional('onStoreError', 'reject' as const, oneOf('reject', 'allow', 'deny')),
  };
  return {
    store: store.store,
    nativeConfig: toJson({ budgets, ...store.native }),
    thresholds,
    orchestratorBudgets,
    defaultBudget,
    money,
    reservationTtlMs: duration('reservationTTL', 900_000, 1),
    enableOverrides: optional('enableOverrides', true, check.boolean),
    releaseOnly,
    onStoreError: budgets.onStoreError,
    storagePath: store.storagePath,
    commandTimeoutMs: store.commandTimeoutMs,
    connectTimeoutMs: store.connectTimeoutMs,
    maxPending: store.maxPending,
    now: store.now,
  };
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

function readBudgets(value: unknown, at: string, terms: MoneyTerms): Array<readonly [string, BudgetLimits]> {
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
    return [id, readBudget(check.own(source, id, at), path, terms)] as const;
  });
}
