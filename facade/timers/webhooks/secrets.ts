/** Secrets of webhooks. No error and no view shows one. */
import type { KeyObject } from 'node:crypto';
import { crypto } from '../../crypto';
import { TokenBudgetError } from '../../errors';
import { isArray } from '../../text';
import * as check from '../../validate';

/** Shows itself without its bytes. */
export type SigningKey = KeyObject;

const PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const MIN_BYTES = 24;
const MAX_BYTES = 64;
/** At once; more than two are rarely in force. */
const SECRETS_MAX = 10;

/** `undefined` is no secret. Throws `INVALID_ARGUMENT`, which does not quote what came. */
export function secretsAt(value: unknown, at: string): SigningKey[] {
  if (value === undefined) return [];
  if (!isArray(value)) return [secretAt(value, at)];
  const given = check.elements(value, at, SECRETS_MAX);
  if (given.length === 0) throw refused(at, 'at least one secret', 'none');
  return given.map((each, index) => secretAt(each, `${at}[${index}]`));
}

function secretAt(value: unknown, at: string): SigningKey {
  const expected = `'${PREFIX}' and ${MIN_BYTES} to ${MAX_BYTES} bytes as base64`;
  if (typeof value !== 'string')
    throw refused(at, expected, value === null ? 'null' : `a value of type ${typeof value}`);
  if (!value.startsWith(PREFIX)) throw refused(at, expected, 'text that begins otherwise');
  const encoded = value.slice(PREFIX.length);
  if (!BASE64.test(encoded)) throw refused(at, expected, 'what is no base64');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length < MIN_BYTES || bytes.length > MAX_BYTES)
    throw refused(at, expected, `${bytes.length} bytes`);
  return crypto().createSecretKey(bytes);
}

function refused(at: string, expected: string, got: string): TokenBudgetError {
  return new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected ${expected}, got ${got}`, { field: at });
}
