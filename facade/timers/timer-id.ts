import { crypto } from '../crypto';

/** Of one id: 8 bytes, of which a few bits go to version and variant. */
const RANDOM_BYTES = 8;
/** So many ids are made of one request for random bytes. */
const POOLED_IDS = 256;
/** 12 bits count within a millisecond; what is beyond borrows from the next. */
const COUNT_MAX = 0xfff;

const pool = Buffer.alloc(RANDOM_BYTES * POOLED_IDS);
let used = pool.length;
let lastMs = 0;
let count = 0;

/**
 * A UUID of version 7 (RFC 9562, 5.7; its counter by method 1 of 6.2): in the order in which this process made them,
 * and nearly so across processes. Lists are by id, and an index that grows at its end costs a server less than one
 * that grows everywhere.
 */
export function timerId(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    count = 0;
  } else if (++count > COUNT_MAX) {
    lastMs++;
    count = 0;
  }
  if (used === pool.length) {
    crypto().randomFillSync(pool);
    used = 0;
  }
  // One native call, where text of each byte would be eight pieces of garbage.
  pool[used] = 0x80 | ((pool[used] ?? 0) & 0x3f);
  const random = pool.toString('hex', used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const time = lastMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count.toString(16).padStart(3, '0')}-${random.slice(0, 4)}-${random.slice(4)}`;
}
