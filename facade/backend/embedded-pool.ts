import type { StoreSettings } from '../config/store';
import type { Exhausted, Picked, PoolPolicy } from '../credentials/pool-backend';
import { toJson } from '../json';
import { EmbeddedPools } from '../native';
import { PoolOperations, type PoolOutcome } from './pool';
import { numberAt } from './protocol';

const NUMBERS_LENGTH = 8;

/** Pools in this process: answers at once. */
export class EmbeddedPoolBackend extends PoolOperations {
  readonly #numbers = new Float64Array(NUMBERS_LENGTH);
  readonly #native: EmbeddedPools;
  readonly #operations: ReturnType<EmbeddedPools['operations']>;
  readonly #now: () => number;

  constructor(settings: StoreSettings) {
    super();
    this.#native = new EmbeddedPools(toJson(settings.native), this.#numbers);
    this.#operations = this.#native.operations();
    this.#now = settings.now;
  }

  override pick(
    pool: string,
    policy: PoolPolicy,
    resource: string,
    except: string[],
    signal?: AbortSignal,
  ): Promise<Picked | Exhausted> {
    if (except.length > 0) return super.pick(pool, policy, resource, except, signal);
    try {
      this.tell(pool, policy);
      return Promise.resolve(this.#pick(pool, policy, resource));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What most calls ask for, in numbers. */
  #pick(pool: string, policy: PoolPolicy, resource: string): Picked | Exhausted {
    const numbers = this.#numbers;
    numbers[0] = this.#now();
    this.#operations.pick(pool, resource);
    const credential = policy.credentials[numberAt(numbers, 0)];
    if (credential === undefined) {
      return {
        exhausted: true,
        resetsAtMs: numberAt(numbers, 1),
        limited: numberAt(numbers, 2),
        invalid: numberAt(numbers, 3),
      };
    }
    const left = numberAt(numbers, 2);
    return {
      fingerprint: credential.fingerprint,
      pickedAtMs: numberAt(numbers, 1),
      left: left < 0 ? null : left,
      resetsAtMs: numberAt(numbers, 3),
    };
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
