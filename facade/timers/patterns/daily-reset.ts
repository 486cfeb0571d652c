import { nextLocalMidnight } from '../../native';
import { count, invalid, object, own } from '../../validate';
import { nameAt, timeZoneAt } from '../arguments';
import type { TimerParts } from '../service';
import type { Timer } from '../types';
import { deedOf, idOf, make, type PatternOptions, readPattern } from './pattern';

export interface DailyResetOptions extends PatternOptions {
  /** Tokens used today. */
  used?: number;
  /** Instead of `used`: the `usage` of a provider's answer, such as `{ total_tokens }`. */
  usage?: object;
  /** Tokens of a day. */
  dailyLimit: number;
  /** Below so many tokens the timer is made. Default 10,000. */
  floor?: number;
  /** Whose limit it is; a part of the id. Default: one for all that have the same `on_expire`. */
  service?: string;
  /** Whose midnight. Default: the coordinator's `defaultTimeZone`. */
  timeZone?: string;
}

const NAMES = ['used', 'usage', 'dailyLimit', 'floor', 'service', 'timeZone'];

/** A timer for the next midnight when less than the floor is left; `undefined` before. */
export async function dailyReset(
  parts: TimerParts,
  options: DailyResetOptions,
  signal: AbortSignal | undefined,
): Promise<Timer | undefined> {
  const { source, spec } = readPattern(options, NAMES, parts);
  const field = <T>(key: string, reader: (value: unknown, at: string) => T): T | undefined => {
    const value = own(source, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  const used = field('used', count) ?? field('usage', totalOf);
  if (used === undefined) throw invalid('options.used', 'the tokens used today, or a usage', undefined);
  const dailyLimit = count(own(source, 'dailyLimit', 'options'), 'options.dailyLimit');
  const floor = field('floor', count) ?? 10_000;
  const service = field('service', nameAt);
  const timeZone = field('timeZone', timeZoneAt) ?? parts.defaults.timeZone;
  if (dailyLimit - used >= floor) return undefined;
  const midnightMs = nextLocalMidnight(timeZone, await parts.store.nowMs(signal));
  const deed = service === undefined ? deedOf(spec) : '';
  const id = idOf('daily-reset', service ?? 'tokens', `${midnightMs}${deed}`);
  const name = service === undefined ? 'Token Reset' : `${service} Token Reset`;
  return (await make(parts, id, name, { is: 'at', with: midnightMs }, spec, signal)).timer;
}

/** Parts that make up a total where none is told. */
const PARTS = [
  ['input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'],
  ['prompt_tokens', 'completion_tokens'],
  ['promptTokens', 'completionTokens'],
  ['inputTokens', 'outputTokens'],
];

/** The tokens of a provider's usage. */
function totalOf(value: unknown, at: string): number {
  const usage = object(value, at);
  for (const key of ['total_tokens', 'totalTokens', 'totalTokenCount']) {
    const total = own(usage, key, at);
    if (total !== undefined) return count(total, `${at}.${key}`);
  }
  for (const keys of PARTS) {
    const told = keys
      .map(key => [key, own(usage, key, at)] as const)
      .filter(([, part]) => typeof part === 'number');
    if (told.length > 0) return told.reduce((sum, [key, part]) => sum + count(part, `${at}.${key}`), 0);
  }
  throw invalid(at, 'a usage with total_tokens, or its parts', value);
}
