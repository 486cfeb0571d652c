import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseDuration } from '../native';
import { PERIODS } from '../periods';
import type { BudgetPeriod, TokenBudget } from '../types/budget';
import { type GivenMoney, readAmount, readMoney } from './amount';
import { messageOf, UsageError } from './exit';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Node's own reader; what it refuses is a mistake in the call, said in one line. */
export function parseArguments<T extends Options>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(messageOf(error).split('\n', 1)[0]);
  }
}

const COSTS = PERIODS.map(period => `${period}Cost` as const);

/**
 * `hourly=5M,dailyCost=25.00USD`, in one list or several. Money without a currency is in `currency`, else in the one
 * that the list names, else in US dollars; `currency` of the answer is that one.
 */
export function readBudgetList(
  lists: readonly string[],
  option: string,
  currency?: string,
): { budget: TokenBudget; currency: string | undefined } {
  const budget: TokenBudget = {};
  const costs: Array<readonly [(typeof COSTS)[number], GivenMoney]> = [];
  for (const item of lists.flatMap(list => list.split(','))) {
    const [, name = '', amount = ''] = /^\s*([a-zA-Z]+)\s*=(.*)$/.exec(item) ?? [];
    const cost = COSTS.find(known => known === name);
    if (cost !== undefined) costs.push([cost, readMoney(amount, option)]);
    else if (isPeriod(name)) budget[name] = readAmount(amount, option);
    else {
      const wanted = 'a list such as hourly=5M,dailyCost=25.00USD';
      throw new UsageError(`${option}: expected ${wanted}, got ${JSON.stringify(item)}`);
    }
  }
  const named = costs.find(([, money]) => money.currency !== null)?.[1].currency ?? undefined;
  const own = currency ?? named;
  for (const [name, money] of costs) {
    budget[name] = { amount: money.amount, currency: money.currency ?? own ?? 'USD' };
  }
  return { budget, currency: own };
}

export function readPeriod(text: string | undefined, option: string): BudgetPeriod {
  if (text !== undefined && isPeriod(text)) return text;
  const got = text === undefined ? 'nothing' : JSON.stringify(text);
  throw new UsageError(`${option}: expected ${PERIODS.join(', ')}, got ${got}`);
}

function isPeriod(text: string): text is BudgetPeriod {
  return (PERIODS as readonly string[]).includes(text);
}

/** `90s`, `1h30m`, `7d`, in milliseconds. */
export function readDuration(text: string, option: string): number {
  try {
    const ms = parseDuration(text);
    if (ms > 0) return ms;
  } catch {
    // Said below, in words of the command line.
  }
  throw new UsageError(
    `${option}: expected a duration such as 90s, 1h30m or 7d, got ${JSON.stringify(text)}`,
  );
}

/** An instant as ISO 8601, a date (midnight UTC), or a duration before now. */
export function readInstant(text: string, option: string, nowMs: number): Date {
  if (/^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) {
    const zoned = /T/.test(text) && !/(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? `${text}Z` : text;
    const atMs = Date.parse(zoned);
    if (!Number.isNaN(atMs) && isDay(text.slice(0, 10))) return new Date(atMs);
  }
  try {
    return new Date(nowMs - parseDuration(text));
  } catch {
    const wanted = 'an instant such as 2026-01-31 or 2026-01-31T12:00Z, or how long ago, such as 7d';
    throw new UsageError(`${option}: expected ${wanted}, got ${JSON.stringify(text)}`);
  }
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const atMs = Date.parse(date);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}

/** An orchestrator that has to be named, and nothing beside it. */
export function onlyOne(positionals: readonly string[], what: string): string {
  const [one] = positionals;
  if (positionals.length !== 1 || one === undefined || one === '') {
    throw new UsageError(`expected ${what}, got ${positionals.length}`);
  }
  return one;
}
