/** Where the state of the tokens lives. Only fingerprints get there, never tokens; `sealed` is ciphertext. */

/** What a client says of one pool with each call. The same object as long as nothing in it changes. */
export interface PoolPolicy {
  readonly credentials: ReadonlyArray<{
    readonly fingerprint: string;
    readonly account: string;
    readonly weight: number;
  }>;
  /** What is never taken of a quota: a number of requests, or millionths of the limit. */
  readonly reserve: { readonly requests: number } | { readonly sharePpm: number };
  readonly cooldownMs: number;
  readonly cooldownMaxMs: number;
  /** A request that is not reported for so long has ended. */
  readonly requestTtlMs: number;
}

/** A token was taken for one request. */
export interface Picked {
  fingerprint: string;
  /** By the store's clock; it comes back with the report. */
  pickedAtMs: number;
  /** Requests that may follow before the reserve is touched; `null` when nothing is known. */
  left: number | null;
  /** 0 when nothing is known. */
  resetsAtMs: number;
}

/** No token can be used now. */
export interface Exhausted {
  exhausted: true;
  /** When the first can; 0 when none ever will. */
  resetsAtMs: number;
  limited: number;
  invalid: number;
}

/** How a request went. */
export interface Answered {
  kind: 'served' | 'spent' | 'secondary' | 'unauthorized';
  reading?: {
    limit?: number;
    remaining: number;
    resetInMs: number;
    /** How long ago the request left, where no token was picked for it. Unknown unless told. */
    ageMs?: number;
  };
  retryAfterMs?: number;
}

/** What is known of one token. */
export interface PoolView {
  fingerprint: string;
  account: string;
  isValid: boolean;
  resources: Array<{
    resource: string;
    /** 0: it was never told. */
    limit: number;
    left: number;
    /** 0: it was never told. */
    resetsAtMs: number;
    /** 0: it does not rest. */
    pausedUntilMs: number;
    underWay: number;
  }>;
}

/** Answers by promise; the embedded one is synchronous underneath. */
export interface PoolBackend {
  /** Takes a token for one request. Rejects with the reason of `signal`. */
  pick(
    pool: string,
    policy: PoolPolicy,
    resource: string,
    except: string[],
    signal?: AbortSignal,
  ): Promise<Picked | Exhausted>;
  /** How a request went. `pickedAtMs` 0: no token was picked for it. */
  report(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
    answered: Answered,
  ): Promise<void>;
  /** The request was never sent. */
  giveBack(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
  ): Promise<void>;
  setValid(pool: string, policy: PoolPolicy, fingerprint: string, valid: boolean): Promise<void>;
  /** Tokens that can be used now. */
  count(pool: string, policy: PoolPolicy, resource: string): Promise<number>;
  /** In the order of the policy. */
  view(pool: string, policy: PoolPolicy): Promise<PoolView[]>;
  keep(pool: string, policy: PoolPolicy, fingerprint: string, account: string, sealed: string): Promise<void>;
  kept(
    pool: string,
    policy: PoolPolicy,
  ): Promise<Array<{ fingerprint: string; account: string; sealed: string }>>;
  drop(pool: string, policy: PoolPolicy, fingerprint: string): Promise<void>;
  /** The store's clock, milliseconds since the epoch. */
  now(): Promise<number> | number;
  ready(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  close(timeoutMs: number): Promise<void>;
}
