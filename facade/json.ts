import { TokenBudgetError } from './errors';
import { shortened, withoutLoneSurrogates } from './text';
import { invalid, object } from './validate';

export type Plain =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** Text that is JSON already and is put in as it is. */
export class RawJson {
  constructor(readonly json: string) {}
}

/**
 * JSON of data made by this package. `JSON.stringify` would ask a polluted prototype for `toJSON`;
 * this asks nobody. `undefined` members are left out.
 */
export function toJson(value: Plain | RawJson | { readonly [key: string]: Plain | RawJson }): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (value instanceof RawJson) return value.json;
  if (Array.isArray(value)) return `[${value.map((item: Plain) => toJson(item)).join(',')}]`;
  let members = '';
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, Plain | RawJson>)[key];
    if (member === undefined) continue;
    members += members === '' ? label(key) : `,${label(key)}`;
    members += toJson(member);
  }
  return `{${members}}`;
}

/** Names of members that were written before: there are few, and they come again and again. */
const labels = new Map<string, string>();
const LABELS_MAX = 1000;

function label(key: string): string {
  const known = labels.get(key);
  if (known !== undefined) return known;
  const made = `${JSON.stringify(key)}:`;
  if (labels.size < LABELS_MAX) labels.set(key, made);
  return made;
}

const METADATA_MAX_BYTES = 65_536;

/** A caller's metadata as JSON, serialised once; `toJSON` is honoured. */
export function metadataJson(value: unknown, at: string): string {
  object(value, at);
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    const reason = cause instanceof Error ? shortened(cause.message.split('\n', 1)[0] ?? '') : 'it threw';
    const message = `${at}: expected an object that JSON can hold: ${reason}`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at, cause });
  }
  if (typeof json !== 'string' || !json.startsWith('{')) {
    throw invalid(at, 'an object, also after its toJSON', json === undefined ? undefined : JSON.parse(json));
  }
  const bytes = Buffer.byteLength(json, 'utf8');
  if (bytes > METADATA_MAX_BYTES) {
    const message = `${at}: expected at most ${METADATA_MAX_BYTES} bytes of JSON, got ${bytes}`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
  }
  return withoutLoneSurrogates(json);
}
