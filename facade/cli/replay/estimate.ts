import { UsageError } from '../exit';
import { RunningQuantile } from './quantile';
import type { TraceRow } from './rows';

/** What is reserved for a request before its completion is known. */
export interface Estimator {
  /** Tokens to reserve. Only `exact` looks at the completion tokens. */
  estimate(row: TraceRow): number;
  /** A request was settled: its completion is known from now on. */
  learn(row: TraceRow): void;
}

export const DEFAULT_ESTIMATE = 'p90';

/** What a caller would allow an answer before it has seen enough of them. */
const FIRST_COMPLETION_TOKENS = 512;
const ENOUGH_SEEN = 20;

/** `exact`, `prompt+500`, `x1.5`, `mean` or `p90`. */
export function makeEstimator(text: string): Estimator {
  if (text === 'exact') {
    return fixed(row => row.promptTokens + row.completionTokens);
  }
  if (text === 'mean') {
    return mean();
  }
  const [, kind, amount = ''] = /^(prompt\+|x|p)(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const value = Number(amount);
  if (kind === 'prompt+' && Number.isSafeInteger(value)) {
    return fixed(row => row.promptTokens + value);
  }
  if (kind === 'x' && value > 0 && value <= 1000) {
    return fixed(row => Math.ceil(row.promptTokens * value));
  }
  if (kind === 'p' && value > 0 && value < 100) {
    return quantile(value / 100);
  }
  const wanted = 'exact, prompt+<tokens>, x<factor> up to x1000, mean, or a percentile such as p90';
  throw new UsageError(`--estimate: expected ${wanted}, got ${JSON.stringify(text)}`);
}

function fixed(tokens: (row: TraceRow) => number): Estimator {
  return { estimate: row => held(tokens(row)), learn() {} };
}

function mean(): Estimator {
  let seen = 0;
  let sum = 0;
  return {
    estimate: row =>
      held(row.promptTokens + (seen < ENOUGH_SEEN ? FIRST_COMPLETION_TOKENS : Math.ceil(sum / seen))),
    learn(row) {
      seen += 1;
      sum += row.completionTokens;
    },
  };
}

function quantile(fraction: number): Estimator {
  const completions = new RunningQuantile(fraction);
  return {
    estimate: row =>
      held(row.promptTokens + (completions.seen < ENOUGH_SEEN ? FIRST_COMPLETION_TOKENS : completions.value)),
    learn: row => completions.add(row.completionTokens),
  };
}

function held(tokens: number): number {
  return Math.min(tokens, Number.MAX_SAFE_INTEGER);
}
