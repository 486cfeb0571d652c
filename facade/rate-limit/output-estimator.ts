import { count, elements, integer, invalid, MAX_TOKENS, object, onlyNames, own } from '../validate';

/** The widest bucket is this much longer than its shortest answer, so an estimate is at most that much more. */
const WIDTH = 1.12;
/** Answers that are longer count as this. */
const LONGEST_TOKENS = 10_000_000;
/** Upper ends, ascending: 0, 1, 2 ... and later each 12 % more than the one before. */
const ENDS: readonly number[] = upperEnds();

export const MODELS_MAX = 64;
/** What further models are counted under. */
export const OTHER_MODELS = '(other)';
const MODEL_MAX_LENGTH = 256;
const PREFIX = 'out:';
const COUNTERS_MAX = (MODELS_MAX + 1) * ENDS.length;

export interface OutputEstimatorOptions {
  /** The share of answers that are to be no longer than the estimate: above 0, below 1. Default 0.95. */
  quantile?: number;
  /** No estimate before so many answers. Default 20. */
  minObservations?: number;
}

/** A saved {@link OutputEstimator}; plain JSON. */
export interface OutputEstimates {
  /** `[name, how often]`; names as in {@link OutputEstimator.drain}. */
  counters: Array<[name: string, times: number]>;
}

/** Answers of one model, by the bucket of their length. */
interface Lengths {
  counts: Float64Array;
  total: number;
  /** Of `counts`, what was not drained yet. */
  fresh: Map<number, number>;
}

/**
 * How many tokens a model will answer with, learned from what it answered: a high quantile of a histogram
 * whose buckets are 12 % wide. An estimate is never less than that quantile and at most 12 % more.
 *
 * Processes share what they learn by adding up counters in a store: {@link drain} gives what this one has
 * learned since the last time, {@link absorb} takes in the sums.
 *
 * @example
 * ```ts
 * const estimator = new OutputEstimator();
 * for (let length = 1; length <= 100; length += 1) estimator.learn('claude-x', length);
 * estimator.estimate('claude-x'); // 95 ... 106
 * estimator.estimate('claude-x', 50); // 50
 * estimator.estimate('another'); // undefined
 * ```
 */
export class OutputEstimator {
  readonly #quantile: number;
  readonly #minObservations: number;
  readonly #models = new Map<string, Lengths>();

  constructor(options: OutputEstimatorOptions = {}) {
    const source = object(options, 'options');
    onlyNames(source, 'options', new Set(['quantile', 'minObservations']));
    const quantile = own(source, 'quantile', 'options') ?? 0.95;
    if (typeof quantile !== 'number' || !(quantile > 0 && quantile < 1)) {
      throw invalid('options.quantile', 'a number above 0 and below 1', quantile);
    }
    const minObservations = own(source, 'minObservations', 'options') ?? 20;
    this.#quantile = quantile;
    this.#minObservations = integer(minObservations, 'options.minObservations', 1, MAX_TOKENS);
  }

  /** The model answered with so many tokens. */
  learn(model: string, outputTokens: number): void {
    if (typeof model !== 'string') throw invalid('model', 'a string', model);
    const bucket = bucketOf(count(outputTokens, 'outputTokens'));
    const lengths = this.#known(model) ?? this.#add(model);
    add(lengths, bucket, 1);
    lengths.fresh.set(bucket, (lengths.fresh.get(bucket) ?? 0) + 1);
  }

  /** At most `maxOutputTokens`; `undefined` while too little is known of the model. */
  estimate(model: string, maxOutputTokens = Infinity): number | undefined {
    const lengths = this.#known(model);
    if (lengths === undefined || lengths.total < this.#minObservations) return undefined;
    // A binary fraction may be a little more than what was meant: 0.07 * 100.
    const rank = Math.max(1, Math.ceil(this.#quantile * lengths.total - 1e-9));
    let seen = 0;
    for (const [bucket, times] of lengths.counts.entries()) {
      seen += times;
      if (seen >= rank) return Math.min(ENDS[bucket] as number, maxOutputTokens);
    }
    return undefined;
  }

  /**
   * What was learned since the last call, as `[name, how many more]`, to be added to the counters of a store.
   * Names are `out:<model>:<bucket>`. What is drained and never arrives there is still known here.
   */
  drain(): Array<[name: string, more: number]> {
    const drained: Array<[string, number]> = [];
    for (const [model, { fresh }] of this.#models) {
      for (const [bucket, more] of fresh) drained.push([nameOf(model, bucket), more]);
      fresh.clear();
    }
    return drained;
  }

  /**
   * Takes in the sums of all processes, this one's included. They only grow, so an old answer of the store
   * changes nothing. Counters of something else are passed over.
   */
  absorb(counters: Iterable<readonly [name: string, sum: number]>): void {
    for (const [name, sum] of counters) {
      const place = placeOf(name);
      if (place === undefined || !Number.isSafeInteger(sum) || sum <= 0) continue;
      const [model, bucket] = place;
      const lengths = this.#models.get(model) ?? (this.#isFull(model) ? undefined : this.#add(model));
      if (lengths === undefined) continue;
      const shared = (lengths.counts[bucket] as number) - (lengths.fresh.get(bucket) ?? 0);
      if (sum > shared) add(lengths, bucket, sum - shared);
    }
  }

  toJSON(): OutputEstimates {
    const counters: Array<[string, number]> = [];
    for (const [model, { counts }] of this.#models) {
      for (const [bucket, times] of counts.entries()) {
        if (times > 0) counters.push([nameOf(model, bucket), times]);
      }
    }
    return { counters };
  }

  /** Of what {@link toJSON} gave. It counts as drained: whoever shares it did so before saving. */
  static from(saved: OutputEstimates, options?: OutputEstimatorOptions): OutputEstimator {
    const estimator = new OutputEstimator(options);
    const counters = elements(
      own(object(saved, 'saved'), 'counters', 'saved'),
      'saved.counters',
      COUNTERS_MAX,
    );
    estimator.absorb(
      counters.map((pair, index): [string, number] => {
        const at = `saved.counters[${index}]`;
        const [name, times] = elements(pair, at, 2);
        if (typeof name !== 'string' || placeOf(name) === undefined) {
          throw invalid(`${at}[0]`, 'the name of a counter, such as out:model:12', name);
        }
        return [name, count(times, `${at}[1]`)];
      }),
    );
    return estimator;
  }

  #known(model: string): Lengths | undefined {
    return this.#models.get(model) ?? (this.#isFull(model) ? this.#models.get(OTHER_MODELS) : undefined);
  }

  /** Whether the model has to share a place with others. */
  #isFull(model: string): boolean {
    if (model === OTHER_MODELS) return false;
    const named = this.#models.size - (this.#models.has(OTHER_MODELS) ? 1 : 0);
    return named >= MODELS_MAX || model.length > MODEL_MAX_LENGTH;
  }

  #add(model: string): Lengths {
    const lengths: Lengths = { counts: new Float64Array(ENDS.length), total: 0, fresh: new Map() };
    this.#models.set(this.#isFull(model) ? OTHER_MODELS : model, lengths);
    return lengths;
  }
}

function add(lengths: Lengths, bucket: number, times: number): void {
  lengths.counts[bucket] = (lengths.counts[bucket] as number) + times;
  lengths.total += times;
}

function nameOf(model: string, bucket: number): string {
  return `${PREFIX}${model}:${bucket}`;
}

/** A model may have colons in its name. */
function placeOf(name: unknown): [model: string, bucket: number] | undefined {
  if (typeof name !== 'string' || !name.startsWith(PREFIX)) return undefined;
  const colon = name.lastIndexOf(':');
  const bucket = name.slice(colon + 1);
  if (colon < PREFIX.length || !/^(0|[1-9]\d{0,3})$/.test(bucket)) return undefined;
  return Number(bucket) < ENDS.length ? [name.slice(PREFIX.length, colon), Number(bucket)] : undefined;
}

function upperEnds(): number[] {
  const ends = [0, 1];
  for (let end = 1; end < LONGEST_TOKENS; ends.push(end)) {
    end = Math.min(LONGEST_TOKENS, Math.max(end + 1, Math.floor(end * WIDTH)));
  }
  return ends;
}

/** The first whose end is not less. */
function bucketOf(tokens: number): number {
  let low = 0;
  let high = ENDS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ENDS[middle] as number) < tokens) low = middle + 1;
    else high = middle;
  }
  return low;
}
