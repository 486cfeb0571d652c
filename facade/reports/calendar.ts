/** Hours, days, weeks and months of a time zone, as instants. */
import { nextLocalMidnight } from '../native';
import type { ReportGranularity } from '../types/reports';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
/** No zone is further ahead of UTC. */
const AHEAD_MAX_MS = 14 * HOUR_MS;

interface LocalTime {
  year: number;
  /** From 1. */
  month: number;
  day: number;
  hour: number;
  minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(atMs: number, timeZone: string): LocalTime {
  if (timeZone === 'UTC') {
    const date = new Date(atMs);
    return {
      ...{ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() },
      ...{ hour: date.getUTCHours(), minute: date.getUTCMinutes() },
    };
  }
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' },
    });
    formats.set(timeZone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(atMs)) parts[type] = Number(value);
  return parts as unknown as LocalTime;
}

/** The first instant of a local day; days and months beyond their ends count on. */
function startOfDay(year: number, month: number, day: number, timeZone: string): number {
  const utcMs = Date.UTC(year, month - 1, day);
  if (timeZone === 'UTC') return utcMs;
  const wanted = new Date(utcMs);
  // A midnight that is too early is of the day before, or of one before that.
  let atMs = utcMs - AHEAD_MAX_MS - 1;
  for (let tries = 0; tries < 4; tries += 1) {
    atMs = nextLocalMidnight(timeZone, atMs);
    const { year: y, month: m, day: d } = localTime(atMs, timeZone);
    if (Date.UTC(y, m - 1, d) >= wanted.getTime()) break;
  }
  return atMs;
}

/** When the slot began that `atMs` is in. Weeks begin on Monday. */
export function slotStart(atMs: number, granularity: ReportGranularity, timeZone: string): number {
  if (granularity === 'hourly') return hourStart(atMs, timeZone);
  const { year, month, day } = localTime(atMs, timeZone);
  switch (granularity) {
    case 'daily':
      return startOfDay(year, month, day, timeZone);
    case 'weekly': {
      const sinceMonday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
      return startOfDay(year, month, day - sinceMonday, timeZone);
    }
    case 'monthly':
      return startOfDay(year, month, 1, timeZone);
  }
}

/** When the next slot begins, of one that begins at `startMs`. */
export function slotEnd(startMs: number, granularity: ReportGranularity, timeZone: string): number {
  if (granularity === 'hourly') return hourEnd(startMs, timeZone);
  const { year, month, day } = localTime(startMs, timeZone);
  switch (granularity) {
    case 'daily':
      return startOfDay(year, month, day + 1, timeZone);
    case 'weekly':
      return startOfDay(year, month, day + 7, timeZone);
    case 'monthly':
      return startOfDay(year, month + 1, 1, timeZone);
  }
}

/** The full local hour before, or when clocks were set by a part of an hour since then. */
function hourStart(atMs: number, timeZone: string): number {
  const minuteMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
  const fullMs = minuteMs - localTime(atMs, timeZone).minute * MINUTE_MS;
  return localTime(fullMs, timeZone).minute === 0 ? fullMs : setBetween(fullMs, minuteMs, timeZone);
}

/** The full local hour after, or when clocks are set by a part of an hour until then. */
function hourEnd(startMs: number, timeZone: string): number {
  if (timeZone === 'UTC') return startMs + HOUR_MS;
  const fullMs = startMs + HOUR_MS - localTime(startMs, timeZone).minute * MINUTE_MS;
  return localTime(fullMs, timeZone).minute === 0 ? fullMs : setBetween(startMs, fullMs, timeZone);
}

/** The minute of `(fromMs, toMs]` from which on the minutes of the hour are those that they are at its end. */
function setBetween(fromMs: number, toMs: number, timeZone: string): number {
  const apart = (atMs: number) => (localTime(atMs, timeZone).minute - atMs / MINUTE_MS) % 60;
  const isAfter = (atMs: number) => (apart(atMs) - apart(toMs)) % 60 === 0;
  let [before, after] = [fromMs / MINUTE_MS, toMs / MINUTE_MS];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (isAfter(middle * MINUTE_MS)) after = middle;
    else before = middle;
  }
  return after * MINUTE_MS;
}

const SHORTEST_MS = { hourly: HOUR_MS, daily: DAY_MS, weekly: 7 * DAY_MS, monthly: 28 * DAY_MS };

/** About how many slots a time has; never fewer than it says. */
export function slotsAbout(startMs: number, endMs: number, granularity: ReportGranularity): number {
  return Math.ceil((endMs - startMs) / SHORTEST_MS[granularity]) + 1;
}

/** Where the slots of `[startMs, endMs]` begin, and after them where the last one ends. */
export function slotBoundaries(
  startMs: number,
  endMs: number,
  granularity: ReportGranularity,
  timeZone: string,
): number[] {
  const boundaries = [slotStart(startMs, granularity, timeZone)];
  // A few more than there are: clocks that are set make short hours.
  const most = slotsAbout(startMs, endMs, granularity) * 1.01 + 10;
  for (;;) {
    const last = boundaries.at(-1) as number;
    if (last > endMs) return boundaries;
    const next = slotEnd(last, granularity, timeZone);
    if (!(next > last && boundaries.length < most && most < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`no slots from ${startMs} to ${endMs} in ${timeZone}`);
    }
    boundaries.push(next);
  }
}

const HOURS_KNOWN_MAX = 20_000;
/** Of one zone: the same hours are asked for again and again, and looking one up takes a while. */
const hoursKnown = { timeZone: '', hours: new Map<number, number>() };

function localHour(atMs: number, timeZone: string): number {
  const { hours } = hoursKnown;
  if (hoursKnown.timeZone !== timeZone || hours.size >= HOURS_KNOWN_MAX) hours.clear();
  hoursKnown.timeZone = timeZone;
  const known = hours.get(atMs);
  if (known !== undefined) return known;
  const { hour } = localTime(atMs, timeZone);
  hours.set(atMs, hour);
  return hour;
}

/** The same local hour some weeks before. Clocks that were set in between are taken into account, to the hour. */
export function weeksBefore(hourMs: number, weeks: number, timeZone: string): number {
  const beforeMs = hourMs - weeks * 7 * DAY_MS;
  const hour = localHour(hourMs, timeZone);
  const then = localHour(beforeMs, timeZone);
  if (hour === then) return beforeMs;
  // One hour apart, perhaps over midnight.
  const shift = (hour - then + 36) % 24 === 13 ? 1 : -1;
  return beforeMs + shift * HOUR_MS;
}
