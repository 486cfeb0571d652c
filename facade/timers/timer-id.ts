import { crypto } from '../crypto';

/** Of one id: 8 bytes, of which a few bits go to version and variant. */
const RANDOM_BYTES = 8;
/** So many ids are made of one request for random bytes. */
const POOLED_IDS = 256;
/** 12 bits count within a millisecond; what is beyond borrows from the next. */
const COUNT_MAX = 0xfff;

const pool = Buffer.alloc(RANDOM_BYTES * POOLED_IDS);
/** The pool as text: one native call for all of it. */
let digits = '';
let used = 0;
/** The text of a number that is no small integer takes long: these are made when they change, and once. */
let time = '';
const counts: string[] = [];
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
    setTime(nowMs);
  } else if (++count > COUNT_MAX) {
    setTime(lastMs + 1);
  }
  if (used === digits.length) refill();
  // Pieces of less than 13 characters are copied: an id keeps nothing alive but itself.
  const random = `${digits.slice(used, used + 4)}-${digits.slice(used + 4, used + 2 * RANDOM_BYTES)}`;
  used += 2 * RANDOM_BYTES;
  return `${time}${countDigits(count)}-${random}`;
}

function setTime(ms: number): void {
  lastMs = ms;
  count = 0;
  const text = ms.toString(16).padStart(12, '0');
  time = `${text.slice(0, 8)}-${text.slice(8)}-7`;
}

function countDigits(value: number): string {
  counts[value] ??= value.toString(16).padStart(3, '0');
  return counts[value];
}

function refill(): void {
  crypto().randomFillSync(pool);
  // The variant.
  for (let at = 0; at < pool.length; at += RANDOM_BYTES) pool[at] = 0x80 | ((pool[at] ?? 0) & 0x3f);
  digits = pool.toString('hex');
  used = 0;
}
