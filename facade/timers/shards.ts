import { crypto } from '../crypto';

/**
 * Which shard a timer lives in, by its id; where the id has a part in braces by that part alone, so that ids which
 * have to be looked at together share a shard.
 */
export function shardOf(id: string, shards: number): number {
  if (shards === 1) return 0;
  const open = id.indexOf('{');
  const close = open < 0 ? -1 : id.indexOf('}', open);
  return hash(close > open + 1 ? id.slice(open + 1, close) : id) % shards;
}

/** FNV-1a of the UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

/** What tells the timers of one process from those of all others. */
let prefix = '';
let made = 0;

/** What tells a timer from any other of its id; it begins with its shard, so that its deliveries are found. */
export function newNonce(shard: number): string {
  if (prefix === '') prefix = crypto().randomBytes(12).toString('base64url');
  made += 1;
  // In decimal, for which JavaScript has a shorter way.
  return `${shard.toString(36)}-${prefix}${made}`;
}

/** The shard of a delivery; `undefined` when the id is none of ours. */
export function shardOfDelivery(id: string, shards: number): number | undefined {
  const found = /^([0-9a-z]{1,4})-[\w-]{1,64}\.\d{1,16}$/.exec(id);
  if (found === null) return undefined;
  const shard = Number.parseInt(found[1] as string, 36);
  return shard < shards ? shard : undefined;
}
