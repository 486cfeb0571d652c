/** Readers of what several channels have. What may hold a secret is never quoted by an error. */
import { TokenBudgetError } from '../errors';
import * as check from '../validate';

/** A request as a webhook and a gateway of SMS have it. */
export interface HttpTarget {
  url: string;
  method: 'POST' | 'PUT';
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
}

/** Throws `INVALID_ARGUMENT` for an address that nothing can ever be sent to. */
export type CheckUrl = (url: URL, at: string) => void;

export const TEMPLATE_MAX_BYTES = 10_000;
const HEADERS_MAX = 50;
const HEADER_MAX_BYTES = 8192;
const URL_MAX_BYTES = 8192;
export const ADDRESSES_MAX = 100;
export const TEXT_MAX_BYTES = 1024;

type Optional = <T>(key: string, reader: (value: unknown, at: string) => T) => T | undefined;

export function optionalOf(source: object, at: string): Optional {
  return (key, reader) => {
    const value = check.own(source, key, at);
    return value === undefined ? undefined : reader(value, check.join(at, key));
  };
}

export function readTarget(source: object, at: string, checkUrl: CheckUrl): HttpTarget {
  const optional = optionalOf(source, at);
  return {
    url: readUrl(check.own(source, 'url', at), `${at}.url`, checkUrl),
    method: optional('method', (value, path) => check.oneOf(value, path, ['POST', 'PUT'] as const)) ?? 'POST',
    headers: optional('headers', readHeaders) ?? {},
  };
}

/** Text of one line: what follows a line break would be another header. */
export function readLine(value: unknown, at: string): string {
  const text = check.text(value, at, TEXT_MAX_BYTES, 'well-formed');
  if (hasControls(text)) throw check.invalid(at, 'text without control characters', 'text with some');
  return text;
}

/** Its path may be a secret. */
export function readUrl(value: unknown, at: string, checkUrl: CheckUrl): string {
  const expected = `an address such as 'https://example.com/hook'`;
  if (typeof value !== 'string') throw check.invalid(at, expected, value);
  if (Buffer.byteLength(value) > URL_MAX_BYTES || !URL.canParse(value)) throw refused(at, expected);
  const url = new URL(value);
  checkUrl(url, at);
  return url.href;
}

/** Such that the request would be another one, or what we say of it wrong. */
const OUR_HEADERS =
  /^(?:host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|content-length|proxy-.*|webhook-.*)$/;

function readHeaders(value: unknown, at: string): Record<string, string> {
  const source = check.object(value, at);
  const given = check.ownNames(source, at);
  if (given.length > HEADERS_MAX) throw check.invalid(at, `at most ${HEADERS_MAX} headers`, given.length);
  const headers: Record<string, string> = Object.create(null);
  for (const name of given) {
    const path = check.join(at, name);
    const lower = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/.test(lower)) throw refused(path, 'the name of a header');
    if (OUR_HEADERS.test(lower)) throw refused(path, 'a header that is not made by the request itself');
    const text = check.own(source, name, at);
    const fits = typeof text === 'string' && text.length <= HEADER_MAX_BYTES;
    if (!fits || !/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) throw refused(path, 'the value of a header');
    headers[lower] = text;
  }
  return { ...headers };
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Without what came. */
export function refused(at: string, expected: string): TokenBudgetError {
  const message = `${at}: expected ${expected}, got something else`;
  return new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
}
