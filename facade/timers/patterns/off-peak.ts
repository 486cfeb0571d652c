import { toJson } from '../../json';
import { nextOpening } from '../../native';
import { elements, integer, invalid, object, onlyNames, own } from '../../validate';
import { nameAt, timeZoneAt } from '../arguments';
import { jsonAt, members } from '../document';
import type { TimerParts } from '../service';
import { hashOf } from '../store';
import type { Timer } from '../types';
import { idOf, make, type PatternOptions, readPattern } from './pattern';

/** A daily span of local time, such as `{ from: '02:00', to: '08:00' }`; past midnight when it ends before it begins. */
export interface OffPeakWindow {
  from: string;
  /** Not in it any more; `24:00` is the end of the day. */
  to: string;
  /** On which days it begins, 0 is Sunday. Default: the `days` of the options. */
  days?: readonly number[];
}

export interface OffPeakOptions<O, R> extends PatternOptions {
  /** Default `'02:00-08:00'`. */
  windows?: string | OffPeakWindow | ReadonlyArray<string | OffPeakWindow>;
  /** Default: every day. */
  days?: readonly number[];
  /** Default: the coordinator's `defaultTimeZone`. */
  timeZone?: string;
  /** Runs the operation when it is to run now. Without it a timer that is due at once stands for that. */
  execute?(operation: O): R;
  /** The operation runs now, whatever the time, when `level` is below this. */
  emergencyFloor?: number;
  /** What is compared with `emergencyFloor`: how much there is of what the operation brings. */
  level?: number | (() => number | Promise<number>);
  /** The same by a function of your own. */
  runAnywayWhen?(operation: O): boolean | Promise<boolean>;
  /** Tells apart operations that look the same. Default: what JSON has of the operation. */
  id?: string;
}

/** What became of an operation. */
export type OffPeakOutcome<R> =
  | { executed: true; result: Awaited<R>; timer?: never }
  | { executed: false; result?: never; timer: Timer };

const NAMES = [
  ...(['windows', 'days', 'timeZone', 'execute', 'emergencyFloor', 'level', 'runAnywayWhen', 'id'] as const),
];
const WINDOW_NAMES: ReadonlySet<string> = new Set<keyof OffPeakWindow>(['from', 'to', 'days']);
const WINDOWS_MAX = 100;
const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];

/** Runs an operation inside the windows, else makes a timer for the next opening. */
export async function offPeak<O, R>(
  parts: TimerParts,
  operation: O,
  options: OffPeakOptions<O, R>,
  signal: AbortSignal | undefined,
): Promise<OffPeakOutcome<R>> {
  const { source, spec } = readPattern(options, NAMES, parts);
  const field = <T>(key: string, reader: (value: unknown, at: string) => T): T | undefined => {
    const value = own(source, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  const days = field('days', daysAt) ?? EVERY_DAY;
  const windows = field('windows', (value, at) => windowsAt(value, at, days)) ?? [
    { days, from: '02:00', to: '08:00' },
  ];
  const timeZone = field('timeZone', timeZoneAt) ?? parts.defaults.timeZone;
  const execute = field('execute', functionAt) as ((operation: O) => R) | undefined;
  const dataJson = jsonAt(operation, 'operation');
  const given = field('id', nameAt);

  const nowMs = await parts.store.nowMs(signal);
  const opensMs = (await isEmergency(source, operation))
    ? nowMs
    : nextOpening(toJson({ timeZone, windows }), nowMs);
  if (opensMs < 0) throw invalid('options.windows', 'windows that open some time', undefined);
  if (opensMs <= nowMs && execute !== undefined) {
    return { executed: true, result: await execute(operation) };
  }
  spec.document.dataJson ??= dataJson;
  const name = nameOf(operation, dataJson);
  // What runs now is not to wait for an earlier one that has run.
  const id =
    opensMs <= nowMs && given === undefined
      ? undefined
      : idOf('off-peak', given ?? hashOf(dataJson), String(opensMs));
  const due = { is: 'at', with: opensMs } as const;
  const title = name === '' ? 'Off-Peak Operation' : `Off-Peak Operation: ${name}`;
  return { executed: false, timer: (await make(parts, id, title, due, spec, signal)).timer };
}

async function isEmergency(source: object, operation: unknown): Promise<boolean> {
  const floor = own(source, 'emergencyFloor', 'options');
  const level = own(source, 'level', 'options');
  if (floor !== undefined) {
    if (typeof floor !== 'number' || Number.isNaN(floor))
      throw invalid('options.emergencyFloor', 'a number', floor);
    const found: unknown = typeof level === 'function' ? await level() : level;
    if (typeof found !== 'number' || Number.isNaN(found)) {
      throw invalid('options.level', 'a number, or a function that returns one', found);
    }
    if (found < floor) return true;
  } else if (level !== undefined) {
    throw invalid('options.level', 'a level beside emergencyFloor only', level);
  }
  const decide = own(source, 'runAnywayWhen', 'options');
  if (decide === undefined) return false;
  return (await functionAt(decide, 'options.runAnywayWhen')(operation)) === true;
}

function functionAt(value: unknown, at: string): (...args: unknown[]) => unknown {
  if (typeof value === 'function') return value as (...args: unknown[]) => unknown;
  throw invalid(at, 'a function', value);
}

function nameOf(operation: unknown, json: string): string {
  if (typeof operation === 'string') return operation;
  const name = members(json).name;
  return typeof name === 'string' ? name : '';
}

type WireWindow = { days: number[]; from: string; to: string };

function windowsAt(value: unknown, at: string, days: number[]): WireWindow[] {
  if (!Array.isArray(value)) return [windowAt(value, at, days)];
  const items = elements(value, at, WINDOWS_MAX);
  if (items.length === 0) throw invalid(at, 'at least one window', value);
  return items.map((item, index) => windowAt(item, `${at}[${index}]`, days));
}

function windowAt(value: unknown, at: string, days: number[]): WireWindow {
  if (typeof value === 'string') {
    const found = /^\s*([\d:]+)\s*-\s*([\d:]+)\s*$/.exec(value);
    if (found === null) throw invalid(at, `a window such as '02:00-08:00'`, value);
    return { days, from: timeAt(found[1], at), to: timeAt(found[2], at) };
  }
  const source = object(value, at);
  onlyNames(source, at, WINDOW_NAMES);
  const own_ = own(source, 'days', at);
  return {
    days: own_ === undefined ? days : daysAt(own_, `${at}.days`),
    from: timeAt(own(source, 'from', at), `${at}.from`),
    to: timeAt(own(source, 'to', at), `${at}.to`),
  };
}

function timeAt(value: unknown, at: string): string {
  if (typeof value === 'string' && /^(([01]?\d|2[0-3]):[0-5]\d|24:00)$/.test(value)) {
    return value.padStart(5, '0');
  }
  throw invalid(at, `a time of day such as '02:00'`, value);
}

function daysAt(value: unknown, at: string): number[] {
  const days = elements(value, at, 7).map((day, index) => integer(day, `${at}[${index}]`, 0, 6));
  if (days.length === 0) throw invalid(at, 'at least one day', value);
  return [...new Set(days)].sort();
}
