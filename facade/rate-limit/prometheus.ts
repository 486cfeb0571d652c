import { invalid, object, onlyNames, own, ownNames } from '../validate';
import type { LimiterMetricsSnapshot, SecondsHistogram } from './metrics';

export const DEFAULT_PREFIX = 'token_budget_rate_limit';

/** Labels that the metrics have themselves. */
const OWN_LABELS: ReadonlySet<string> = new Set(['reason', 'direction', 'kind', 'status', 'le']);

/** One sample: its labels, beside those of all, and its value. */
export type PrometheusSample = readonly [labels: ReadonlyArray<readonly [string, string]>, value: number];

export interface PrometheusOptions {
  /** What every name begins with. Default `token_budget_rate_limit`. */
  prefix?: string;
  /** Put on every sample, such as `{ key: 'team-a' }`. */
  labels?: Readonly<Record<string, string>>;
}

/**
 * The snapshot in Prometheus's text format 0.0.4 (`text/plain; version=0.0.4`).
 *
 * @example
 * ```ts
 * response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
 * response.end(prometheusText(metrics.snapshot(), { labels: { key: 'team-a' } }));
 * ```
 */
export function prometheusText(snapshot: LimiterMetricsSnapshot, options: PrometheusOptions = {}): string {
  const { requests, tokens } = snapshot;
  const text = new PrometheusText(options, DEFAULT_PREFIX, OWN_LABELS);
  text.counter('requests_admitted_total', 'Requests that were let through.', requests.admitted);
  text.counter('requests_waited_total', 'Requests that were let through after a wait.', requests.waited);
  text.counter('requests_settled_total', 'Requests whose usage was reported.', requests.settled);
  text.counter('requests_cancelled_total', 'Requests that were given back.', requests.cancelled);
  text.counters('requests_refused_total', 'Requests that were refused.', 'reason', requests.refused);
  text.gauge('requests_per_minute', 'Requests let through in the last minute.', snapshot.requestsPerMinute);
  text.counters('tokens_estimated_total', 'Tokens that were expected.', 'direction', { ...tokens.estimated });
  text.counters('tokens_used_total', 'Tokens that were used.', 'direction', { ...tokens.used });
  text.counters('hits_total', 'Refusals by the provider for its limits.', 'kind', snapshot.hits);
  text.counters('errors_total', 'Failed requests.', 'status', snapshot.errors);
  text.histogram('wait_seconds', 'Time until a request was let through.', snapshot.waits);
  text.histogram('response_seconds', 'Time until the provider answered.', snapshot.responses);
  return text.toString();
}

/** Text format 0.0.4, metric by metric. */
export class PrometheusText {
  readonly #prefix: string;
  readonly #labels: ReadonlyArray<readonly [string, string]>;
  readonly #lines: string[] = [];

  /** `ownLabels` are those that the metrics have themselves, which callers cannot give. */
  constructor(options: PrometheusOptions, defaultPrefix: string, ownLabels: ReadonlySet<string>) {
    const source = object(options, 'options');
    onlyNames(source, 'options', new Set(['prefix', 'labels']));
    this.#prefix = readPrefix(own(source, 'prefix', 'options'), defaultPrefix);
    this.#labels = readLabels(own(source, 'labels', 'options'), ownLabels);
  }

  counter(name: string, help: string, value: number): void {
    this.#head(name, 'counter', help);
    this.#sample(name, [], value);
  }

  counters(name: string, help: string, label: string, values: Readonly<Record<string, number>>): void {
    this.#head(name, 'counter', help);
    for (const [value, count] of Object.entries(values)) this.#sample(name, [[label, value]], count);
  }

  gauge(name: string, help: string, value: number): void {
    this.#head(name, 'gauge', help);
    this.#sample(name, [], value);
  }

  /** Samples with labels of their own; a metric without any is left out. */
  samples(name: string, type: 'counter' | 'gauge', help: string, samples: readonly PrometheusSample[]): void {
    if (samples.length === 0) return;
    this.#head(name, type, help);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  histogram(name: string, help: string, { buckets, sumSeconds, count }: SecondsHistogram): void {
    this.#head(name, 'histogram', help);
    for (const bucket of [...buckets, { atMost: Infinity, count }]) {
      this.#sample(`${name}_bucket`, [['le', number(bucket.atMost)]], bucket.count);
    }
    this.#sample(`${name}_sum`, [], sumSeconds);
    this.#sample(`${name}_count`, [], count);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${this.#prefix}_${name} ${help}`, `# TYPE ${this.#prefix}_${name} ${type}`);
  }

  #sample(name: string, labels: ReadonlyArray<readonly [string, string]>, value: number): void {
    const all = [...this.#labels, ...labels].map(([label, text]) => `${label}="${escaped(text)}"`);
    const braces = all.length > 0 ? `{${all.join(',')}}` : '';
    this.#lines.push(`${this.#prefix}_${name}${braces} ${number(value)}`);
  }
}

function readPrefix(prefix: unknown, defaultPrefix: string): string {
  if (prefix === undefined) return defaultPrefix;
  if (typeof prefix === 'string' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(prefix)) return prefix;
  throw invalid('options.prefix', 'letters, digits, _ and :, and no digit first', prefix);
}

function readLabels(labels: unknown, ownLabels: ReadonlySet<string>): Array<readonly [string, string]> {
  if (labels === undefined) return [];
  const source = object(labels, 'options.labels');
  return ownNames(source, 'options.labels').map(name => {
    const at = `options.labels.${name}`;
    if (!/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || ownLabels.has(name)) {
      const expected = `letters, digits and _, no digit and no __ first, and none of ${[...ownLabels].join(', ')}`;
      throw invalid(at, expected, name);
    }
    const value = own(source, name, 'options.labels');
    if (typeof value !== 'string') throw invalid(at, 'a string', value);
    return [name, value] as const;
  });
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, found => (found === '\n' ? '\\n' : `\\${found}`));
}

function number(value: number): string {
  return value === Infinity ? '+Inf' : String(value);
}
