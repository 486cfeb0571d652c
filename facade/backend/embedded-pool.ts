import type { StoreSettings } from '../config/store';
import { toJson } from '../json';
import { EmbeddedPools } from '../native';
import { PoolOperations, type PoolOutcome } from './pool';

/** Pools in this process: answers at once. */
export class EmbeddedPoolBackend extends PoolOperations {
  readonly #native: EmbeddedPools;
  readonly #now: () => number;

  constructor(settings: StoreSettings) {
    super();
    this.#native = new EmbeddedPools(toJson(settings.native));
    this.#now = settings.now;
  }

  protected configure(pool: string, policyJson: string): void {
    this.#native.configure(pool, policyJson);
  }

  protected async send(pool: string, operationJson: string): Promise<PoolOutcome> {
    return JSON.parse(this.#native.query(pool, operationJson, this.#now())) as PoolOutcome;
  }

  now(): number {
    return this.#now();
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#native.close();
    return Promise.resolve();
  }
}
