import { objectsOf } from './body';
import {
  type CallOptions,
  type ClientCredential,
  type ClientOptions,
  ProviderClient,
  pagesOf,
} from './client';
import { ownerPath } from './owner';
import type { Paging } from './pages';
import { date, member, type Repository, text } from './repository';

/**
 * The read calls of Bitbucket. It tells the limit of an hour and whether little of it is left (`nearLimit`), but
 * neither what is left nor when it resets: those are `null`. Asking costs one request.
 *
 * @example
 * ```ts
 * const bitbucket = new BitbucketClient({ token: process.env.BITBUCKET_TOKEN! });
 * const { limit, nearLimit } = await bitbucket.getRateLimit();
 * ```
 */
export class BitbucketClient extends ProviderClient {
  constructor(credential: ClientCredential, options: ClientOptions = {}) {
    super('bitbucket', credential, options);
  }

  /** The repositories of a workspace, all pages. */
  async fetchRepositories(owner: string, options: CallOptions = {}): Promise<Repository[]> {
    const path = `repositories/${ownerPath(owner)}?pagelen=100`;
    return pagesOf(this, path, PAGING, options);
  }
}

const PAGING: Paging = {
  list: body => member(body, 'values'),
  read,
  next: body => text(member(body, 'next')) ?? undefined,
};

function read(of: Record<string, unknown>): Repository {
  const fullName = text(of.full_name) ?? '';
  const clones = objectsOf(member(of, 'links', 'clone'));
  return {
    provider: 'bitbucket',
    owner: text(member(of, 'workspace', 'slug')) ?? fullName.slice(0, Math.max(0, fullName.indexOf('/'))),
    name: text(of.slug) ?? text(of.name) ?? '',
    fullName,
    description: text(of.description),
    url: text(member(of, 'links', 'html', 'href')),
    cloneUrl: text(clones.find(({ name }) => name === 'https')?.href),
    defaultBranch: text(member(of, 'mainbranch', 'name')),
    language: text(of.language),
    visibility: of.is_private === true ? 'private' : 'public',
    isFork: typeof of.parent === 'object' && of.parent !== null,
    stars: null,
    forks: null,
    createdAt: date(of.created_on),
    updatedAt: date(of.updated_on),
  };
}
