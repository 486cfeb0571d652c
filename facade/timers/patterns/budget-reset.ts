import { nextLocalMidnight } from '../../native';
import { reaches } from '../../percent';
import { count, invalid, own } from '../../validate';
import { nameAt, timeZoneAt } from '../arguments';
import type { TimerParts } from '../service';
import type { Timer } from '../types';
import { idOf, make, type PatternOptions, readPattern } from './pattern';

export interface BudgetResetOptions extends PatternOptions {
  /** The fraction of the budget from which on the timer is made. Default 0.8. */
  at?: number;
  /** Whose midnight. Default: the coordinator's `defaultTimeZone`. */
  timeZone?: string;
}

/**
 * A timer for the next midnight when so much of the budget is used; `undefined` before. `on_expire.data` defaults to
 * `{ newBudget: dailyBudget }`.
 */
export async function budgetReset(
  parts: TimerParts,
  service: string,
  tokensUsed: number,
  dailyBudget: number,
  options: BudgetResetOptions,
  signal: AbortSignal | undefined,
): Promise<Timer | undefined> {
  const of = nameAt(service, 'service');
  const used = count(tokensUsed, 'tokensUsed');
  const budget = count(dailyBudget, 'dailyBudget');
  const { source, spec } = readPattern(options, ['at', 'timeZone'], parts);
  const at = own(source, 'at', 'options');
  const share = at === undefined ? 0.8 : fractionAt(at, 'options.at');
  const zone = own(source, 'timeZone', 'options');
  const timeZone = zone === undefined ? parts.defaults.timeZone : timeZoneAt(zone, 'options.timeZone');
  if (!reaches(used, budget, share)) return undefined;
  spec.document.dataJson ??= JSON.stringify({ newBudget: budget });
  const midnightMs = nextLocalMidnight(timeZone, await parts.store.nowMs(signal));
  const id = idOf('budget-reset', of, String(midnightMs));
  return (await make(parts, id, `${of} Budget Reset`, { is: 'at', with: midnightMs }, spec, signal)).timer;
}

export function fractionAt(value: unknown, at: string): number {
  if (typeof value === 'number' && value > 0 && value <= 1000) return value;
  throw invalid(at, 'a number above 0 and at most 1000', value);
}
