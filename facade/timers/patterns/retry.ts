import { TokenBudgetError } from '../../errors';
import { integer, invalid, own } from '../../validate';
import { nameAt } from '../arguments';
import { jsonAt } from '../document';
import { durationAt } from '../durations';
import type { TimerParts } from '../service';
import type { Timer } from '../types';
import { idOf, make, type PatternOptions, readPattern } from './pattern';

export interface RetryTimerOptions extends PatternOptions {
  /** Default 5. */
  maxAttempts?: number;
  /** The first delay; each further one is twice as long. Default 1,000 ms. */
  base?: number | string;
  /** The longest delay. Default 30,000 ms. */
  cap?: number | string;
  /** Comes with the event and the webhook. Default `{ attempt: attempt + 1 }`. */
  data?: unknown;
  /** What is tried again: one timer for each attempt of it. Default: a timer for each call. */
  id?: string;
}

const NAMES = ['maxAttempts', 'base', 'cap', 'data', 'id'];
const ATTEMPTS_MAX = 1_000_000;

/** A timer for the next attempt. `attempt`: how many retries there were, from 0 on. */
export async function retry(
  parts: TimerParts,
  attempt: number,
  options: RetryTimerOptions,
  signal: AbortSignal | undefined,
): Promise<Timer> {
  const made = integer(attempt, 'attempt', 0, ATTEMPTS_MAX);
  const { source, spec } = readPattern(options, NAMES, parts);
  const field = <T>(key: string, reader: (value: unknown, at: string) => T): T | undefined => {
    const value = own(source, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  const maxAttempts = field('maxAttempts', (value, at) => integer(value, at, 1, ATTEMPTS_MAX)) ?? 5;
  const baseMs = field('base', (value, at) => durationAt(value, at)) ?? 1000;
  const capMs = field('cap', (value, at) => durationAt(value, at)) ?? Math.max(30_000, baseMs);
  if (capMs < baseMs) throw invalid('options.cap', `at least the base, ${baseMs}`, capMs);
  const operation = field('id', nameAt);
  const dataJson = field('data', jsonAt);
  if (made >= maxAttempts) {
    throw new TokenBudgetError('RETRIES_EXHAUSTED', 'Max retry attempts exceeded');
  }
  spec.document.dataJson = dataJson ?? spec.document.dataJson ?? JSON.stringify({ attempt: made + 1 });
  const delayMs = Math.min(baseMs * 2 ** Math.min(made, 60), capMs);
  const id = operation === undefined ? undefined : idOf('retry', operation, String(made + 1));
  const name = `Retry Attempt ${made + 1}`;
  return (await make(parts, id, name, { is: 'in', with: delayMs }, spec, signal)).timer;
}
