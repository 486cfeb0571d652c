/** From what a manager is given to what it works with: checks and defaults. */
import { types } from 'node:util';
import { asConfig, STORE_OPTIONS } from '../config/store';
import type { StoreOptions } from '../types/config';
import * as check from '../validate';
import {
  booleanAt,
  countAt,
  integerAt,
  nameAt,
  objectAt,
  onlyNames,
  refused,
  tokenAt,
  wordAt,
} from './check';
import type { PoolPolicy } from './pool-backend';
import type { CredentialHeader } from './profiles';
import { fingerprintOf, Secret } from './secret';

/** One token as its owner gives it. */
export interface TokenInput {
  token: string;
  /** Default: the manager's. */
  provider?: string;
  /**
   * Whose token it is: tokens of one user share one quota, they do not add up. Any name; default: an account of
   * its own for each token.
   */
  account?: string;
  /** Of tokens that are equally good the heavier one is taken. Default 1. */
  weight?: number;
}

/** How a {@link TokenManager} works. Durations are milliseconds. */
export interface TokenManagerOptions extends StoreOptions {
  /** Of tokens that name none. Default `github`. */
  provider?: string;
  /** Managers of one name on one store share what they know. Default `default`. */
  name?: string;
  /** What is never taken of a quota: a number of requests, or a share of the limit. Default `{ share: 0.01 }`. */
  reserve?: number | { share: number };
  /**
   * The first pause after a limit that names no time, or up to a tenth more; each further one doubles it, less up to
   * half. None is shorter, and after a secondary limit none is shorter than a minute. Default 60,000.
   */
  cooldown?: number;
  /** The longest of these pauses. Default 3,600,000. */
  maxCooldown?: number;
  /** A request that is not reported for so long has ended. Default 120,000. */
  requestTTL?: number;
  /** Whether calls wait for the earliest reset when every token is limited. Default `false`: they throw. */
  waitForReset?: boolean;
  /** Where the providers are, such as `{ github: 'https://github.example.com/api/v3' }`. */
  baseUrls?: Readonly<Record<string, string>>;
  /** How a token is sent, such as `{ gitlab: { name: 'authorization', prefix: 'Bearer ' } }`. */
  headers?: Readonly<Record<string, CredentialHeader>>;
  /**
   * Keeps the tokens in the store, encrypted with AES-256-GCM, so that other processes find them. 32 bytes, also
   * as hex or base64; any other string of at least 12 characters is a passphrase. Default: tokens never get there.
   */
  encryptionKey?: string | Uint8Array;
  /** Sends requests. Default: the global `fetch`. */
  fetch?: typeof fetch;
}

/** A token as it is kept here. */
export interface Credential {
  readonly secret: Secret;
  readonly provider: string;
  readonly fingerprint: string;
  readonly account: string;
  readonly weight: number;
}

export interface ManagerSettings {
  provider: string;
  name: string;
  policy: Omit<PoolPolicy, 'credentials'>;
  waitForReset: boolean;
  baseUrls: ReadonlyMap<string, URL>;
  headers: ReadonlyMap<string, Required<CredentialHeader>>;
  encryptionKey: string | Uint8Array | undefined;
  connectTimeoutMs: number;
  send: typeof fetch;
  store: StoreOptions;
}

const TOKENS_MAX_LENGTH = 10_000;
const NAME_MAX_BYTES = 128;
const WEIGHT_MAX = 1_000_000;
const PPM = 1_000_000;
/** A setTimeout cannot wait longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const NAMES: ReadonlySet<string> = new Set<keyof TokenManagerOptions>([
  ...STORE_OPTIONS,
  'provider',
  'name',
  'reserve',
  'cooldown',
  'maxCooldown',
  'requestTTL',
  'waitForReset',
  'baseUrls',
  'headers',
  'encryptionKey',
  'fetch',
]);
const TOKEN_NAMES: ReadonlySet<string> = new Set<keyof TokenInput>([
  'token',
  'provider',
  'account',
  'weight',
]);

const RESERVE_NAMES: ReadonlySet<string> = new Set(['share']);
const HEADER_NAMES: ReadonlySet<string> = new Set<keyof CredentialHeader>(['name', 'prefix']);

/** Throws `INVALID_CONFIG`, naming the field. */
export function readOptions(value: unknown): ManagerSettings {
  return asConfig(() => read(objectAt(value, 'options')));
}

function read(options: object): ManagerSettings {
  onlyNames(options, '', NAMES);
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = check.own(options, key, '');
    return value === undefined ? fallback : reader(value, key);
  };
  const duration = (key: string, fallback: number) =>
    optional(key, fallback, (value, at) => integerAt(value, at, 1, check.MAX_DURATION_MS));
  const cooldownMs = duration('cooldown', 60_000);
  const cooldownMaxMs = duration('maxCooldown', Math.max(3_600_000, cooldownMs));
  if (cooldownMaxMs < cooldownMs) {
    throw refused('maxCooldown', `at least the cooldown, ${cooldownMs}`, cooldownMaxMs);
  }
  const store: Record<string, unknown> = {};
  for (const key of STORE_OPTIONS) {
    const given = check.own(options, key, '');
    if (given !== undefined) store[key] = given;
  }
  return {
    provider: optional('provider', 'github', wordAt),
    name: optional('name', 'default', (given, at) => nameAt(given, at, NAME_MAX_BYTES)),
    policy: {
      reserve: optional('reserve', { sharePpm: PPM / 100 }, readReserve),
      cooldownMs,
      cooldownMaxMs,
      requestTtlMs: duration('requestTTL', 120_000),
    },
    waitForReset: optional('waitForReset', false, booleanAt),
    baseUrls: optional('baseUrls', new Map(), (given, at) => readEach(given, at, readBaseUrl)),
    headers: optional('headers', new Map(), (given, at) => readEach(given, at, readHeader)),
    encryptionKey: optional('encryptionKey', undefined, readKey),
    connectTimeoutMs: optional('connectTimeout', 5000, (given, at) => integerAt(given, at, 1, TIMER_MAX_MS)),
    send: optional('fetch', globalFetch, readFetch),
    store: store as StoreOptions,
  };
}

/** Asked anew each time: tests and tracing replace the global one. */
const globalFetch: typeof fetch = (input, init) => fetch(input, init);

function readFetch(value: unknown, at: string): typeof fetch {
  if (typeof value !== 'function') throw refused(at, 'a function like fetch', value);
  return value as typeof fetch;
}

function readReserve(value: unknown, at: string): PoolPolicy['reserve'] {
  if (typeof value === 'number') return { requests: countAt(value, at) };
  const source = objectAt(value, at);
  onlyNames(source, at, RESERVE_NAMES);
  const share = check.own(source, 'share', at);
  if (typeof share !== 'number' || !(share >= 0 && share < 1)) {
    throw refused(`${at}.share`, 'a number from 0, below 1', share);
  }
  return { sharePpm: Math.round(share * PPM) };
}

function readEach<T>(value: unknown, at: string, reader: (value: unknown, at: string) => T): Map<string, T> {
  const source = objectAt(value, at);
  const found = new Map<string, T>();
  for (const name of check.ownNames(source, at)) {
    const provider = wordAt(name, at);
    found.set(provider, reader(check.own(source, name, at), check.join(at, provider)));
  }
  return found;
}

/** Without a query; always with a slash at its end, so that paths can be added. */
export function readBaseUrl(value: unknown, at: string): URL {
  const expected = 'an address that begins with https:// or http://, without user, query and fragment';
  if (typeof value !== 'string' && !(value instanceof URL)) throw refused(at, expected, value);
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw refused(at, expected, value);
  }
  const { protocol, username, password, search, hash } = url;
  if (!['http:', 'https:'].includes(protocol) || username || password || search || hash) {
    throw refused(at, expected, value);
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function readHeader(value: unknown, at: string): Required<CredentialHeader> {
  const source = objectAt(value, at);
  onlyNames(source, at, HEADER_NAMES);
  const name = check.own(source, 'name', at);
  if (typeof name !== 'string' || !/^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i.test(name)) {
    throw refused(`${at}.name`, 'the name of a header', name);
  }
  const prefix = check.own(source, 'prefix', at) ?? '';
  if (typeof prefix !== 'string' || !/^[\x20-\x7e]{0,100}$/.test(prefix)) {
    throw refused(`${at}.prefix`, 'at most 100 printable ASCII characters', prefix);
  }
  return { name: name.toLowerCase(), prefix };
}

function readKey(value: unknown, at: string): string | Uint8Array {
  if (types.isUint8Array(value) && value.length === 32) return value;
  if (typeof value === 'string' && value.length >= 12 && value.length <= 1024) return value;
  throw refused(at, '32 bytes, also as hex or base64, or a passphrase of 12 to 1024 characters', value);
}

/** Tokens as they are given, each once. Throws `INVALID_CONFIG`; no message quotes one. */
export function readTokens(value: unknown, provider: string): Credential[] {
  return asConfig(() => {
    if (!Array.isArray(value)) throw refused('tokens', 'an array', value);
    const seen = new Map<string, number>();
    return check.elements(value, 'tokens', TOKENS_MAX_LENGTH).map((item, index) => {
      const credential = readToken(item, `tokens[${index}]`, provider);
      const key = `${credential.provider}/${credential.fingerprint}`;
      if (seen.has(key)) {
        throw refused(`tokens[${index}]`, `another token than tokens[${seen.get(key)}]`, item);
      }
      seen.set(key, index);
      return credential;
    });
  });
}

export function readToken(item: unknown, at: string, defaultProvider: string): Credential {
  if (typeof item === 'string') return credentialOf(tokenAt(item, at), defaultProvider);
  const source = objectAt(item, at);
  onlyNames(source, at, TOKEN_NAMES);
  const token = tokenAt(check.own(source, 'token', at), `${at}.token`);
  const provider = check.own(source, 'provider', at);
  const account = check.own(source, 'account', at);
  const weight = check.own(source, 'weight', at);
  return credentialOf(
    token,
    provider === undefined ? defaultProvider : wordAt(provider, `${at}.provider`),
    account === undefined ? undefined : readAccount(account, `${at}.account`, token),
    weight === undefined ? 1 : integerAt(weight, `${at}.weight`, 0, WEIGHT_MAX),
  );
}

/** Accounts are kept as they are, so none may be the token, or hold one that is longer than a word. */
function readAccount(value: unknown, at: string, token: string): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 256) {
    const shows = token.length >= 12 ? value.includes(token) : value === token;
    if (!shows) return nameAt(value, at, 256);
  }
  throw refused(at, 'a name of 1 to 256 bytes that does not hold the token', value);
}

export function credentialOf(token: string, provider: string, account?: string, weight = 1): Credential {
  const fingerprint = fingerprintOf(provider, token);
  return {
    secret: new Secret(token),
    provider,
    fingerprint,
    account: account ?? fingerprint,
    weight,
  };
}
