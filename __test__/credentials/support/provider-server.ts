/** A server that answers as GitHub, GitLab and Bitbucket document it, and knows what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOST } from '../../support/system';

export interface Quota {
  limit: number;
  used: number;
  /** By the server's clock. */
  resetsAtMs: number;
  windowMs: number;
}

export interface Asked {
  token: string | undefined;
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  status: number;
  /** Sent although an answer had said that nothing was left, and before the reset that it told. */
  onSpent: boolean;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Answers later than those that were asked afterwards. */
  delayMs?: number;
  /** Closes the connection instead. */
  hangUp?: boolean;
}

export type Provider = 'github' | 'gitlab' | 'bitbucket';

const REPOSITORIES = 250;

export class ProviderServer {
  readonly asked: Asked[] = [];
  /** Quotas by token and resource; a token that is not here is refused with 401. */
  readonly quotas = new Map<string, Map<string, Quota>>();
  /** Whose quotas are one: token to the token that counts. */
  readonly sameUser = new Map<string, string>();
  /** Comes before the usual answer; `undefined` leaves it to that. */
  intercept: (asked: Asked, number: number) => Answer | undefined = () => undefined;
  url = '';
  readonly #provider: Provider;
  readonly #spentUntil = new Map<string, number>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  constructor(provider: Provider) {
    this.#provider = provider;
  }

  async start(): Promise<this> {
    await new Promise<void>(resolve => this.#server.listen(0, HOST, resolve));
    this.url = `http://${HOST}:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  allow(token: string, limit: number, { resource = 'core', windowMs = 3_600_000 } = {}): this {
    const quotas = this.quotas.get(token) ?? new Map<string, Quota>();
    this.quotas.set(token, quotas);
    // Providers tell whole seconds.
    const resetsAtMs = Math.ceil((Date.now() + windowMs) / 1000) * 1000;
    quotas.set(resource, { limit, used: 0, resetsAtMs, windowMs });
    return this;
  }

  /** The tokens in the order they were asked with. */
  tokens(): Array<string | undefined> {
    return this.asked.map(({ token }) => token);
  }

  /** Requests on tokens that were known to be spent, as `token path`. */
  onSpent(): string[] {
    return this.asked.filter(({ onSpent }) => onSpent).map(({ token, path }) => `${token} ${path}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { headers, method = '', url: path = '' } = request;
    const asked: Asked = { token: tokenOf(headers), method, path, headers, body, status: 0, onSpent: false };
    const resource = this.#resourceOf(path);
    const counted = this.sameUser.get(asked.token ?? '') ?? asked.token ?? '';
    const isFree = this.#provider === 'github' && path.endsWith('/rate_limit');
    asked.onSpent = !isFree && Date.now() < (this.#spentUntil.get(`${counted} ${resource}`) ?? 0);
    const answer = this.intercept(asked, this.asked.length) ?? this.#usual(counted, resource, path, isFree);
    this.asked.push(asked);
    asked.status = answer.status ?? 200;
    if (answer.delayMs) await sleep(answer.delayMs);
    if (answer.hangUp) {
      request.socket.destroy();
      return;
    }
    // From now on the caller can know.
    this.#remember(`${counted} ${answer.headers?.['x-ratelimit-resource'] ?? resource}`, answer);
    response.writeHead(asked.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  #remember(key: string, { headers = {}, status = 200 }: Answer): void {
    const remaining = headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining'];
    const reset = Number(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset']) * 1000;
    const retry = Date.now() + Number(headers['retry-after']) * 1000;
    const until =
      status === 429 || status === 403 ? Math.max(retry || 0, remaining === '0' ? reset : 0) : reset;
    if (remaining === '0' || (status >= 400 && headers['retry-after'])) this.#spentUntil.set(key, until);
  }

  #resourceOf(path: string): string {
    if (this.#provider !== 'github') return 'core';
    return path.startsWith('/search') ? 'search' : path.startsWith('/graphql') ? 'graphql' : 'core';
  }

  #usual(token: string, resource: string, path: string, isFree: boolean): Answer {
    const quotas = this.quotas.get(token);
    if (quotas === undefined) return { status: 401, body: { message: 'Bad credentials' } };
    if (isFree) return this.#limits(quotas);
    const quota = quotas.get(resource) as Quota;
    if (Date.now() >= quota.resetsAtMs) {
      quota.used = 0;
      quota.resetsAtMs = Math.ceil((Date.now() + quota.windowMs) / 1000) * 1000;
    }
    const isSpent = quota.used >= quota.limit;
    if (!isSpent) quota.used += 1;
    const headers = this.headers(quota, resource);
    if (!isSpent) return { ...this.#page(path), headers: { ...headers, ...this.#page(path).headers } };
    if (this.#provider === 'github') {
      return { status: 403, headers, body: { message: 'API rate limit exceeded for user ID 1.' } };
    }
    const seconds = Math.max(1, Math.ceil((quota.resetsAtMs - Date.now()) / 1000));
    return {
      status: 429,
      headers: { ...headers, 'retry-after': String(seconds) },
      body: { message: 'Too many' },
    };
  }

  /** What it tells with each answer. */
  headers({ limit, used, resetsAtMs }: Quota, resource: string): Record<string, string> {
    const remaining = String(limit - used);
    const reset = String(resetsAtMs / 1000);
    if (this.#provider === 'gitlab') {
      return {
        'ratelimit-limit': String(limit),
        'ratelimit-observed': String(used),
        'ratelimit-remaining': remaining,
        'ratelimit-reset': reset,
      };
    }
    if (this.#provider === 'bitbucket') {
      const nearLimit = String(limit - used < limit / 5);
      return {
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-nearlimit': nearLimit,
        'x-ratelimit-resource': 'api-any',
      };
    }
    return {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-used': String(used),
      'x-ratelimit-reset': reset,
      'x-ratelimit-resource': resource,
    };
  }

  #limits(quotas: Map<string, Quota>): Answer {
    const resources = Object.fromEntries(
      [...quotas].map(([name, { limit, used, resetsAtMs }]) => [
        name,
        { limit, used, remaining: limit - used, reset: resetsAtMs / 1000 },
      ]),
    );
    return { body: { resources, rate: resources.core } };
  }

  /** Pages as each provider has them. */
  #page(path: string): Answer {
    const url = new URL(path, this.url);
    const size = Number(url.searchParams.get('per_page') ?? url.searchParams.get('pagelen') ?? 30);
    const page = Number(url.searchParams.get('page') ?? 1);
    const names = Array.from({ length: REPOSITORIES }, (_, index) => `repository-${index + 1}`);
    const here = names.slice((page - 1) * size, page * size);
    const hasNext = page * size < REPOSITORIES;
    url.searchParams.set('page', String(page + 1));
    if (/^\/users\/[^/]+\/repos/.test(path)) {
      const link = `<${url.href}>; rel="next", <${this.url}/last>; rel="last"`;
      return { headers: hasNext ? { link } : {}, body: here.map(github) };
    }
    if (/\/projects/.test(path)) {
      if (path.startsWith('/users/some-group/'))
        return { status: 404, body: { message: '404 User Not Found' } };
      return { headers: { 'x-next-page': hasNext ? String(page + 1) : '' }, body: here.map(gitlab) };
    }
    if (path.startsWith('/repositories/')) {
      return { body: { values: here.map(bitbucket), ...(hasNext ? { next: url.href } : {}) } };
    }
    return { body: { path } };
  }
}

function tokenOf(headers: IncomingMessage['headers']): string | undefined {
  const given = headers.authorization?.replace(/^(Bearer|token) /i, '') ?? headers['private-token'];
  return given === undefined ? undefined : String(given);
}

const github = (name: string) => ({
  ...{ name, full_name: `octocat/${name}`, owner: { login: 'octocat' }, private: false, fork: false },
  ...{
    description: 'One',
    html_url: `https://github.com/octocat/${name}`,
    clone_url: `https://github.com/octocat/${name}.git`,
  },
  ...{ default_branch: 'main', language: 'Rust', stargazers_count: 3, forks_count: 1, visibility: 'public' },
  ...{ created_at: '2020-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' },
});

const gitlab = (path: string) => ({
  ...{
    path,
    path_with_namespace: `group/sub/${path}`,
    namespace: { full_path: 'group/sub' },
    visibility: 'internal',
  },
  ...{
    description: null,
    web_url: `https://gitlab.com/group/sub/${path}`,
    http_url_to_repo: `https://gitlab.com/group/sub/${path}.git`,
  },
  ...{ default_branch: 'main', star_count: 4, forks_count: 2, forked_from_project: { id: 1 } },
  ...{ created_at: '2020-01-01T00:00:00.000Z', last_activity_at: '2026-01-01T00:00:00.000Z' },
});

const bitbucket = (slug: string) => ({
  ...{ slug, name: slug, full_name: `workspace/${slug}`, workspace: { slug: 'workspace' }, is_private: true },
  ...{
    description: '',
    language: 'go',
    mainbranch: { name: 'trunk' },
    created_on: '2020-01-01T00:00:00+00:00',
  },
  updated_on: '2026-01-01T00:00:00+00:00',
  links: {
    html: { href: `https://bitbucket.org/workspace/${slug}` },
    clone: [
      { name: 'ssh', href: 'git@bitbucket.org' },
      { name: 'https', href: `https://bitbucket.org/workspace/${slug}.git` },
    ],
  },
});
