import type {
  Answered,
  Exhausted,
  Picked,
  PoolBackend,
  PoolPolicy,
  PoolView,
} from '../credentials/pool-backend';
import { TokenBudgetError } from '../errors';
import { toJson } from '../json';

export type Operation = Parameters<typeof toJson>[0];

/** Longer ago than any clock reaches back: the store takes such a reading for the oldest. */
const UNKNOWN_AGE_MS = Number.MAX_SAFE_INTEGER;

/** What the store answers, as `src/domain/credentials/operation.rs` names it. */
export type PoolOutcome =
  | {
      is: 'picked';
      with: { fingerprint: string; pickedAtMs: number; left: number | null; resetsAtMs: number };
    }
  | { is: 'exhausted'; with: { resetsAtMs: number; limited: number; invalid: number } }
  | { is: 'done'; with: boolean }
  | { is: 'count'; with: number }
  | { is: 'view'; with: WireToken[] }
  | { is: 'kept'; with: Array<[fingerprint: string, account: string, sealed: string]> };

interface WireToken {
  fingerprint: string;
  account: string;
  isValid: boolean;
  resources: Array<{
    resource: string;
    quota: { limit: number; left: number; resetsAtMs: number };
    pausedUntilMs: number;
    underWay: number;
  }>;
}

/** Turns what is asked of pools into operations; where they go is up to whoever extends it. */
export abstract class PoolOperations implements PoolBackend {
  /** The policy each pool was told last. */
  readonly #told = new Map<string, PoolPolicy>();

  /** Says what is to be known of a pool from now on. */
  protected abstract configure(pool: string, policyJson: string): void;
  /** `undefined`: the store is away, and the report is kept until it is back. */
  protected abstract send(
    pool: string,
    operationJson: string,
    signal?: AbortSignal,
  ): Promise<PoolOutcome | undefined>;

  abstract now(): number;
  abstract ready(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  abstract close(timeoutMs: number): Promise<void>;

  async pick(
    pool: string,
    policy: PoolPolicy,
    resource: string,
    except: string[],
    signal?: AbortSignal,
  ): Promise<Picked | Exhausted> {
    const outcome = await this.#ask(pool, policy, { is: 'pick', with: { resource, except } }, signal);
    if (outcome?.is === 'picked') return outcome.with;
    const { with: exhausted } = expected(outcome, 'exhausted');
    return { exhausted: true, ...exhausted };
  }

  async report(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
    { kind, reading, retryAfterMs }: Answered,
  ): Promise<void> {
    const result = {
      kind,
      reading:
        reading === undefined
          ? null
          : {
              limit: reading.limit ?? null,
              remaining: reading.remaining,
              resetsAtMs: reading.resetInMs,
              sentAtMs: reading.ageMs ?? UNKNOWN_AGE_MS,
            },
      retryAfterMs: retryAfterMs ?? null,
      jitter: Math.floor(Math.random() * 1001),
    };
    await this.#ask(pool, policy, { is: 'report', with: { fingerprint, resource, pickedAtMs, result } });
  }

  async giveBack(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
  ): Promise<void> {
    await this.#ask(pool, policy, { is: 'return', with: { fingerprint, resource, pickedAtMs } });
  }

  async setValid(pool: string, policy: PoolPolicy, fingerprint: string, valid: boolean): Promise<void> {
    await this.#ask(pool, policy, { is: 'setValid', with: { fingerprint, valid } });
  }

  async count(pool: string, policy: PoolPolicy, resource: string): Promise<number> {
    return expected(await this.#ask(pool, policy, { is: 'count', with: { resource } }), 'count').with;
  }

  async view(pool: string, policy: PoolPolicy): Promise<PoolView[]> {
    const { with: tokens } = expected(await this.#ask(pool, policy, { is: 'view' }), 'view');
    return tokens.map(({ fingerprint, account, isValid, resources }) => ({
      fingerprint,
      account,
      isValid,
      resources: resources.map(({ resource, quota, pausedUntilMs, underWay }) => ({
        resource,
        limit: quota.limit,
        left: quota.left,
        resetsAtMs: quota.resetsAtMs,
        pausedUntilMs,
        underWay,
      })),
    }));
  }

  async keep(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    account: string,
    sealed: string,
  ): Promise<void> {
    const outcome = await this.#ask(pool, policy, { is: 'keep', with: { fingerprint, account, sealed } });
    if (outcome?.is === 'done' && !outcome.with) {
      throw new TokenBudgetError(
        'STORE_UNAVAILABLE',
        'The store keeps as many tokens of this pool as it can: 10,000',
      );
    }
  }

  async kept(
    pool: string,
    policy: PoolPolicy,
  ): Promise<Array<{ fingerprint: string; account: string; sealed: string }>> {
    const { with: kept } = expected(await this.#ask(pool, policy, { is: 'kept' }), 'kept');
    return kept.map(([fingerprint, account, sealed]) => ({ fingerprint, account, sealed }));
  }

  async drop(pool: string, policy: PoolPolicy, fingerprint: string): Promise<void> {
    await this.#ask(pool, policy, { is: 'drop', with: { fingerprint } });
  }

  /** Sees to it that the store knows the policy of a pool. */
  protected tell(pool: string, policy: PoolPolicy): void {
    if (this.#told.get(pool) === policy) return;
    this.configure(pool, policyJson(policy));
    this.#told.set(pool, policy);
  }

  #ask(
    pool: string,
    policy: PoolPolicy,
    operation: Operation,
    signal?: AbortSignal,
  ): Promise<PoolOutcome | undefined> {
    this.tell(pool, policy);
    return this.send(pool, toJson(operation), signal);
  }
}

function policyJson(policy: PoolPolicy): string {
  const { credentials, reserve, cooldownMs, cooldownMaxMs, requestTtlMs } = policy;
  return toJson({
    credentials: credentials.map(({ fingerprint, account, weight }) => ({ fingerprint, account, weight })),
    reserve:
      'requests' in reserve
        ? { is: 'requests', with: reserve.requests }
        : { is: 'sharePpm', with: reserve.sharePpm },
    cooldownMs,
    cooldownMaxMs,
    requestTtlMs,
  });
}

function expected<K extends PoolOutcome['is']>(
  outcome: PoolOutcome | undefined,
  kind: K,
): Extract<PoolOutcome, { is: K }> {
  if (outcome?.is === kind) return outcome as Extract<PoolOutcome, { is: K }>;
  throw new Error(`unexpected outcome: ${outcome?.is}`);
}
