import type { RetryJitter } from './retry-types';

export interface Backoff {
  baseMs: number;
  factor: number;
  capMs: number;
  jitter: RetryJitter;
}

/** Beyond what a service asks for, so that those it refused together do not come back together. */
const SPREAD = 0.1;

/** The waits between the attempts of one call, of our own choosing. */
export class Waits {
  readonly #backoff: Backoff;
  readonly #random: () => number;
  #lastMs: number;

  /** `random`: from 0, below 1. */
  constructor(backoff: Backoff, random: () => number) {
    this.#backoff = backoff;
    this.#random = random;
    this.#lastMs = backoff.baseMs;
  }

  /** After attempt `attempt`, from 1 on. `askedMs`: how long the service wants to be left alone, 0 for nothing. */
  next(attempt: number, askedMs: number): number {
    const ownMs = this.#own(attempt);
    if (askedMs <= 0) return Math.round(ownMs);
    const spread = this.#backoff.jitter === 'none' ? 0 : SPREAD * this.#random();
    return Math.ceil(Math.max(ownMs, askedMs * (1 + spread)));
  }

  #own(attempt: number): number {
    const { baseMs, factor, capMs, jitter } = this.#backoff;
    if (jitter === 'decorrelated') {
      const fromMs = Math.min(baseMs, capMs);
      const toMs = Math.max(fromMs, Math.min(capMs, this.#lastMs * 3));
      this.#lastMs = fromMs + (toMs - fromMs) * this.#random();
      return this.#lastMs;
    }
    // 0 times infinity is not a number.
    const wholeMs = baseMs === 0 ? 0 : Math.min(capMs, baseMs * factor ** (attempt - 1));
    if (jitter === 'none') return wholeMs;
    return jitter === 'full' ? wholeMs * this.#random() : (wholeMs * (1 + this.#random())) / 2;
  }
}
