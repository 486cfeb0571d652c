import { TokenBudgetError } from '../errors';
import { shortened } from '../text';
import type { PermitSettlement, RequestUsage } from '../types/rate-limit';

/** Nothing has happened then, and it can be tried again. */
const CAN_BE_MENDED: ReadonlySet<string> = new Set(['INVALID_ARGUMENT', 'STORE_UNAVAILABLE']);

/** Of a permit that nobody ended: it says neither that the provider served the request nor that it refused. */
const NOT_SETTLED = new Error('The permit was not settled');

/** Ends permits; the manager that granted them. */
export interface PermitIssuer {
  idOf(number: number): string;
  /** Throws what is wrong with `usage`. */
  settlePermit(
    permit: Permit,
    number: number,
    usage: RequestUsage,
  ): PermitSettlement | Promise<PermitSettlement>;
  cancelPermit(permit: Permit): Promise<boolean>;
}

/** What a permit is made of. */
export interface PermitDetails {
  /** Its id is made of it. */
  number: number;
  admittedAtMs: number;
  expiresAtMs: number;
  waitedMs: number;
  inputTokens: number;
  outputTokens: number;
  model: string | undefined;
  sessionId: string | undefined;
  isUnheld: boolean;
  grantedAtMs: number;
}

/**
 * Leave to make one request. End it with {@link Permit.settle} when the request was made, with
 * {@link Permit.cancel} when it was not; what `await using` finds not ended stays counted as estimated. A permit that nobody ends
 * expires after `permitTTL`, or when its process dies: what it took stays counted until it leaves its windows, for
 * its request may have been made.
 */
export class Permit {
  /** How long the request waited in the line. */
  readonly waitedMs: number;
  readonly inputTokens: number;
  /** The output tokens that were set aside. */
  readonly outputTokens: number;
  readonly model: string | undefined;
  readonly sessionId: string | undefined;
  /** The store was away, and `onStoreError` is `allow`: nothing is held. */
  readonly isUnheld: boolean;
  /** By this process's clock. */
  readonly grantedAtMs: number;
  readonly #issuer: PermitIssuer;
  readonly #number: number;
  readonly #admittedAtMs: number;
  readonly #expiresAtMs: number;
  #isEnded = false;

  /** Permits are made by {@link RateLimitManager.acquire}. */
  constructor(issuer: PermitIssuer, details: PermitDetails) {
    this.#issuer = issuer;
    this.#number = details.number;
    this.#admittedAtMs = details.admittedAtMs;
    this.#expiresAtMs = details.expiresAtMs;
    this.waitedMs = details.waitedMs;
    this.inputTokens = details.inputTokens;
    this.outputTokens = details.outputTokens;
    this.model = details.model;
    this.sessionId = details.sessionId;
    this.isUnheld = details.isUnheld;
    this.grantedAtMs = details.grantedAtMs;
  }

  // Made when somebody asks, which few do.

  /** Unique; another process can end the permit by it. */
  get id(): string {
    return this.#issuer.idOf(this.#number);
  }

  /** By the store's clock. */
  get admittedAt(): Date {
    return new Date(this.#admittedAtMs);
  }

  get expiresAt(): Date {
    return new Date(this.#expiresAtMs);
  }

  /** What `JSON.stringify` shows. */
  toJSON(): Record<string, unknown> {
    const { id, admittedAt, expiresAt, waitedMs, inputTokens, outputTokens, model, sessionId, isUnheld } =
      this;
    return { id, admittedAt, expiresAt, waitedMs, inputTokens, outputTokens, model, sessionId, isUnheld };
  }

  /** Whether it was settled or cancelled. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * The request was made. What it really used takes the place of the estimate; `headers`, `response` or `error`
   * tell what the provider says about its limits.
   *
   * Rejects with `PERMIT_NOT_FOUND` when it was ended here before; `known` is `false` when it was ended elsewhere.
   */
  settle(usage: RequestUsage): Promise<PermitSettlement> {
    try {
      this.#assertOpen();
      const settled = this.#issuer.settlePermit(this, this.#number, usage);
      if (settled instanceof Promise) return this.#end(settled);
      this.#isEnded = true;
      // For the compiler, as in `Admissions.acquire`.
      void settled.known;
      return Promise.resolve(settled);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The request was not made: everything it took is given back. `false`: the store did not know the permit. */
  async cancel(): Promise<boolean> {
    this.#assertOpen();
    return await this.#end(this.#issuer.cancelPermit(this));
  }

  /** For `await using`: what was not ended stays counted as estimated, for its request may have been made. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) return;
    const { inputTokens, outputTokens } = this;
    // Should that fail, the permit expires: what the block threw is what its caller has to hear of.
    await this.settle({ inputTokens, outputTokens, error: NOT_SETTLED }).catch(() => {});
  }

  async #end<T>(outcome: Promise<T>): Promise<T> {
    this.#isEnded = true;
    try {
      return await outcome;
    } catch (error) {
      if (error instanceof TokenBudgetError && CAN_BE_MENDED.has(error.code)) this.#isEnded = false;
      throw error;
    }
  }

  #assertOpen(): void {
    if (!this.#isEnded) return;
    throw new TokenBudgetError('PERMIT_NOT_FOUND', `The permit has ended already: ${shortened(this.id)}`);
  }
}
