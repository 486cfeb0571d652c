/** Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`. */
import { crypto } from '../../crypto';
import type { SigningKey } from './secrets';

/** `v1,<base64>` of each key, with blanks between them. `timestamp`: seconds since the epoch. */
export function signatures(
  keys: readonly SigningKey[],
  id: string,
  timestamp: number | string,
  body: string | Uint8Array,
): string {
  return keys.map(key => `v1,${digest(key, id, timestamp, body).toString('base64')}`).join(' ');
}

export function digest(
  key: SigningKey,
  id: string,
  timestamp: number | string,
  body: string | Uint8Array,
): Buffer {
  return crypto().createHmac('sha256', key).update(`${id}.${timestamp}.`, 'utf8').update(body).digest();
}

/**
 * An id as a header can carry it. Ids that callers choose may hold anything; of two different ones never the same
 * comes out.
 */
export function headerId(id: string): string {
  return /^[!-$&-~]+$/.test(id) ? id : encodeURIComponent(id);
}
