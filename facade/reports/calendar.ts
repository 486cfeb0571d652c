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
  const { year, month, day, minute } = localTime(atMs, timeZone);
  switch (granularity) {
    case 'hourly':
      return Math.floor(atMs / MINUTE_MS) * MINUTE_MS - minute * MINUTE_MS;
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
  if (granularity === 'hourly') return startMs + HOUR_MS;
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
  for (;;) {
    const last = boundaries.at(-1) as number;
    if (last > endMs) return boundaries;
    boundaries.push(slotEnd(last, granularity, timeZone));
  }
}

/** The same local hour some weeks before. Clocks that were set in between are taken into account, to the hour. */
export function weeksBefore(hourMs: number, weeks: number, timeZone: string): number {
  const beforeMs = hourMs - weeks * 7 * DAY_MS;
  const { hour } = localTime(hourMs, timeZone);
  const { hour: then } = localTime(beforeMs, timeZone);
  if (hour === then) return beforeMs;
  // One hour apart, perhaps over midnight.
  const shift = (hour - then + 36) % 24 === 13 ? 1 : -1;
  return beforeMs + shift * HOUR_MS;
}
