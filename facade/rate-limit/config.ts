/** From what a limiter is given to what the addon is told: checks and defaults. */
import { asConfig, readStore, STORE_OPTIONS, type StoreSettings } from '../config/store';
import { toJson } from '../json';
import type { RateLimitConfig, RateLimitName, RateLimits } from '../types/rate-limit';
import * as check from '../validate';

/** How an entry of the limits is counted. */
interface Kind {
  unit: 'requests' | 'inputTokens' | 'outputTokens' | 'tokens';
  windowMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const NAME_MAX_BYTES = 256;

/** The limits that a window belongs to, in the order in which the addon is told. */
export const KINDS: Readonly<Record<Exclude<RateLimitName, 'concurrent'>, Kind>> = {
  rps: { unit: 'requests', windowMs: SECOND_MS },
  rpm: { unit: 'requests', windowMs: MINUTE_MS },
  rph: { unit: 'requests', windowMs: HOUR_MS },
  rpd: { unit: 'requests', windowMs: DAY_MS },
  itpm: { unit: 'inputTokens', windowMs: MINUTE_MS },
  otpm: { unit: 'outputTokens', windowMs: MINUTE_MS },
  tpm: { unit: 'tokens', windowMs: MINUTE_MS },
  tpd: { unit: 'tokens', windowMs: DAY_MS },
};

const WINDOW_NAMES = Object.keys(KINDS) as Array<keyof typeof KINDS>;
const LIMIT_NAMES: ReadonlySet<string> = new Set([...WINDOW_NAMES, 'concurrent']);

/** Of the guide this package serves: what an API key of the first tier may do. */
const DEFAULT_LIMITS: RateLimits = { rpm: 50, itpm: 40_000, otpm: 8_000 };

const NAMES: ReadonlySet<string> = new Set<keyof RateLimitConfig>([
  ...STORE_OPTIONS,
  'name',
  'limits',
  'safety',
  'pacing',
  'permitTTL',
  'clientLease',
  'maxWaiting',
  'onStoreError',
  'adoptLimits',
  'outputQuantile',
]);

export type Rule = { unit: Kind['unit']; windowMs: number; limit: number; ordinary: number };

/** `Terms` of the addon. */
export type Terms = {
  rules: Rule[];
  concurrency: { limit: number; ordinary: number } | null;
  pauseUs: number;
};

export interface LimiterSettings extends StoreSettings {
  name: string;
  limits: RateLimits;
  margin: number;
  /** Of the distance between requests; `null`: none is kept. */
  pacingMargin: number | null;
  cooldownMs: number;
  /** Whether others may use the limiter too, and change its limits. */
  isShared: boolean;
  allowWithoutStore: boolean;
  adoptLimits: boolean;
  outputQuantile: number;
  nativeConfig: string;
}

/** It crosses to the addon as JSON, which has no lone surrogates. */
function readName(value: unknown, at: string): string {
  return check.text(check.orchestrator(value, at), at, NAME_MAX_BYTES, 'well-formed');
}

/** Throws `INVALID_CONFIG`, naming the field. */
export function readLimiterConfig(config: unknown): LimiterSettings {
  return asConfig(() => read(check.object(config, 'config')));
}

function read(config: object): LimiterSettings {
  check.onlyNames(config, '', NAMES);
  const optional = <T>(
    key: keyof RateLimitConfig,
    fallback: T,
    reader: (value: unknown, at: string) => T,
  ): T => {
    const value = check.own(config, key, '');
    return value === undefined ? fallback : reader(value, key);
  };
  const integer = (key: keyof RateLimitConfig, fallback: number, min: number, max: number) =>
    optional(key, fallback, (value, at) => check.integer(value, at, min, max));

  const store = readStore(config);
  const name = optional('name', 'default', readName);
  const limits = optional('limits', DEFAULT_LIMITS, readLimits);
  const safety = optional('safety', {}, (value, at) => check.object(value, at));
  check.onlyNames(safety, 'safety', new Set(['margin', 'cooldown', 'maxCooldown']));
  const margin = share(check.own(safety, 'margin', 'safety') ?? 0.15, 'safety.margin');
  const cooldownMs = seconds(check.own(safety, 'cooldown', 'safety') ?? 60, 'safety.cooldown');
  const maxCooldownMs = seconds(check.own(safety, 'maxCooldown', 'safety') ?? 3600, 'safety.maxCooldown');
  const pacingMargin = optional('pacing', 0.1, readPacing);
  const policy = {
    configured: termsOf(limits, margin, pacingMargin),
    cooldownMs,
    cooldownMaxMs: Math.max(cooldownMs, maxCooldownMs),
    permitTtlMs: integer('permitTTL', 600_000, 1, check.MAX_DURATION_MS),
    clientLeaseMs: integer('clientLease', 30_000, 100, DAY_MS),
    lineMax: integer('maxWaiting', 10_000, 0, 1_000_000),
  };
  return {
    ...store,
    name,
    limits,
    margin,
    pacingMargin,
    cooldownMs,
    isShared: store.store !== 'memory' || store.native.memoryName !== undefined,
    allowWithoutStore:
      optional('onStoreError', 'reject', (value, at) => check.oneOf(value, at, ['reject', 'allow'])) ===
      'allow',
    adoptLimits: optional('adoptLimits', false, check.boolean),
    outputQuantile: optional('outputQuantile', 0.95, readQuantile),
    nativeConfig: toJson({ limiter: { name, policy }, ...store.native }),
  };
}

/** Checks limits; `at` is their path. */
export function readLimits(value: unknown, at: string): RateLimits {
  const source = check.object(value, at);
  check.onlyNames(source, at, LIMIT_NAMES);
  const limits: RateLimits = {};
  for (const name of LIMIT_NAMES as ReadonlySet<RateLimitName>) {
    const limit = check.own(source, name, at);
    if (limit !== undefined) limits[name] = check.count(limit, `${at}.${name}`);
  }
  return limits;
}

/** The names of the rules, in the order of {@link termsOf}. */
export function ruleNames(limits: RateLimits): Array<Exclude<RateLimitName, 'concurrent'>> {
  return WINDOW_NAMES.filter(name => limits[name] !== undefined);
}

export function termsOf(limits: RateLimits, margin: number, pacingMargin: number | null): Terms {
  // What is left of 10 without nine tenths is 1, though not in binary.
  const ordinary = (limit: number) => Math.min(limit, Math.floor(limit * (1 - margin) + 1e-6));
  // Without a whole request that is not held back, none but critical ones could ever be made.
  const ordinaryCount = (limit: number) => Math.max(ordinary(limit), Math.min(1, limit));
  const rules = ruleNames(limits).map(name => {
    const limit = limits[name] ?? 0;
    const kind = KINDS[name];
    return { ...kind, limit, ordinary: kind.unit === 'requests' ? ordinaryCount(limit) : ordinary(limit) };
  });
  const { rpm, concurrent } = limits;
  return {
    rules,
    concurrency: concurrent === undefined ? null : { limit: concurrent, ordinary: ordinaryCount(concurrent) },
    pauseUs:
      pacingMargin === null || rpm === undefined || rpm === 0
        ? 0
        : Math.round((MINUTE_MS / rpm) * (1 + pacingMargin) * 1000),
  };
}

function readPacing(value: unknown, at: string): number | null {
  if (value === true) return 0.1;
  if (value === false) return null;
  const source = check.object(value, at);
  check.onlyNames(source, at, new Set(['margin']));
  const margin = check.own(source, 'margin', at);
  return margin === undefined ? 0.1 : fraction(margin, `${at}.margin`, 0, 10);
}

/** From 0 to below 1. */
function share(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && value < 1) return value;
  throw check.invalid(at, 'a number from 0 to below 1', value);
}

function fraction(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw check.invalid(at, `a number from ${min} to ${max}`, value);
}

/** The longest answer there ever was is no quantile: it would be the estimate for ever. */
function readQuantile(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0.5 && value < 1) return value;
  throw check.invalid(at, 'a number from 0.5 to below 1', value);
}

function seconds(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 30 * 86_400) return Math.round(value * 1000);
  throw check.invalid(at, 'seconds from 0 to 2592000 (30 days)', value);
}
