import {
  type CallOptions,
  type ClientCredential,
  type ClientOptions,
  ProviderClient,
  pagesOf,
} from './client';
import { ownerPath } from './owner';
import { nextLink, type Paging } from './pages';
import { date, member, type Repository, text, whole } from './repository';

const ACCEPT = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' };

/**
 * The read calls of GitHub.
 *
 * @example
 * ```ts
 * const github = new GitHubClient({ token: process.env.GITHUB_TOKEN! });
 * const repositories = await github.fetchRepositories('octocat');
 * const { remaining, limit, resetTime } = await github.getRateLimit();
 * ```
 */
export class GitHubClient extends ProviderClient {
  constructor(credential: ClientCredential, options: ClientOptions = {}) {
    super('github', credential, options, ACCEPT);
  }

  /** The repositories of a user or an organisation, all pages. */
  async fetchRepositories(owner: string, options: CallOptions = {}): Promise<Repository[]> {
    const path = `users/${ownerPath(owner)}/repos?per_page=100`;
    return pagesOf(this, path, PAGING, options);
  }
}

const PAGING: Paging = {
  list: body => body,
  read,
  next: (_body, headers) => nextLink(headers.get('link')),
};

function read(of: Record<string, unknown>): Repository {
  const isPrivate = of.private === true;
  const visibility = of.visibility === 'internal' ? 'internal' : isPrivate ? 'private' : 'public';
  return {
    provider: 'github',
    owner: text(member(of, 'owner', 'login')) ?? '',
    name: text(of.name) ?? '',
    fullName: text(of.full_name) ?? '',
    description: text(of.description),
    url: text(of.html_url),
    cloneUrl: text(of.clone_url),
    defaultBranch: text(of.default_branch),
    language: text(of.language),
    visibility,
    isFork: of.fork === true,
    stars: whole(of.stargazers_count),
    forks: whole(of.forks_count),
    createdAt: date(of.created_at),
    updatedAt: date(of.updated_at),
  };
}
