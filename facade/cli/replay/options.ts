import { parseArgs } from 'node:util';
import type { TokenBudget } from '../../types';
import { readAmount, readInteger } from '../amount';
import { messageOf, UsageError } from '../exit';
import { DEFAULT_ESTIMATE, makeEstimator } from './estimate';
import { readStore, type StoreOptions } from './store-options';

/** The arguments of `token-budget replay`, checked. */
export interface ReplayOptions {
  /** `null`: the sample of the package; `-`: standard input. */
  trace: string | null;
  budget: TokenBudget;
  orchestratorId: string;
  estimate: string;
  /** Ascending fractions. */
  thresholds: number[];
  timeZone: string;
  model: string;
  historyLimit: number;
  /** `null`: embedded. */
  store: StoreOptions | null;
  /** Requests in flight at once. */
  concurrency: number;
  json: boolean;
  progress: boolean;
  strict: boolean;
}

export const DEFAULT_CONCURRENCY = 256;
const CONCURRENCY_MAX = 10_000;
/** Those of a tracker that is told nothing; named here because their events are listened for. */
const DEFAULT_THRESHOLDS = [0.5, 0.75, 0.9, 1];
/** A tracker takes up to 1000; `--threshold 50` is rather a forgotten `%`. */
const THRESHOLD_MAX = 10;

const OPTIONS = {
  hourly: { type: 'string' },
  daily: { type: 'string' },
  monthly: { type: 'string' },
  orchestrator: { type: 'string' },
  estimate: { type: 'string' },
  threshold: { type: 'string', multiple: true },
  'time-zone': { type: 'string' },
  model: { type: 'string' },
  history: { type: 'string' },
  redis: { type: 'string' },
  cluster: { type: 'boolean' },
  sentinel: { type: 'string' },
  prefix: { type: 'string' },
  ca: { type: 'string' },
  concurrency: { type: 'string' },
  json: { type: 'boolean' },
  'no-progress': { type: 'boolean' },
  strict: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `null` when help is asked for. Throws `UsageError`. */
export function readOptions(args: string[]): ReplayOptions | null {
  const { values, positionals } = parse(args);
  if (values.help) {
    return null;
  }
  if (positionals.length > 1) {
    throw new UsageError(`expected one trace, got ${positionals.length}`);
  }
  const store = readStore(values);
  if (store === null && values.concurrency !== undefined) {
    throw new UsageError('--concurrency needs --redis: the embedded store answers in order');
  }
  const estimate = values.estimate ?? DEFAULT_ESTIMATE;
  makeEstimator(estimate);
  return {
    trace: positionals[0] ?? null,
    budget: readBudget(values),
    orchestratorId: values.orchestrator ?? 'replay',
    estimate,
    thresholds: values.threshold === undefined ? [...DEFAULT_THRESHOLDS] : readThresholds(values.threshold),
    timeZone: readTimeZone(values['time-zone'] ?? 'UTC'),
    model: values.model ?? 'trace',
    historyLimit:
      values.history === undefined ? 0 : readInteger(values.history, '--history', 0, Number.MAX_SAFE_INTEGER),
    store,
    concurrency:
      values.concurrency === undefined
        ? DEFAULT_CONCURRENCY
        : readInteger(values.concurrency, '--concurrency', 1, CONCURRENCY_MAX),
    json: values.json ?? false,
    progress: !values['no-progress'],
    strict: values.strict ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(messageOf(error).split('\n', 1)[0]);
  }
}

function readBudget(values: { hourly?: string; daily?: string; monthly?: string }): TokenBudget {
  const budget: TokenBudget = {};
  for (const period of ['hourly', 'daily', 'monthly'] as const) {
    const text = values[period];
    if (text !== undefined) {
      budget[period] = readAmount(text, `--${period}`);
    }
  }
  return budget;
}

/** `0.5,0.9` or `50%,90%`, in any order. */
function readThresholds(lists: string[]): number[] {
  const fractions = lists
    .flatMap(list => list.split(','))
    .map(text => {
      const [, number, percent] = /^\s*(\d+(?:\.\d+)?)(%?)\s*$/.exec(text) ?? [];
      const fraction = percent === '%' ? Number((Number(number) / 100).toPrecision(12)) : Number(number);
      if (!(fraction > 0 && fraction <= THRESHOLD_MAX)) {
        const wanted = `fractions above 0 and at most ${THRESHOLD_MAX}, or percentages, such as 0.5,90%`;
        throw new UsageError(`--threshold: expected ${wanted}, got ${JSON.stringify(text)}`);
      }
      return fraction;
    });
  return [...new Set(fractions)].sort((a, b) => a - b);
}

function readTimeZone(name: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return name;
  } catch {
    throw new UsageError(
      `--time-zone: expected an IANA name such as Europe/Berlin, got ${JSON.stringify(name)}`,
    );
  }
}
