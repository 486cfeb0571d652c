import { type InspectOptions, inspect } from 'node:util';
import type { TakenToken } from './taken';

/** What a lease stands for, and the other way round; not for callers. */
export let takenOf: (lease: TokenLease) => TakenToken;
export let leaseOf: (taken: TakenToken) => TokenLease;

/**
 * A token for one request. It does not show its token: that is no own property, so that neither JSON nor
 * `console.log` nor `structuredClone` finds it.
 *
 * Tell how the request went with {@link TokenLease.settle}; otherwise it counts as under way for `requestTTL`.
 *
 * @example
 * ```ts
 * const lease = await manager.getNextAvailableToken('github', { resource: 'search' });
 * const response = await fetch(url, { headers: { authorization: `Bearer ${lease.token}` } });
 * await lease.settle(response);
 * ```
 */
export class TokenLease {
  readonly provider: string;
  readonly account: string;
  readonly fingerprint: string;
  readonly resource: string;
  /** Requests that may follow before the reserve is touched; `null` when nothing is known yet. */
  readonly remaining: number | null;
  /** When the quota is whole again; `null` when nothing is known yet. */
  readonly resetsAt: Date | null;
  readonly #taken: TakenToken;

  static {
    takenOf = lease => lease.#taken;
    leaseOf = taken => new TokenLease(taken);
    // `getters: true` with `showHidden` would ask for the token.
    Object.defineProperty(TokenLease.prototype, inspect.custom, {
      value(this: TokenLease, _depth: number, options: InspectOptions): string {
        return `TokenLease ${inspect({ ...this }, { ...options, customInspect: true })}`;
      },
    });
  }

  private constructor(taken: TakenToken) {
    const { credential, resource, picked } = taken;
    this.provider = credential.provider;
    this.account = credential.account;
    this.fingerprint = credential.fingerprint;
    this.resource = resource;
    this.remaining = picked.left;
    this.resetsAt = picked.resetsAtMs > 0 ? new Date(picked.resetsAtMs) : null;
    this.#taken = taken;
  }

  /** The token itself. */
  get token(): string {
    return this.#taken.credential.secret.reveal();
  }

  /**
   * The request was sent. `answer`: the response, its headers, or the error it failed with; what it says of
   * limits is learned. Returns whether the provider refused for its limits or did not accept the token. Called
   * again it counts no second request.
   */
  async settle(answer?: unknown): Promise<'served' | 'limited' | 'unauthorized'> {
    const judgement = await this.#taken.judge(answer);
    await this.#taken.conclude(judgement);
    return judgement.verdict;
  }

  /** The request was never sent: gives it back. Does nothing after `settle`. */
  async cancel(): Promise<void> {
    await this.#taken.cancel();
  }
}
