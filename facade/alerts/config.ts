/** Reads the configuration of one orchestrator: everything is checked, and copied. */
import * as check from '../validate';
import { type Channel, readChannel } from './channel-config';
import { type CheckUrl, TEMPLATE_MAX_BYTES } from './fields';
import { type AlertLevel, LEVELS } from './levels';
import type { AlertConfig, BudgetThreshold, RateLimitConfig } from './types';

/** Configuration as the system uses it. */
export interface Configured {
  orchestratorId: string;
  /** In ascending order. */
  thresholds: readonly BudgetThreshold[];
  channels: readonly Channel[];
  rateLimit: RateLimitConfig;
  enabled: boolean;
  timezone: string | undefined;
  /** `metadata.name`. */
  name: string | undefined;
  /** `undefined`: alerts do not escalate. */
  escalateAfterMs: number | undefined;
}

const THRESHOLDS_MAX = 100;
const CHANNELS_MAX = 50;
const NAME_MAX_BYTES = 256;

const CONFIG_NAMES: ReadonlySet<string> = new Set<keyof AlertConfig>([
  ...(['orchestratorId', 'thresholds', 'channels', 'rateLimit', 'enabled', 'timezone', 'metadata'] as const),
  'escalateAfterMs',
]);
const THRESHOLD_NAMES: ReadonlySet<string> = new Set<keyof BudgetThreshold>([
  ...(['percentage', 'level', 'autoPause', 'messageTemplate'] as const),
]);
const RATE_LIMIT_NAMES: ReadonlySet<string> = new Set<keyof RateLimitConfig>([
  ...(['maxAlertsPerThreshold', 'windowMs', 'allowDuplicates'] as const),
]);

/** `at`: before the names of fields, empty for the argument itself. Throws `INVALID_ARGUMENT`, naming the field. */
export function readAlertConfig(
  value: unknown,
  at: string,
  checkUrl: CheckUrl,
  orchestratorId?: string,
): Configured {
  const source = check.object(value, at === '' ? 'config' : at);
  check.onlyNames(source, at, CONFIG_NAMES);
  const field = (key: keyof AlertConfig) => check.own(source, key, at);
  const path = (key: keyof AlertConfig) => check.join(at, key);
  const optional = <T>(key: keyof AlertConfig, reader: (given: unknown, path: string) => T) => {
    const given = field(key);
    return given === undefined ? undefined : reader(given, path(key));
  };
  const thresholds = some(field('thresholds'), path('thresholds'), THRESHOLDS_MAX).map((each, index) =>
    readThreshold(each, `${path('thresholds')}[${index}]`),
  );
  const channels = some(field('channels'), path('channels'), CHANNELS_MAX).map((each, index) =>
    readChannel(each, `${path('channels')}[${index}]`, checkUrl),
  );
  return {
    orchestratorId: orchestratorId ?? check.orchestrator(field('orchestratorId'), path('orchestratorId')),
    // Stable: those of one percentage stay in the order they were given in.
    thresholds: thresholds.sort((one, other) => one.percentage - other.percentage),
    channels,
    rateLimit: readRateLimit(field('rateLimit'), path('rateLimit')),
    enabled: check.boolean(field('enabled'), path('enabled')),
    timezone: optional('timezone', readTimeZone),
    name: optional('metadata', readName),
    escalateAfterMs: optional('escalateAfterMs', readEscalateAfter),
  };
}

export function readEscalateAfter(value: unknown, at: string): number {
  return check.integer(value, at, 1, check.MAX_DURATION_MS);
}

export function readLevel(value: unknown, at: string): AlertLevel {
  return check.oneOf(value, at, LEVELS);
}

function some(value: unknown, at: string, max: number): unknown[] {
  const given = check.elements(value, at, max);
  if (given.length === 0) throw check.invalid(at, 'at least one element', value);
  return given;
}

function readThreshold(value: unknown, at: string): BudgetThreshold {
  const source = check.object(value, at);
  check.onlyNames(source, at, THRESHOLD_NAMES);
  const percentage = check.own(source, 'percentage', at);
  if (typeof percentage !== 'number' || !(percentage >= 0 && percentage <= 100)) {
    throw check.invalid(`${at}.percentage`, 'a number from 0 to 100', percentage);
  }
  const threshold: BudgetThreshold = {
    percentage,
    level: readLevel(check.own(source, 'level', at), `${at}.level`),
  };
  const autoPause = check.own(source, 'autoPause', at);
  if (autoPause !== undefined) threshold.autoPause = check.boolean(autoPause, `${at}.autoPause`);
  const template = check.own(source, 'messageTemplate', at);
  if (template !== undefined) {
    const path = `${at}.messageTemplate`;
    threshold.messageTemplate = check.text(template, path, TEMPLATE_MAX_BYTES, 'well-formed');
  }
  return threshold;
}

function readRateLimit(value: unknown, at: string): RateLimitConfig {
  const source = check.object(value, at);
  check.onlyNames(source, at, RATE_LIMIT_NAMES);
  const read = (key: keyof RateLimitConfig) => check.own(source, key, at);
  const most = check.count(read('maxAlertsPerThreshold'), `${at}.maxAlertsPerThreshold`);
  const windowMs = check.integer(read('windowMs'), `${at}.windowMs`, 0, check.MAX_DURATION_MS);
  const allowDuplicates = read('allowDuplicates');
  const isOnce = allowDuplicates !== undefined && !check.boolean(allowDuplicates, `${at}.allowDuplicates`);
  return { maxAlertsPerThreshold: isOnce ? Math.min(1, most) : most, windowMs };
}

function readTimeZone(value: unknown, at: string): string {
  const zone = check.text(value, at, NAME_MAX_BYTES, 'well-formed');
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone }).resolvedOptions().timeZone;
  } catch (cause) {
    throw check.invalid(at, `the IANA name of a time zone, such as 'Europe/Zurich'`, zone, cause);
  }
}

function readName(value: unknown, at: string): string | undefined {
  const name = check.own(check.object(value, at), 'name', at);
  if (typeof name !== 'string') return undefined;
  return check.text(name, `${at}.name`, NAME_MAX_BYTES, 'well-formed');
}
