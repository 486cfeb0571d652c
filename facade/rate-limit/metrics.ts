/** Upper ends of buckets in seconds: waits and responses take milliseconds to minutes. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];

/** Distinct values of one label; further ones are counted as {@link OTHER_LABEL}. */
export const LABELS_MAX = 32;
export const OTHER_LABEL = 'other';
const LABEL_MAX_LENGTH = 64;
const FREQUENCY_SECONDS = 60;

export interface TokensByDirection {
  input: number;
  output: number;
}

export interface SecondsHistogram {
  /** How many took at most `atMost` seconds, shorter ones included. */
  buckets: Array<{ atMost: number; count: number }>;
  sumSeconds: number;
  count: number;
}

/** What happened at a limiter, in this process, since it was made. */
export interface LimiterMetricsSnapshot {
  requests: {
    admitted: number;
    /** Those that were not admitted at once, but had a place in the line. */
    waited: number;
    settled: number;
    cancelled: number;
    /** By reason. */
    refused: Record<string, number>;
  };
  /** Admitted in the last minute. */
  requestsPerMinute: number;
  tokens: { estimated: TokensByDirection; used: TokensByDirection };
  /** Refusals by the provider, by kind. */
  hits: Record<string, number>;
  /** By status; `none` when there was no answer. */
  errors: Record<string, number>;
  waits: SecondsHistogram;
  responses: SecondsHistogram;
}

/**
 * Counts what a limiter does. Memory is bounded whatever it is told: see {@link LABELS_MAX}.
 *
 * @example
 * ```ts
 * const metrics = new LimiterMetrics();
 * metrics.admitted(120, { inputTokens: 800, outputTokens: 200 });
 * metrics.settled({ inputTokens: 790, outputTokens: 150 }, 2300);
 * metrics.snapshot().tokens.used; // { input: 790, output: 150 }
 * ```
 */
export class LimiterMetrics {
  readonly #now: () => number;
  readonly #frequency = new Frequency();
  readonly #waits = new Histogram();
  readonly #responses = new Histogram();
  readonly #refused = new Labelled();
  readonly #hits = new Labelled();
  readonly #errors = new Labelled();
  readonly #estimated: TokensByDirection = { input: 0, output: 0 };
  readonly #used: TokensByDirection = { input: 0, output: 0 };
  #admitted = 0;
  #waited = 0;
  #settled = 0;
  #cancelled = 0;

  /** `now`: milliseconds of a clock that never goes back; default: the process's. */
  constructor({ now = () => performance.now() }: { now?: () => number } = {}) {
    this.#now = now;
  }

  /** `nowMs`: where the clock was read already. */
  admitted(
    waitMs: number,
    estimated: { inputTokens: number; outputTokens: number },
    nowMs = this.#now(),
  ): void {
    this.#admitted += 1;
    this.#waits.add(waitMs);
    this.#frequency.add(nowMs);
    addTokens(this.#estimated, estimated);
  }

  /** It is not admitted at once, but has a place in the line. */
  waited(): void {
    this.#waited += 1;
  }

  /** Neither admitted nor waiting any more. */
  refused(reason: string): void {
    this.#refused.add(reason);
  }

  settled(used: { inputTokens: number; outputTokens: number }, responseMs?: number): void {
    this.#settled += 1;
    addTokens(this.#used, used);
    if (responseMs !== undefined) this.#responses.add(responseMs);
  }

  cancelled(): void {
    this.#cancelled += 1;
  }

  /** The provider refused: `rate`, `quota`, `secondary`. */
  hit(kind: string): void {
    this.#hits.add(kind);
  }

  /** `status`: `undefined` when there was no answer. */
  error(status: number | undefined): void {
    this.#errors.add(status === undefined ? 'none' : String(status));
  }

  snapshot(): LimiterMetricsSnapshot {
    return {
      requests: {
        admitted: this.#admitted,
        waited: this.#waited,
        settled: this.#settled,
        cancelled: this.#cancelled,
        refused: this.#refused.counts(),
      },
      requestsPerMinute: this.#frequency.count(this.#now()),
      tokens: { estimated: { ...this.#estimated }, used: { ...this.#used } },
      hits: this.#hits.counts(),
      errors: this.#errors.counts(),
      waits: this.#waits.snapshot(),
      responses: this.#responses.snapshot(),
    };
  }
}

function addTokens(sum: TokensByDirection, more: { inputTokens: number; outputTokens: number }): void {
  sum.input += more.inputTokens;
  sum.output += more.outputTokens;
}

class Histogram {
  readonly #counts: number[] = new Array(SECONDS_BUCKETS.length + 1).fill(0);
  #sumSeconds = 0;
  #count = 0;

  /** A clock that goes back makes no negative time. */
  add(ms: number): void {
    const seconds = Math.max(0, ms / 1000);
    if (!Number.isFinite(seconds)) return;
    let index = 0;
    while (index < SECONDS_BUCKETS.length && seconds > (SECONDS_BUCKETS[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumSeconds += seconds;
    this.#count += 1;
  }

  snapshot(): SecondsHistogram {
    let count = 0;
    const buckets = SECONDS_BUCKETS.map((atMost, index) => {
      count += this.#counts[index] ?? 0;
      return { atMost, count };
    });
    return { buckets, sumSeconds: this.#sumSeconds, count: this.#count };
  }
}

class Labelled {
  readonly #counts = new Map<string, number>();

  add(label: string): void {
    const isKnown = this.#counts.has(label);
    const hasRoom = this.#counts.size < LABELS_MAX && label.length <= LABEL_MAX_LENGTH;
    const key = isKnown || hasRoom ? label : OTHER_LABEL;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** How often in the last minute: one slot for each second. */
class Frequency {
  readonly #counts: number[] = new Array(FREQUENCY_SECONDS).fill(0);
  readonly #seconds: number[] = new Array(FREQUENCY_SECONDS).fill(Number.NEGATIVE_INFINITY);

  add(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = second % FREQUENCY_SECONDS;
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#counts[slot] = 0;
    }
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  count(nowMs: number): number {
    const from = Math.floor(nowMs / 1000) - FREQUENCY_SECONDS;
    return this.#counts.reduce(
      (sum, count, slot) => ((this.#seconds[slot] ?? from) > from ? sum + count : sum),
      0,
    );
  }
}
