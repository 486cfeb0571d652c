/** Reads numbers, durations and instants as providers write them; `undefined` is what cannot be read. */
import { MAX_DURATION_MS } from '../validate';

/** An exact integer from 0 on. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Seconds, such as `30` or `1.5`, as milliseconds, rounded up. */
export function secondsMs(text: string): number | undefined {
  return /^\d{1,12}(\.\d{1,9})?$/.test(text) ? duration(Number(text) * 1000) : undefined;
}

/** Milliseconds, rounded up. */
export function millisecondsMs(text: string): number | undefined {
  return /^\d{1,15}(\.\d{1,9})?$/.test(text) ? duration(Number(text)) : undefined;
}

/** From the longest to the shortest; `u` of microseconds is written in three ways. */
const UNITS_MS: ReadonlyArray<readonly [string, number]> = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 0.001],
  ['ns', 0.000_001],
];

/**
 * A duration as Go prints it, and with days: each part names its unit, the longer first.
 *
 * @example `6m0s`, `12ms`, `1h2m3.5s`, `1d`
 */
export function durationMs(text: string): number | undefined {
  if (text === '' || text.length > 64) return undefined;
  const part = /(\d{1,12}(?:\.\d{1,12})?)(ms|[uµμ]s|ns|d|h|m|s)/y;
  let sum = 0;
  let next = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return undefined;
    const unit = (found[2] as string).replace(/[µμ]/, 'u');
    const index = UNITS_MS.findIndex(([name]) => name === unit);
    if (index < next) return undefined;
    next = index + 1;
    sum += Number(found[1]) * (UNITS_MS[index]?.[1] ?? 0);
  }
  return duration(sum);
}

/** Rounded up, without the noise of binary fractions; what nobody means is no duration. */
function duration(ms: number): number | undefined {
  const whole = Math.ceil(Number(ms.toFixed(6)));
  return whole <= MAX_DURATION_MS ? whole : undefined;
}

/** Seconds since the epoch, as milliseconds since it. */
export function epochSecondsMs(text: string): number | undefined {
  return /^\d{1,11}(\.\d{1,9})?$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** An instant such as `2026-11-25T12:00:00Z`, in milliseconds since the epoch. */
export function rfc3339Ms(text: string): number | undefined {
  const found = RFC_3339.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = found;
  const ms = utcMs(Number(year), Number(month), Number(day), [Number(hour), Number(minute), Number(second)]);
  if (ms === undefined || Number(offsetHours ?? 0) > 23 || Number(offsetMinutes ?? 0) > 59) return undefined;
  const offsetMs = (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * 60_000;
  const instantMs = ms + Math.ceil(Number(fraction ?? 0) * 1000) - (sign === '-' ? -offsetMs : offsetMs);
  return instantMs >= 0 ? instantMs : undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const FIXDATE = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const RFC_850 = /^[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/** An HTTP date in its three forms (RFC 9110, 5.6.7), in milliseconds since the epoch. */
export function httpDateMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const old = ASCTIME.exec(text);
  if (old !== null) return dateMs(old[6], old[1], old[2], old.slice(3, 6));
  const found = FIXDATE.exec(text) ?? RFC_850.exec(text);
  return found === null ? undefined : dateMs(found[3], found[2], found[1], found.slice(4, 7));
}

function dateMs(year = '', month = '', day = '', time: string[] = []): number | undefined {
  // Two digits are of this century until it is half over, as everybody reads them.
  const fullYear = Number(year) + (year.length > 2 ? 0 : Number(year) < 70 ? 2000 : 1900);
  const ms = utcMs(fullYear, MONTHS.indexOf(month) + 1, Number(day), time.map(Number));
  return ms !== undefined && ms >= 0 ? ms : undefined;
}

/** `undefined` for days and hours that are not in the calendar. */
function utcMs(year: number, month: number, day: number, time: number[]): number | undefined {
  const [hour = 24, minute = 60, second = 60] = time;
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) {
    return undefined;
  }
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
