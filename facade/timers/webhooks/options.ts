/** How webhooks are signed, sent and repeated: what callers give, and what is made of it. */
import { asConfig } from '../../config/store';
import { crypto } from '../../crypto';
import * as check from '../../validate';
import { durationAt } from '../durations';
import { AddressRules } from './addresses';
import { systemLookup, type WebhookLookup } from './lookup';
import { type SigningKey, secretsAt } from './secrets';

/** One secret, or several while they are exchanged: each signs. `undefined`: not signed. */
export type WebhookSecrets = string | readonly string[] | undefined;

/**
 * How webhooks are signed, sent and repeated. Everything is optional.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({
 *   webhooks: { secret: process.env.WEBHOOK_SECRET, allow: ['hooks.internal'], maxAttempts: 12 },
 * });
 * ```
 */
export interface WebhookOptions {
  /**
   * Signs as Standard Webhooks has it: `whsec_` and 24 to 64 bytes as base64, or several such secrets, which all sign
   * while one replaces the other. A function is asked at each attempt, for secrets that differ by address; when it
   * throws, the attempt fails. Default: not signed.
   */
  secret?: WebhookSecrets | ((url: string) => WebhookSecrets | Promise<WebhookSecrets>);
  /**
   * What webhooks may go to although it is private: addresses (`'127.0.0.1'`), networks (`'10.0.0.0/8'`), names of hosts
   * (`'hooks.internal'`, `'*.internal'`), at most 1,000. Default: nothing.
   */
  allow?: readonly string[];
  /**
   * Whether webhooks may go to private, loopback and reserved addresses. Those where clouds give credentials to
   * their machines stay closed unless `allow` names them. Default `false`.
   */
  allowPrivateAddresses?: boolean;
  /** Refuses `http://`. Default `false`. */
  httpsOnly?: boolean;
  /** Certificates, as PEM, of authorities that are trusted beside those of Node.js. */
  ca?: string | readonly string[];
  /** Until a connection stands, its name resolved and TLS agreed on. Default `'5s'`. */
  connectTimeout?: number | string;
  /** Until the answer has begun, connecting included. Default `'15s'`. */
  timeout?: number | string;
  /** Attempts in all, 1 to 100. Default 10, with the other defaults over three and a half days at most. */
  maxAttempts?: number;
  /** Wait after the first attempt. Default `'5s'`. */
  base?: number | string;
  /** So many times longer is each further wait, 1 to 100. Default 6. */
  factor?: number;
  /** No wait is longer, whatever `Retry-After` says. Default `'24h'`. */
  cap?: number | string;
  /** The share of each wait that is random, 0 to 1: a wait is that much shorter at most. Default 0.5. */
  jitter?: number;
  /** Resolves names instead of the resolver of this host; what it answers is checked all the same. */
  lookup?: WebhookLookup;
}

/** Keys for an address; none: not signed. */
export type KeysFor = (url: string) => readonly SigningKey[] | Promise<readonly SigningKey[]>;

export interface WebhookSettings {
  keysFor: KeysFor;
  rules: AddressRules;
  lookup: WebhookLookup;
  httpsOnly: boolean;
  ca: readonly string[];
  connectTimeoutMs: number;
  timeoutMs: number;
}

export interface Schedule {
  maxAttempts: number;
  baseMs: number;
  factor: number;
  capMs: number;
  jitter: number;
}

const ALLOW_MAX = 1000;
const TIMEOUT_MAX_MS = 300_000;
const ATTEMPTS_MAX = 100;
const YEAR_MS = 365 * 86_400_000;

const NAMES: ReadonlySet<string> = new Set<keyof WebhookOptions>([
  ...(['secret', 'allow', 'allowPrivateAddresses', 'httpsOnly', 'ca', 'connectTimeout', 'timeout'] as const),
  ...(['maxAttempts', 'base', 'factor', 'cap', 'jitter', 'lookup'] as const),
]);

type Optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T) => T;

function optionalOf(options: object, at: string): Optional {
  return (key, fallback, reader) => {
    const value = check.own(options, key, at);
    return value === undefined ? fallback : reader(value, check.join(at, key));
  };
}

/** Throws `INVALID_CONFIG`, naming the field below `at`. */
export function readOptions(value: unknown, at: string): WebhookSettings {
  return asConfig(() => {
    const options = check.object(value, at === '' ? 'options' : at);
    check.onlyNames(options, at, NAMES);
    const optional = optionalOf(options, at);
    schedule(optional);
    const timeoutMs = optional('timeout', 15_000, timeoutAt);
    const allow = optional('allow', [], (given, path) => check.elements(given, path, ALLOW_MAX));
    const allowsPrivate = optional('allowPrivateAddresses', false, check.boolean);
    return {
      keysFor: optional('secret', () => [], readSecret),
      rules: new AddressRules(allow, allowsPrivate, check.join(at, 'allow')),
      lookup: optional('lookup', systemLookup, functionAt<WebhookLookup>),
      httpsOnly: optional('httpsOnly', false, check.boolean),
      ca: optional('ca', [], certificatesAt),
      connectTimeoutMs: optional('connectTimeout', Math.min(5000, timeoutMs), timeoutAt),
      timeoutMs,
    };
  });
}

/** When webhooks are repeated. Throws `INVALID_CONFIG`, naming the field. */
export function readSchedule(value: unknown): Schedule {
  return asConfig(() => schedule(optionalOf(check.object(value, 'options'), '')));
}

function schedule(optional: Optional): Schedule {
  return {
    maxAttempts: optional('maxAttempts', 10, (value, at) => check.integer(value, at, 1, ATTEMPTS_MAX)),
    baseMs: optional('base', 5000, waitAt),
    factor: optional('factor', 6, (value, at) => numberAt(value, at, 1, 100)),
    capMs: optional('cap', 86_400_000, waitAt),
    jitter: optional('jitter', 0.5, (value, at) => numberAt(value, at, 0, 1)),
  };
}

function timeoutAt(value: unknown, at: string): number {
  const ms = durationAt(value, at, 1);
  if (ms > TIMEOUT_MAX_MS) throw check.invalid(at, `at most ${TIMEOUT_MAX_MS} ms`, value);
  return ms;
}

function waitAt(value: unknown, at: string): number {
  const ms = durationAt(value, at, 1);
  if (ms > YEAR_MS) throw check.invalid(at, `at most ${YEAR_MS} ms`, value);
  return ms;
}

function numberAt(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw check.invalid(at, `a number from ${min} to ${max}`, value);
}

function functionAt<T>(value: unknown, at: string): T {
  if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
  return value as T;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Each is read once: TLS would leave out what it cannot read, and say nothing. */
function certificatesAt(value: unknown, at: string): string[] {
  const given = typeof value === 'string' ? [value] : check.elements(value, at, 100);
  return given.map(each => {
    const found = typeof each === 'string' ? each.match(PEM) : null;
    if (found === null)
      throw check.invalid(at, 'certificates as PEM text', typeof each === 'string' ? 'other text' : each);
    try {
      for (const one of found) new (crypto().X509Certificate)(one);
    } catch (cause) {
      throw check.invalid(at, 'certificates as PEM text', 'what cannot be read', cause);
    }
    return found.join('\n');
  });
}

function readSecret(value: unknown, at: string): KeysFor {
  if (typeof value === 'function') {
    const ask = value as (url: string) => unknown;
    return async url => secretsAt(await ask(url), at);
  }
  const keys = secretsAt(value, at);
  return () => keys;
}
