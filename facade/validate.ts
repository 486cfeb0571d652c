/**
 * Readers of what callers give. Each takes the path of the value for its error, reads own
 * properties only (a polluted `Object.prototype` is never asked) and reads each once.
 */
import { TokenBudgetError } from './errors';
import { type PeriodIndex, periodIndex } from './periods';
import { describe, fitsInBytes, hasLoneSurrogate, isArray, shortened } from './text';

const { hasOwn } = Object;
const { isSafeInteger } = Number;
const { getTime } = Date.prototype;

export const MAX_TOKENS = Number.MAX_SAFE_INTEGER;
/** The last instant a Date can hold. */
export const MAX_INSTANT_MS = 8.64e15;
/** A hundred years: nobody means more, and no sum of an instant and a duration overflows. */
export const MAX_DURATION_MS = 3_153_600_000_000;
export const ORCHESTRATOR_ID_MAX_BYTES = 256;

const COUNT = `an integer from 0 to ${MAX_TOKENS}`;

export function invalid(at: string, expected: string, got: unknown, cause?: unknown): TokenBudgetError {
  const details = cause === undefined ? { field: at } : { field: at, cause };
  return new TokenBudgetError(
    'INVALID_ARGUMENT',
    `${at}: expected ${expected}, got ${describe(got)}`,
    details,
  );
}

export function object(value: unknown, at: string): object {
  if (typeof value !== 'object' || value === null || isArray(value)) throw invalid(at, 'an object', value);
  return value;
}

/** An own property, `undefined` when there is none. */
export function own(source: object, key: string, at: string): unknown {
  try {
    return hasOwn(source, key) ? (source as Record<string, unknown>)[key] : undefined;
  } catch (cause) {
    throw readingThrew(join(at, key), cause);
  }
}

/** The names of its own enumerable properties. */
export function ownNames(source: object, at: string): string[] {
  try {
    return Object.keys(source);
  } catch (cause) {
    throw readingThrew(at, cause);
  }
}

/** Refuses names that nobody reads: a misspelled option would silently do nothing. */
export function onlyNames(source: object, at: string, known: ReadonlySet<string>): void {
  for (const name of ownNames(source, at)) {
    if (!known.has(name)) throw unknownName(name, at, known);
  }
}

export function unknownName(name: string, at: string, known: ReadonlySet<string>): TokenBudgetError {
  return invalid(join(at, name), `one of ${[...known].join(', ')}`, name);
}

export function readingThrew(field: string, cause: unknown): TokenBudgetError {
  return new TokenBudgetError('INVALID_ARGUMENT', `${field}: reading it threw`, { field, cause });
}

export function join(at: string, key: string): string {
  return at === '' ? shortened(key) : `${at}.${shortened(key)}`;
}

/** Tokens, or any other exact amount. */
export function count(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && isSafeInteger(value)) return value + 0;
  throw invalid(at, COUNT, value);
}

export function countField(source: object, key: string, at: string): number {
  const value = own(source, key, at);
  if (typeof value === 'number' && value >= 0 && isSafeInteger(value)) return value + 0;
  throw invalid(join(at, key), COUNT, value);
}

export function optionalCountField(source: object, key: string, at: string): number {
  const value = own(source, key, at);
  return value === undefined ? 0 : count(value, join(at, key));
}

export function integer(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && isSafeInteger(value) && value >= min && value <= max) return value + 0;
  throw invalid(at, `an integer from ${min} to ${max}`, value);
}

export function orchestrator(value: unknown, at: string): string {
  if (typeof value === 'string' && value !== '' && fitsInBytes(value, ORCHESTRATOR_ID_MAX_BYTES))
    return value;
  const expected = `a string of 1 to ${ORCHESTRATOR_ID_MAX_BYTES} bytes of UTF-8`;
  throw tooLong(value, at, expected);
}

/** A string of at most `maxBytes`; lone surrogates only where the store can tell them apart. */
export function text(
  value: unknown,
  at: string,
  maxBytes: number,
  lone: 'lone allowed' | 'well-formed',
): string {
  if (typeof value !== 'string') throw invalid(at, 'a string', value);
  if (!fitsInBytes(value, maxBytes))
    throw tooLong(value, at, `a string of at most ${maxBytes} bytes of UTF-8`);
  if (lone === 'well-formed' && hasLoneSurrogate(value)) {
    throw invalid(at, 'well-formed Unicode (no lone surrogates)', value);
  }
  return value;
}

function tooLong(value: unknown, at: string, expected: string): TokenBudgetError {
  if (typeof value !== 'string' || value === '') return invalid(at, expected, value);
  const got = `${value.length} characters`;
  return new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected ${expected}, got ${got}`, { field: at });
}

export function boolean(value: unknown, at: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(at, 'true or false', value);
}

/** One of a few words. */
export function oneOf<T extends string>(value: unknown, at: string, words: readonly T[]): T {
  for (const word of words) if (value === word) return word;
  throw invalid(at, words.map(word => `'${word}'`).join(' or '), value);
}

export function period(value: unknown, at: string): PeriodIndex {
  const index = periodIndex(value);
  if (index === -1) throw invalid(at, `'hourly', 'daily' or 'monthly'`, value);
  return index;
}

/** A Date of any realm, as milliseconds since the epoch. */
export function instant(value: unknown, at: string): number {
  let ms: number;
  try {
    ms = getTime.call(value as Date);
  } catch {
    throw invalid(at, 'a Date', value);
  }
  if (ms >= 0 && ms <= MAX_INSTANT_MS) return ms;
  const got = Number.isNaN(ms) ? 'an invalid Date' : `${ms} ms before it`;
  throw new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected a Date from 1970 on, got ${got}`, {
    field: at,
  });
}

/** The own elements of an array; a hole counts as `undefined`. */
export function elements(value: unknown, at: string, maxLength: number): unknown[] {
  if (!isArray(value)) throw invalid(at, 'an array', value);
  const { length } = value;
  if (length > maxLength) throw invalid(at, `at most ${maxLength} elements`, length);
  const items: unknown[] = [];
  for (let index = 0; index < length; index++) items.push(own(value, String(index), at));
  return items;
}
