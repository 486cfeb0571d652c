import { ProviderError } from '../errors';
import {
  type CallOptions,
  type ClientCredential,
  type ClientOptions,
  ProviderClient,
  pagesOf,
} from './client';
import { ownerPath } from './owner';
import { nextLink } from './pages';
import { date, member, type Repository, text, whole } from './repository';

/**
 * The read calls of GitLab. It has no call that tells limits: `getRateLimit` asks for the user, which costs one
 * request, and reads the headers, which an instance may leave out.
 *
 * @example
 * ```ts
 * const gitlab = new GitLabClient({ token }, { baseUrl: 'https://gitlab.example.com/api/v4' });
 * const projects = await gitlab.fetchRepositories('gitlab-org');
 * ```
 */
export class GitLabClient extends ProviderClient {
  constructor(credential: ClientCredential, options: ClientOptions = {}) {
    super('gitlab', credential, options);
  }

  /** The projects of a user or, when there is none of that name, of a group; all pages. */
  async fetchRepositories(owner: string, options: CallOptions = {}): Promise<Repository[]> {
    const name = ownerPath(owner);
    try {
      return await this.#all(`users/${name}/projects`, options);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.status !== 404) throw error;
      return this.#all(`groups/${name}/projects`, options);
    }
  }

  #all(path: string, options: CallOptions): Promise<Repository[]> {
    const first = `${path}?per_page=100`;
    const next = (_body: unknown, headers: Headers) => nextPath(headers, first);
    return pagesOf(this, first, { list: body => body, read, next }, options);
  }
}

/** `x-next-page` is empty on the last page; keyset pages have a `Link` only. */
function nextPath(headers: Headers, first: string): string | undefined {
  const next = headers.get('x-next-page') ?? '';
  return /^\d+$/.test(next) ? `${first}&page=${next}` : nextLink(headers.get('link'));
}

function read(of: Record<string, unknown>): Repository {
  const fullName = text(of.path_with_namespace) ?? '';
  return {
    provider: 'gitlab',
    owner:
      text(member(of, 'namespace', 'full_path')) ?? fullName.slice(0, Math.max(0, fullName.lastIndexOf('/'))),
    name: text(of.path) ?? '',
    fullName,
    description: text(of.description),
    url: text(of.web_url),
    cloneUrl: text(of.http_url_to_repo),
    defaultBranch: text(of.default_branch),
    language: null,
    visibility: of.visibility === 'private' || of.visibility === 'internal' ? of.visibility : 'public',
    isFork: typeof of.forked_from_project === 'object' && of.forked_from_project !== null,
    stars: whole(of.star_count),
    forks: whole(of.forks_count),
    createdAt: date(of.created_at),
    updatedAt: date(of.last_activity_at),
  };
}
