const SHAPE = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const OFFSET_MAX_HOURS = 14;

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
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  const dayMs = readDay(Number(year), Number(month), Number(day));
  if (dayMs === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return null;
  }
  let atMs = dayMs + Number(hour) * HOUR_MS + Number(minute) * MINUTE_MS + Number(second) * SECOND_MS;
  if (fraction !== undefined) {
    atMs += Number(fraction.slice(0, 3).padEnd(3, '0'));
  }
  if (sign !== undefined) {
    if (Number(offsetHour) > OFFSET_MAX_HOURS || Number(offsetMinute) > 59) {
      return null;
    }
    const offsetMs = Number(offsetHour) * HOUR_MS + Number(offsetMinute) * MINUTE_MS;
    atMs += sign === '-' ? offsetMs : -offsetMs;
  }
  return atMs >= 0 ? atMs : null;
}

/** `Date.UTC` turns 30 February into 1 March; here it is a mistake. */
function readDay(year: number, month: number, day: number): number | null {
  if (month < 1 || month > 12 || day < 1 || (day > 28 && day > daysOf(year, month))) {
    return null;
  }
  // Years below 100 would be taken for those of the last century.
  return year < 100 ? null : Date.UTC(year, month - 1, day);
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
