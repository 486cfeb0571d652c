/**
 * Readers for what may be a token by mistake: arguments change places, and a message that quotes one
 * ends up in a log. So these messages name the field and the kind of value, never the value.
 */

import { signalOf } from '../abort';
import { TokenBudgetError } from '../errors';
import { fitsInBytes, hasLoneSurrogate, isArray } from '../text';
import { ownNames } from '../validate';

export function refused(at: string, expected: string, value: unknown): TokenBudgetError {
  return new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected ${expected}, got ${kindOf(value)}`, {
    field: at,
  });
}

export function objectAt(value: unknown, at: string): object {
  if (typeof value !== 'object' || value === null || isArray(value)) throw refused(at, 'an object', value);
  return value;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (isArray(value)) return 'an array';
  if (value === '') return 'an empty string';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function integerAt(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max)
    return value + 0;
  throw refused(at, `an integer from ${min} to ${max}`, value);
}

export function countAt(value: unknown, at: string): number {
  return integerAt(value, at, 0, Number.MAX_SAFE_INTEGER);
}

export function numberAt(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw refused(at, `a number from ${min} to ${max}`, value);
}

export function booleanAt(value: unknown, at: string): boolean {
  if (typeof value === 'boolean') return value;
  throw refused(at, 'true or false', value);
}

export function nameAt(value: unknown, at: string, maxBytes: number): string {
  if (typeof value === 'string' && value !== '' && fitsInBytes(value, maxBytes) && !hasLoneSurrogate(value)) {
    return value;
  }
  throw refused(at, `a name of 1 to ${maxBytes} bytes of well-formed Unicode`, value);
}

/** The `signal` of options. */
export function signalAt(options: unknown, at = 'options'): AbortSignal | undefined {
  const given = objectAt(options, at);
  if (Object.hasOwn(given, 'signal')) {
    const { signal } = given as { signal?: unknown };
    if (signal !== undefined) objectAt(signal, `${at}.signal`);
  }
  return signalOf(given);
}

/** As names of options look, and tokens hardly. */
const OPTION_NAME = /^[a-z]{1,24}$/i;

/**
 * Refuses names that nobody reads: a misspelled option would silently do nothing. One that does not look like an option is
 * not quoted, for it may be a token.
 */
export function onlyNames(source: object, at: string, known: ReadonlySet<string>): void {
  for (const name of ownNames(source, at)) {
    if (known.has(name)) continue;
    const words = [...known].join(', ');
    if (!OPTION_NAME.test(name)) throw refused(at === '' ? 'options' : at, `nothing but ${words}`, source);
    throw refused(at === '' ? name : `${at}.${name}`, `one of ${words}`, name);
  }
}

/** Longer than any token in use: those of GitHub Actions have a few hundred characters. */
const TOKEN_MAX_LENGTH = 8192;

/** What a header can carry; a line break left by a file or a shell is the most frequent mistake. */
export function tokenAt(value: unknown, at: string): string {
  if (typeof value !== 'string') throw refused(at, 'a token as a string', value);
  if (value.length <= TOKEN_MAX_LENGTH && /^[\x21-\x7e]+$/.test(value)) return value;
  const expected = `1 to ${TOKEN_MAX_LENGTH} printable ASCII characters without blanks or line breaks`;
  const got = value === '' ? 'an empty string' : `${value.length} characters`;
  throw new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected ${expected}, got ${got}`, { field: at });
}

/** The name of a provider or of a resource: it becomes a part of keys. */
export function wordAt(value: unknown, at: string): string {
  if (typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(value)) return value;
  throw refused(at, 'a name of 1 to 64 letters, digits, dots, dashes or underscores', value);
}
