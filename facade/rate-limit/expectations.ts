import { toJson } from '../json';
import type { LimiterBackend } from './backend';
import { OutputEstimator } from './output-estimator';

/** What was learned is told to the store so often at the latest. */
const TELL_EVERY_MS = 30_000;

/**
 * What models answer with, learned by this process and by all others: counters in the store, which each process
 * reads once and adds to.
 */
export class Expectations {
  readonly #estimator: OutputEstimator;
  readonly #backend: LimiterBackend;
  readonly #onError: (error: unknown) => void;
  #loading: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(quantile: number, backend: LimiterBackend, onError: (error: unknown) => void) {
    this.#estimator = new OutputEstimator({ quantile });
    this.#backend = backend;
    this.#onError = onError;
  }

  /** `undefined`: the model did not answer often enough yet. */
  outputTokens(model: string, maxOutputTokens?: number): number | undefined {
    void this.#load();
    return this.#estimator.estimate(model, maxOutputTokens);
  }

  /** The same when what others learned is known. */
  async outputTokensOfAll(model: string, maxOutputTokens: number | undefined): Promise<number | undefined> {
    await this.#load();
    return this.#estimator.estimate(model, maxOutputTokens);
  }

  learn(model: string, outputTokens: number): void {
    void this.#load();
    this.#estimator.learn(model, outputTokens);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.flush().catch(this.#onError);
    }, TELL_EVERY_MS);
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  /** Tells the store what is new. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const more = this.#estimator.drain();
    if (more.length === 0) return;
    await this.#backend.query(toJson({ is: 'learn', with: more }));
  }

  /** Everything that was learned anywhere. */
  async all(): Promise<Array<[string, number]>> {
    await this.flush();
    return await this.#learned();
  }

  /** Adds what is known there and not here. */
  async restore(counters: ReadonlyArray<readonly [string, number]>): Promise<void> {
    const known = new Map(await this.all());
    const more: Array<[string, number]> = [];
    for (const [name, count] of counters) {
      const missing = count - (known.get(name) ?? 0);
      if (missing > 0) more.push([name, missing]);
    }
    if (more.length === 0) return;
    await this.#load();
    await this.#backend.query(toJson({ is: 'learn', with: more }));
    this.#estimator.absorb(more);
  }

  /** Once; where the store is away, what this process learns has to do. */
  #load(): Promise<void> {
    this.#loading ??= this.#learned().then(
      counters => this.#estimator.absorb(counters),
      () => {
        this.#loading = undefined;
      },
    );
    return this.#loading;
  }

  async #learned(): Promise<Array<[string, number]>> {
    const outcome = await this.#backend.query('{"is":"learned"}');
    return outcome.is === 'learned' ? outcome.with : [];
  }
}
