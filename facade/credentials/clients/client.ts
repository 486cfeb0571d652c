import { asConfig } from '../../config/store';
import { TokenBudgetError } from '../../errors';
import * as check from '../../validate';
import { objectAt, onlyNames, refused, signalAt } from '../check';
import { ProviderError } from '../errors';
import { limitsOf, type TokenRateLimit } from '../limits';
import { partsOf, TokenManager } from '../manager';
import { readBaseUrl } from '../options';
import { jsonOf, listOf, shownPath } from './body';
import { PAGES_MAX, type Paging } from './pages';
import type { Repository } from './repository';

/** One token, or a manager that chooses. */
export type ClientCredential = { token: string } | { manager: TokenManager };

export interface ClientOptions {
  /** Where the provider is, such as `https://github.example.com/api/v3`. A manager knows it itself. */
  baseUrl?: string;
  /** Sends requests. Default: the global `fetch`. A manager has its own. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/** All pages, in order, for the classes below; `path` is below the base URL. */
export let pagesOf: (
  client: ProviderClient,
  path: string,
  paging: Paging,
  options: CallOptions,
) => Promise<Repository[]>;

/** What the clients have in common: a manager, perhaps of one token, that sends their requests. */
export abstract class ProviderClient {
  readonly provider: string;
  readonly #manager: TokenManager;
  readonly #accept: Readonly<Record<string, string>>;

  static {
    pagesOf = (client, path, paging, options) => client.#pages(path, paging, options);
  }

  /** Throws `INVALID_CONFIG`, naming the field; no message quotes the token. */
  constructor(
    provider: string,
    credential: ClientCredential,
    options: ClientOptions,
    accept: Readonly<Record<string, string>> = { accept: 'application/json' },
  ) {
    this.provider = provider;
    this.#accept = accept;
    this.#manager = asConfig(() => managerOf(provider, credential, objectAt(options, 'options')));
  }

  /**
   * What is left of the token as the provider says; with a manager: of the first token that is valid (see
   * `TokenManager.checkRateLimits` for all). A token that rests is not asked for: then it is what is known.
   */
  async getRateLimit(options: CallOptions = {}): Promise<TokenRateLimit> {
    const signal = readCall(options);
    const { pool, sender } = await partsOf(this.#manager, this.provider);
    const views = new Map((await pool.view()).map(view => [view.fingerprint, view]));
    const credentials = pool.all();
    const first = credentials.find(({ fingerprint }) => views.get(fingerprint)?.isValid !== false);
    const asked = first ?? credentials[0];
    if (asked === undefined) throw pool.exhaustedError({ exhausted: true, ...NONE });
    const limits = await limitsOf(pool, sender, asked, views.get(asked.fingerprint), signal);
    if (limits.error !== undefined) throw limits.error;
    return limits;
  }

  async #pages(path: string, paging: Paging, options: CallOptions): Promise<Repository[]> {
    const signal = readCall(options);
    const found: Repository[] = [];
    let next: string | undefined = path;
    for (let page = 0; next !== undefined; page++) {
      if (page === PAGES_MAX) throw new ProviderError(`More than ${PAGES_MAX} pages`, this.provider);
      const response: Response = await this.#get(next, signal);
      const body = await jsonOf(response, this.provider, next, signal);
      for (const item of listOf(paging.list(body), response, this.provider, next)) {
        found.push(paging.read(item));
      }
      next = paging.next(body, response.headers);
    }
    return found;
  }

  async #get(path: string, signal: AbortSignal | undefined): Promise<Response> {
    const response = await this.#manager.fetch(path, {
      provider: this.provider,
      headers: this.#accept,
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.ok) return response;
    void response.body?.cancel().catch(() => {});
    const message = `GET ${shownPath(path)} was answered with ${response.status}`;
    throw new ProviderError(message, this.provider, response.status);
  }
}

const CALL_NAMES: ReadonlySet<string> = new Set<keyof CallOptions>(['signal']);
const OPTION_NAMES: ReadonlySet<string> = new Set<keyof ClientOptions>(['baseUrl', 'fetch']);
const CREDENTIAL_NAMES: ReadonlySet<string> = new Set(['token', 'manager']);

function readCall(options: CallOptions): AbortSignal | undefined {
  onlyNames(objectAt(options, 'options'), 'options', CALL_NAMES);
  return signalAt(options);
}

const NONE = { resetsAtMs: 0, limited: 0, invalid: 0 };

function managerOf(provider: string, credential: unknown, options: object): TokenManager {
  const given = objectAt(credential, 'credential');
  onlyNames(given, 'credential', CREDENTIAL_NAMES);
  // One that is misspelled, such as `baseURL`, would send the token to another host.
  onlyNames(options, 'options', OPTION_NAMES);
  const manager = check.own(given, 'manager', 'credential');
  const baseUrl = check.own(options, 'baseUrl', 'options');
  const send = check.own(options, 'fetch', 'options');
  if (manager !== undefined) {
    if (!(manager instanceof TokenManager)) throw refused('credential.manager', 'a TokenManager', manager);
    const at = baseUrl !== undefined ? 'options.baseUrl' : send !== undefined ? 'options.fetch' : undefined;
    if (at !== undefined) {
      const message = `${at}: expected nothing beside a manager, which has its own`;
      throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
    }
    return manager;
  }
  const token = check.own(given, 'token', 'credential');
  if (typeof token !== 'string') throw refused('credential.token', 'a token as a string', token);
  return new TokenManager([token], {
    provider,
    // Who has one token spends all of it.
    reserve: 0,
    ...(baseUrl === undefined
      ? {}
      : { baseUrls: { [provider]: readBaseUrl(baseUrl, 'options.baseUrl').href } }),
    ...(send === undefined ? {} : { fetch: send as typeof fetch }),
  });
}
