const SHAPE = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;
const MINUTE_MS = 60_000;

/**
 * Milliseconds since the epoch of `2023-11-16 18:15:46.6805900`, in UTC unless it names an offset;
 * `null` when it is no instant from 1970 on. Digits below the millisecond are cut off, never rounded up:
 * a request belongs to the window it was made in.
 */
export function readTimestamp(text: string): number | null {
  const match = SHAPE.exec(text);
  if (match === null) {
    return null;
  }
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour, offsetMinute] = match;
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  fields[1] -= 1;
  const localMs = Date.UTC(...fields) + Number(fraction.slice(0, 3).padEnd(3, '0'));
  if (!isSame(new Date(localMs), fields)) {
    return null;
  }
  if (Number(offsetHour ?? 0) > 14 || Number(offsetMinute ?? 0) > 59) {
    return null;
  }
  const offsetMs = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * MINUTE_MS;
  const atMs = sign === '-' ? localMs + offsetMs : localMs - offsetMs;
  return atMs >= 0 ? atMs : null;
}

/** `Date.UTC` turns 30 February into 2 March; here it is a mistake. */
function isSame(date: Date, fields: readonly number[]): boolean {
  const got = [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return got.every((value, index) => value === fields[index]);
}
