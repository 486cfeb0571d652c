import { refused } from './check';
import type { Closing } from './closing';
import { AuthError, RateLimitError } from './errors';
import type { Credential, ManagerSettings } from './options';
import type { Answered, Exhausted, PoolBackend, PoolPolicy, PoolView } from './pool-backend';
import { defaultBaseUrl } from './profiles';
import { TakenToken } from './taken';

/** The tokens of one provider, and what the store knows of them. */
export class Pool {
  readonly provider: string;
  readonly closing: Closing;
  /** Where the provider is, with a slash at its end; `undefined` when nobody told. */
  readonly baseUrl: URL | undefined;
  readonly #backend: PoolBackend;
  readonly #settings: Omit<PoolPolicy, 'credentials'>;
  readonly #id: string;
  readonly #credentials = new Map<string, Credential>();
  #policy: PoolPolicy;

  constructor(provider: string, backend: PoolBackend, settings: ManagerSettings, closing: Closing) {
    const { name, policy, baseUrls } = settings;
    this.provider = provider;
    this.baseUrl = baseUrls.get(provider) ?? defaultBaseUrl(provider);
    this.closing = closing;
    this.#backend = backend;
    this.#settings = policy;
    // A provider has no slash.
    this.#id = `${provider}/${name}`;
    this.#policy = { ...policy, credentials: [] };
  }

  /** `false` when it was there. */
  add(credential: Credential): boolean {
    if (this.#credentials.has(credential.fingerprint)) return false;
    this.#credentials.set(credential.fingerprint, credential);
    this.#renew();
    return true;
  }

  remove(fingerprint: string): boolean {
    const was = this.#credentials.delete(fingerprint);
    if (was) this.#renew();
    return was;
  }

  /** No pause that nobody told is longer. */
  get longestPauseMs(): number {
    return this.#settings.cooldownMaxMs;
  }

  get size(): number {
    return this.#credentials.size;
  }

  all(): Credential[] {
    return [...this.#credentials.values()];
  }

  get(fingerprint: string): Credential | undefined {
    return this.#credentials.get(fingerprint);
  }

  /** A token for one request, or why there is none. Rejects with the reason of `signal`, or with `CLOSED`. */
  async pick(
    resource: string,
    except: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<TakenToken | Exhausted> {
    const picked = await this.closing.during(signal, either =>
      this.#backend.pick(this.#id, this.#policy, resource, [...except], either),
    );
    if ('exhausted' in picked) return picked;
    if (this.closing.isClosed) {
      await this.giveBack(picked.fingerprint, resource, picked.pickedAtMs).catch(() => {});
      this.closing.throwIfClosed();
    }
    const credential = this.#credentials.get(picked.fingerprint);
    // Removed while the store was asked.
    if (credential === undefined) {
      await this.giveBack(picked.fingerprint, resource, picked.pickedAtMs);
      return this.pick(resource, except, signal);
    }
    return new TakenToken(this, credential, resource, picked);
  }

  report(fingerprint: string, resource: string, pickedAtMs: number, answered: Answered): Promise<void> {
    return this.#backend.report(this.#id, this.#policy, fingerprint, resource, pickedAtMs, answered);
  }

  giveBack(fingerprint: string, resource: string, pickedAtMs: number): Promise<void> {
    return this.#backend.giveBack(this.#id, this.#policy, fingerprint, resource, pickedAtMs);
  }

  setValid(fingerprint: string, valid: boolean): Promise<void> {
    return this.#backend.setValid(this.#id, this.#policy, fingerprint, valid);
  }

  count(resource: string): Promise<number> {
    return this.#backend.count(this.#id, this.#policy, resource);
  }

  view(): Promise<PoolView[]> {
    return this.#backend.view(this.#id, this.#policy);
  }

  keep(credential: Credential, sealed: string): Promise<void> {
    const { fingerprint, account } = credential;
    return this.#backend.keep(this.#id, this.#policy, fingerprint, account, sealed);
  }

  kept(): ReturnType<PoolBackend['kept']> {
    return this.#backend.kept(this.#id, this.#policy);
  }

  drop(fingerprint: string): Promise<void> {
    return this.#backend.drop(this.#id, this.#policy, fingerprint);
  }

  now(): Promise<number> | number {
    return this.#backend.now();
  }

  /** What a call fails with that finds no token. `options.cause`: what was thrown on the last one. */
  exhaustedError(
    { limited, resetsAtMs }: Exhausted,
    options?: { cause: unknown },
  ): RateLimitError | AuthError {
    const { provider } = this;
    if (limited === 0 && resetsAtMs === 0) {
      const message =
        this.#credentials.size === 0 ? `No token for ${provider}` : `${provider} accepts none of the tokens`;
      return new AuthError(message, provider, undefined, options);
    }
    // A Date, for an injected clock may count from anywhere.
    const resetAt = resetsAtMs > 0 ? new Date(resetsAtMs) : null;
    return new RateLimitError('All tokens have exceeded rate limits', provider, resetAt, options);
  }

  #renew(): void {
    const credentials = this.all().map(({ fingerprint, account, weight }) => ({
      fingerprint,
      account,
      weight,
    }));
    this.#policy = { ...this.#settings, credentials };
  }
}

/** The pools of one manager. */
export class Pools {
  readonly #pools = new Map<string, Pool>();
  readonly #backend: PoolBackend;
  readonly #settings: ManagerSettings;
  readonly #closing: Closing;

  constructor(backend: PoolBackend, settings: ManagerSettings, closing: Closing) {
    this.#closing = closing;
    this.#backend = backend;
    this.#settings = settings;
  }

  /** That of a provider that has tokens. */
  get(provider: string, at = 'provider'): Pool {
    const pool = this.#pools.get(provider);
    if (pool === undefined) throw refused(at, `a provider with tokens: ${this.#names()}`, provider);
    return pool;
  }

  /** Makes it when there is none. */
  of(provider: string): Pool {
    const pool =
      this.#pools.get(provider) ?? new Pool(provider, this.#backend, this.#settings, this.#closing);
    this.#pools.set(provider, pool);
    return pool;
  }

  all(): Pool[] {
    return [...this.#pools.values()];
  }

  /** Every pool that has a token of this fingerprint; the provider is a part of what was hashed. */
  holding(fingerprint: string): Pool | undefined {
    return this.all().find(pool => pool.get(fingerprint) !== undefined);
  }

  #names(): string {
    return [...this.#pools.keys()].join(', ') || 'none';
  }
}
