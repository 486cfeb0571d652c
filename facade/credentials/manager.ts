import { openPools } from '../backend/open-pools';
import { TokenBudgetError } from '../errors';
import { Telling } from '../telling';
import { TypedEmitter } from '../typed-emitter';
import type { StoreEvents } from '../types/events';
import * as check from '../validate';
import { booleanAt, integerAt, objectAt, onlyNames, refused, signalAt, wordAt } from './check';
import { Closing } from './closing';
import { Sender, type TokenFetchInit } from './fetch';
import { Keeper } from './keeper';
import { leaseOf, TokenLease, takenOf } from './lease';
import { checkLimits, type TokenRateLimit } from './limits';
import type { TokenInput, TokenManagerOptions } from './options';
import { type ManagerSettings, readOptions, readToken, readTokens } from './options';
import { type Pool, Pools } from './pool';
import type { PoolBackend } from './pool-backend';
import { DEFAULT_RESOURCE } from './profiles';
import { type RotationContext, type RotationOptions, rotate } from './rotation';
import { TakenToken } from './taken';
import { type RateLimitUpdate, readUpdate } from './update';
import { find, type TokenReference, type TokenView, viewsOf } from './views';

const CLOSE_TIMEOUT_MS = 5000;
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What is asked of one quota. */
export interface ResourceOptions {
  /** Such as `core`, `search` or `graphql`. Default `core`. */
  resource?: string;
  signal?: AbortSignal;
}

const RESOURCE_NAMES: ReadonlySet<string> = new Set<keyof ResourceOptions>(['resource', 'signal']);
const ROTATION_NAMES: ReadonlySet<string> = new Set<keyof RotationOptions>([
  'resource',
  'signal',
  'waitForReset',
]);
const SIGNAL_NAMES: ReadonlySet<string> = new Set(['signal']);
const TIMEOUT_NAMES: ReadonlySet<string> = new Set(['timeout']);
const READY_NAMES: ReadonlySet<string> = new Set(['timeout', 'signal']);

/** What the clients work with; not for callers. */
export let partsOf: (manager: TokenManager, provider: string) => Promise<{ pool: Pool; sender: Sender }>;

/**
 * Many tokens as one: each request gets a token that is not spent, and stays on it until it is. What is known of
 * them lives in the store, so every process with the same `name` knows it. Tokens themselves never get there,
 * unless an `encryptionKey` is given.
 *
 * @example
 * ```ts
 * const manager = new TokenManager([process.env.GITHUB_TOKEN_1!, process.env.GITHUB_TOKEN_2!]);
 * const response = await manager.fetch('https://api.github.com/users/octocat/repos');
 * const issues = await manager.withRotation('github', token => listIssues(token));
 * ```
 */
export class TokenManager extends TypedEmitter<StoreEvents> {
  readonly #settings: ManagerSettings;
  readonly #backend: PoolBackend;
  readonly #pools: Pools;
  readonly #keeper: Keeper;
  readonly #sender: Sender;
  readonly #end = new Closing();
  #closing: Promise<void> | undefined;

  static {
    partsOf = async (manager, provider) => ({
      pool: await manager.#ready(provider),
      sender: manager.#sender,
    });
  }

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(tokens: ReadonlyArray<string | TokenInput>, options: TokenManagerOptions = {}) {
    super();
    this.#settings = readOptions(options);
    const credentials = readTokens(tokens, this.#settings.provider);
    if (credentials.length === 0 && this.#settings.encryptionKey === undefined) {
      throw new TokenBudgetError('INVALID_CONFIG', 'tokens: expected at least one token, got none', {
        field: 'tokens',
      });
    }
    this.#backend = openPools(this.#settings.store, new Telling<StoreEvents>(this));
    this.#pools = new Pools(this.#backend, this.#settings, this.#end);
    for (const credential of credentials) this.#pools.of(credential.provider).add(credential);
    this.#pools.of(this.#settings.provider);
    this.#keeper = new Keeper(this.#settings.encryptionKey);
    this.#sender = new Sender(this.#pools, this.#settings);
  }

  /**
   * A manager with the tokens that others keep in the store. It needs their `encryptionKey`; `providers` default
   * to `provider`.
   *
   * @example
   * ```ts
   * const manager = await TokenManager.open({
   *   redis: { url: process.env.REDIS_URL! },
   *   encryptionKey: process.env.TOKEN_KEY!,
   * });
   * ```
   */
  static async open(
    options: TokenManagerOptions & { encryptionKey: string | Uint8Array; providers?: readonly string[] },
  ): Promise<TokenManager> {
    const { providers, ...rest } = objectAt(options, 'options') as typeof options;
    if (rest.encryptionKey === undefined) {
      throw new TokenBudgetError('INVALID_CONFIG', 'encryptionKey: expected a key, got undefined', {
        field: 'encryptionKey',
      });
    }
    const manager = new TokenManager([], rest);
    try {
      for (const provider of providers ?? [manager.#settings.provider]) await manager.loadTokens(provider);
      return manager;
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  /**
   * A token for one request; tell how it went with `lease.settle(response)` or `updateRateLimit(lease, ...)`.
   * Rejects with a `RateLimitError` when all are limited, with an `AuthError` when none is valid.
   */
  async getNextAvailableToken(provider?: string, options: ResourceOptions = {}): Promise<TokenLease> {
    const { resource, signal } = this.#read(options);
    const pool = await this.#ready(provider);
    const picked = await pool.pick(resource, [], signal);
    if (picked instanceof TakenToken) {
      picked.lease();
      return leaseOf(picked);
    }
    throw pool.exhaustedError(picked);
  }

  /**
   * Runs `fn` with a token and, when the provider refuses for its limits or does not accept the token, with the
   * next one, until each was tried once. What `fn` returns or throws is looked at: a response, or an error that
   * tells its status and headers; answers to a client that is made with the token are seen as well. Any other
   * error passes through.
   *
   * Rejects with `RateLimitError('All tokens have exceeded rate limits')` when none is left, and sends nothing
   * then; with `waitForReset` it waits for the earliest reset instead.
   *
   * @example
   * ```ts
   * const repos = await manager.withRotation('github', token =>
   *   new GitHubClient({ token }).fetchRepositories('octocat'),
   * );
   * ```
   */
  withRotation<T>(
    fn: (token: string, context: RotationContext) => Promise<T> | T,
    options?: RotationOptions,
  ): Promise<T>;
  withRotation<T>(
    provider: string,
    fn: (token: string, context: RotationContext) => Promise<T> | T,
    options?: RotationOptions,
  ): Promise<T>;
  async withRotation<T>(first: unknown, second?: unknown, third?: unknown): Promise<T> {
    const isNamed = typeof first !== 'function';
    const [provider, fn, given] = isNamed ? [first, second, third] : [undefined, first, second];
    if (typeof fn !== 'function') throw refused('fn', 'a function', fn);
    const options = objectAt(given ?? {}, 'options');
    const waits = check.own(options, 'waitForReset', 'options');
    const plan = {
      ...this.#read(options, ROTATION_NAMES),
      waitForReset:
        waits === undefined ? this.#settings.waitForReset : booleanAt(waits, 'options.waitForReset'),
    };
    return rotate(await this.#ready(provider), plan, fn as (token: string) => Promise<T>);
  }

  /**
   * Like the global `fetch`, with a token of the provider whose base URL the address belongs to; a path alone is
   * taken below that of `init.provider`. Other addresses are refused, and a redirect to another host is followed
   * without the token. Refusals for limits and tokens that are not accepted never come back as a response:
   * see {@link TokenManager.withRotation}.
   *
   * A body that is a stream can be sent once: when another token has to be tried, the call rejects with
   * `INVALID_ARGUMENT` at `init.body`. It can be handed to an SDK that takes a `fetch`.
   */
  readonly fetch = async (
    input: Parameters<typeof fetch>[0],
    init: TokenFetchInit = {},
  ): Promise<Response> => {
    this.#assertOpen();
    return this.#sender.fetch(input, objectAt(init, 'init') as TokenFetchInit, pool =>
      this.#keeper.prepare(pool),
    );
  };

  /**
   * What the provider says is left of a token, in any order: an older answer never raises what is left before
   * the reset. With a lease it also ends that request.
   *
   * @example
   * ```ts
   * await manager.updateRateLimit(lease, { limit: 5000, remaining: 4999, reset: 1768395600 });
   * ```
   */
  async updateRateLimit(token: TokenReference, update: RateLimitUpdate): Promise<void> {
    const lease = token instanceof TokenLease ? token : undefined;
    // What is under way may be reported while `close` waits for it.
    if (lease === undefined) this.#assertOpen();
    const { pool, fingerprint } = find(this.#pools, token);
    const { resource, reading } = readUpdate(update, await pool.now());
    const answered = { kind: 'served' as const, ...(reading === undefined ? {} : { reading }) };
    const told = resource ?? lease?.resource ?? DEFAULT_RESOURCE;
    if (lease === undefined) await pool.report(fingerprint, told, 0, answered);
    else await takenOf(lease).conclude({ verdict: 'served', answered, resource: told });
  }

  /** The token is not used any more, as after a 401. */
  async markInvalid(token: TokenReference): Promise<void> {
    this.#assertOpen();
    const { pool, fingerprint } = find(this.#pools, token);
    await pool.setValid(fingerprint, false);
  }

  /** Undoes {@link TokenManager.markInvalid}. */
  async markValid(token: TokenReference): Promise<void> {
    this.#assertOpen();
    const { pool, fingerprint } = find(this.#pools, token);
    await pool.setValid(fingerprint, true);
  }

  /** What is known of each token; of every provider unless one is named. No view shows its token. */
  async getAllTokens(provider?: string): Promise<TokenView[]> {
    const pools = await this.#some(provider);
    return (await Promise.all(pools.map(viewsOf))).flat();
  }

  /** How many tokens could be used now. */
  async countAvailableTokens(provider?: string, options: ResourceOptions = {}): Promise<number> {
    const { resource } = this.#read(options);
    return (await this.#ready(provider)).count(resource);
  }

  /**
   * What is left of each token, as the provider says when it is asked; `formatRateLimits` prints it. A token that
   * rests is not asked for, and its answer is what is known (`source`). Errors are told per token.
   */
  async checkRateLimits(
    provider?: string,
    options: { signal?: AbortSignal } = {},
  ): Promise<TokenRateLimit[]> {
    onlyNames(objectAt(options, 'options'), 'options', SIGNAL_NAMES);
    const signal = signalAt(options);
    const found: TokenRateLimit[] = [];
    for (const pool of await this.#some(provider))
      found.push(...(await checkLimits(pool, this.#sender, signal)));
    return found;
  }

  /** Adds a token; `false` when it was there. With an `encryptionKey` it is kept for the others, too. */
  async addToken(token: string | TokenInput): Promise<boolean> {
    this.#assertOpen();
    const credential = readToken(token, 'token', this.#settings.provider);
    const pool = this.#pools.of(credential.provider);
    await this.#keeper.prepare(pool);
    if (pool.get(credential.fingerprint) !== undefined) return false;
    // Kept first: after a failure the next call tries all of it again.
    await this.#keeper.keep(pool, credential);
    return pool.add(credential);
  }

  /** Forgets a token, in the store as well. What others hold stays theirs. */
  async removeToken(token: TokenReference): Promise<void> {
    this.#assertOpen();
    const { pool, fingerprint } = find(this.#pools, token);
    await this.#keeper.drop(pool, fingerprint);
    pool.remove(fingerprint);
  }

  /** Adds the tokens that others keep in the store since; needs an `encryptionKey`. Returns how many were new. */
  async loadTokens(provider?: string): Promise<number> {
    this.#assertOpen();
    const name = provider === undefined ? this.#settings.provider : wordAt(provider, 'provider');
    return this.#keeper.load(this.#pools.of(name));
  }

  /** Resolves when the store is connected and, with an `encryptionKey`, keeps the tokens. */
  async ready(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<void> {
    this.#assertOpen();
    onlyNames(objectAt(options, 'options'), 'options', READY_NAMES);
    const signal = signalAt(options);
    const timeout = check.own(options, 'timeout', 'options');
    const timeoutMs =
      timeout === undefined
        ? this.#settings.connectTimeoutMs
        : integerAt(timeout, 'options.timeout', 1, TIMER_MAX_MS);
    await this.#backend.ready(timeoutMs, signal);
    await this.#some(undefined);
  }

  /**
   * Ends at once what waits, with `CLOSED`, and sends nothing from then on; gives the requests under way, leases
   * included, up to `timeout` (default 5,000 ms) to be answered and reported; then lets go of the store. A second
   * call returns the same promise; everything else rejects with `CLOSED`.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      onlyNames(objectAt(options, 'options'), 'options', TIMEOUT_NAMES);
      const timeout = check.own(options, 'timeout', 'options');
      const timeoutMs =
        timeout === undefined ? CLOSE_TIMEOUT_MS : integerAt(timeout, 'options.timeout', 0, TIMER_MAX_MS);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const beganMs = performance.now();
    this.#end.begin();
    await this.#end.idle(timeoutMs);
    const leftMs = timeoutMs - (performance.now() - beganMs);
    await this.#backend.close(Math.max(0, Math.floor(leftMs)));
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new TokenBudgetError('CLOSED', 'The token manager is closed');
  }

  /** The pool of a provider, its tokens kept if that is wanted. */
  async #ready(provider: unknown): Promise<Pool> {
    this.#assertOpen();
    const pool = this.#pools.get(
      provider === undefined ? this.#settings.provider : wordAt(provider, 'provider'),
    );
    await this.#keeper.prepare(pool);
    return pool;
  }

  /** The pools of all providers, or of one. */
  async #some(provider: unknown): Promise<Pool[]> {
    if (provider !== undefined) return [await this.#ready(provider)];
    this.#assertOpen();
    const pools = this.#pools.all();
    for (const pool of pools) await this.#keeper.prepare(pool);
    return pools;
  }

  #read(options: unknown, names = RESOURCE_NAMES): { resource: string; signal: AbortSignal | undefined } {
    const given = objectAt(options, 'options');
    onlyNames(given, 'options', names);
    const resource = check.own(given, 'resource', 'options');
    return {
      resource: resource === undefined ? DEFAULT_RESOURCE : wordAt(resource, 'options.resource'),
      signal: signalAt(given),
    };
  }
}
