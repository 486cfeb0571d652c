import { TokenBudgetError } from '../errors';
import * as check from '../validate';
import { booleanAt, refused, wordAt } from './check';
import type { ManagerSettings } from './options';
import type { Pool, Pools } from './pool';
import { defaultBaseUrl, profileOf, resourceOf } from './profiles';
import { isOnce, nextRequest, type OutgoingRequest, readRequest } from './request';
import { discard, rotate } from './rotation';
import { withoutToken } from './scrub';
import { answered } from './surroundings';

/** What `manager.fetch` takes beside what `fetch` takes. */
export interface TokenFetchInit extends RequestInit {
  /** Default: the one whose base URL the address belongs to. */
  provider?: string;
  /** The quota that is asked for. Default: as the address tells for GitHub, else `core`. */
  resource?: string;
  /** Whether to wait for the earliest reset when every token is limited. Default: as the manager does. */
  waitForReset?: boolean;
}

/** As many as browsers follow. */
const REDIRECTS_MAX = 20;

/** Requests with the tokens of one manager. */
export class Sender {
  readonly #pools: Pools;
  readonly #settings: ManagerSettings;

  constructor(pools: Pools, settings: ManagerSettings) {
    this.#pools = pools;
    this.#settings = settings;
  }

  /** The address of a provider, with a slash at its end. */
  baseUrl(provider: string, at: string): URL {
    const base = this.#knownBaseUrl(provider);
    if (base === undefined) throw refused(at, 'a provider whose address is in baseUrls', provider);
    return base;
  }

  async fetch(
    input: Parameters<typeof fetch>[0],
    init: TokenFetchInit,
    prepare: (pool: Pool) => Promise<void> | undefined,
  ): Promise<Response> {
    const named = check.own(init, 'provider', 'init');
    const fallback = named === undefined ? this.#settings.provider : wordAt(named, 'init.provider');
    let request = readRequest(input, init, () => this.baseUrl(fallback, 'init.provider'));
    const pool = named === undefined ? this.#poolOf(request.url) : this.#pools.get(fallback, 'init.provider');
    const base = this.baseUrl(pool.provider, 'init.provider');
    if (request.url.origin !== base.origin) {
      throw refused('input', `an address of ${base.origin}, where ${pool.provider} is`, input);
    }
    const resource = check.own(init, 'resource', 'init');
    const waitForReset = check.own(init, 'waitForReset', 'init');
    const plan = {
      resource: resource === undefined ? undefined : wordAt(resource, 'init.resource'),
      waitForReset:
        waitForReset === undefined
          ? this.#settings.waitForReset
          : booleanAt(waitForReset, 'init.waitForReset'),
    };
    await prepare(pool);
    for (let redirects = 0; ; redirects++) {
      const isOurs = request.url.origin === base.origin && !request.leftOrigin;
      pool.closing.throwIfClosed();
      const response = isOurs
        ? await this.#sendWithToken(pool, request, base, plan)
        : await this.#settings.send(request.url.href, initOf(request, request.headers));
      const followed = nextRequest(request, response, this.#headerOf(pool.provider).name);
      if (followed === undefined) return response;
      if (redirects === REDIRECTS_MAX) throw new TypeError('fetch failed: too many redirects');
      discard(response);
      request = followed;
    }
  }

  /** One request without rotation, on a token of the caller's choice; redirects are not followed. */
  async sendOn(provider: string, url: URL, token: string, signal?: AbortSignal): Promise<Response> {
    const request: OutgoingRequest = {
      ...{ url, method: 'GET', headers: new Headers(), body: undefined, isOnce: false, leftOrigin: false },
      ...{ redirect: 'manual', signal, more: {} },
    };
    return this.#send(provider, request, token);
  }

  #knownBaseUrl(provider: string): URL | undefined {
    return this.#settings.baseUrls.get(provider) ?? defaultBaseUrl(provider);
  }

  /** By origin, the longest matching path first. */
  #poolOf(url: URL): Pool {
    let best: { pool: Pool; length: number } | undefined;
    for (const pool of this.#pools.all()) {
      const base = pool.baseUrl;
      if (base?.origin !== url.origin) continue;
      const length = url.pathname.startsWith(base.pathname) ? base.pathname.length : 0;
      if (best === undefined || length > best.length) best = { pool, length };
    }
    if (best === undefined) throw refused('input', 'an address of a provider that has tokens', url);
    return best.pool;
  }

  #sendWithToken(
    pool: Pool,
    request: OutgoingRequest,
    base: URL,
    plan: { resource: string | undefined; waitForReset: boolean },
  ): Promise<Response> {
    const { pathname } = request.url;
    const path = pathname.startsWith(base.pathname) ? pathname.slice(base.pathname.length) : pathname;
    const resource = plan.resource ?? resourceOf(pool.provider, path);
    return rotate(
      pool,
      { resource, waitForReset: plan.waitForReset, signal: request.signal },
      (token, { attempt }) => {
        if (attempt > 0 && isOnce(request)) throw new BodyIsGone();
        return this.#send(pool.provider, request, token);
      },
      { isUnsent },
    );
  }

  async #send(provider: string, request: OutgoingRequest, token: string): Promise<Response> {
    const headers = new Headers(request.headers);
    const { name, prefix = '' } = this.#headerOf(provider);
    headers.set(name, `${prefix}${token}`);
    try {
      const response = await this.#settings.send(request.url.href, initOf(request, headers));
      answered(token, response);
      return response;
    } catch (error) {
      // The caller's own reason stays what it is.
      if (request.signal?.aborted && error === request.signal.reason) throw error;
      throw withoutToken(error, [token], provider);
    }
  }

  #headerOf(provider: string) {
    return this.#settings.headers.get(provider) ?? profileOf(provider).header;
  }
}

function initOf(request: OutgoingRequest, headers: Headers): RequestInit {
  const { method, body, signal, more } = request;
  return {
    ...more,
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
    ...(isOnce(request) ? { duplex: 'half' } : {}),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** The body was a stream, and another token was to be tried. */
class BodyIsGone extends TokenBudgetError {
  constructor() {
    super('INVALID_ARGUMENT', 'init.body: expected a body that can be sent again, got a stream', {
      field: 'init.body',
    });
  }
}

/** Codes of Node.js and undici for connections that were never made. */
const UNSENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function isUnsent(error: unknown): boolean {
  if (error instanceof BodyIsGone) return true;
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return UNSENT.has(code) || UNSENT.has(cause?.code);
}
