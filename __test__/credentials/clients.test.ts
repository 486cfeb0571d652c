import {
  BitbucketClient,
  formatRateLimits,
  GitHubClient,
  GitLabClient,
  ProviderError,
  RateLimitError,
} from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { closeAll, github, manager as make, provider } from './support/setup';

afterEach(closeAll);

test('GitHub: all pages, by their Link headers', async () => {
  const { server } = await github({ a: 100 });
  const client = new GitHubClient({ token: 'a' }, { baseUrl: server.url });
  const repositories = await client.fetchRepositories('octocat');
  expect(repositories).toHaveLength(250);
  expect(new Set(repositories.map(({ name }) => name)).size).toBe(250);
  expect(repositories[0]).toEqual({
    provider: 'github',
    owner: 'octocat',
    name: 'repository-1',
    fullName: 'octocat/repository-1',
    description: 'One',
    url: 'https://github.com/octocat/repository-1',
    cloneUrl: 'https://github.com/octocat/repository-1.git',
    defaultBranch: 'main',
    language: 'Rust',
    visibility: 'public',
    isFork: false,
    stars: 3,
    forks: 1,
    createdAt: new Date('2020-01-01T00:00:00Z'),
    updatedAt: new Date('2026-01-01T00:00:00Z'),
  });
  expect(server.asked.map(({ path }) => path)).toEqual([
    '/users/octocat/repos?per_page=100',
    '/users/octocat/repos?per_page=100&page=2',
    '/users/octocat/repos?per_page=100&page=3',
  ]);
});

test('GitLab: all pages, by x-next-page; a name that is no user is a group', async () => {
  const server = await provider('gitlab');
  server.allow('a', 100);
  const client = new GitLabClient({ token: 'a' }, { baseUrl: server.url });
  const projects = await client.fetchRepositories('some-group');
  expect(projects).toHaveLength(250);
  expect(projects[249]).toMatchObject({
    provider: 'gitlab',
    owner: 'group/sub',
    name: 'repository-250',
    fullName: 'group/sub/repository-250',
    visibility: 'internal',
    isFork: true,
    language: null,
    stars: 4,
  });
  expect(server.asked.map(({ path }) => path.replace(/\?.*/, ''))).toEqual([
    '/users/some-group/projects',
    '/groups/some-group/projects',
    '/groups/some-group/projects',
    '/groups/some-group/projects',
  ]);
});

test('Bitbucket: all pages, by next', async () => {
  const server = await provider('bitbucket');
  server.allow('a', 100);
  const client = new BitbucketClient({ token: 'a' }, { baseUrl: server.url });
  const repositories = await client.fetchRepositories('workspace');
  expect(repositories).toHaveLength(250);
  expect(repositories[1]).toMatchObject({
    owner: 'workspace',
    name: 'repository-2',
    cloneUrl: 'https://bitbucket.org/workspace/repository-2.git',
    defaultBranch: 'trunk',
    visibility: 'private',
    description: null,
    stars: null,
  });
});

test('pages go on with another token when one is spent in between', async () => {
  const { manager, server } = await github({ a: 2, b: 2 });
  const client = new GitHubClient({ manager });
  expect(await client.fetchRepositories('octocat')).toHaveLength(250);
  expect(server.tokens()).toEqual(['a', 'a', 'b']);
  expect(server.onSpent()).toEqual([]);
});

test('a next page on another host is not asked for', async () => {
  const { manager, server } = await github({ a: 9 });
  server.intercept = () => ({ headers: { link: '<https://example.com/steal>; rel="next"' }, body: [] });
  const error = await rejection(new GitHubClient({ manager }).fetchRepositories('octocat'));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'input' });
});

test('pages that never end do end', async () => {
  const { manager, server } = await github({ a: 5000 });
  server.intercept = () => ({ headers: { link: `<${server.url}/more>; rel=next` }, body: [] });
  const error = await rejection(new GitHubClient({ manager }).fetchRepositories('octocat'));
  expect(error.message).toBe('More than 1000 pages');
});

test('errors of the provider tell status and path, and nothing else', async () => {
  const { manager, server } = await github({ a: 9 });
  server.intercept = () => ({ status: 404, body: { message: 'Not Found' } });
  const error = await rejection(new GitHubClient({ manager }).fetchRepositories('no body'));
  expect(error).toBeInstanceOf(ProviderError);
  expect(error).toMatchObject({
    code: 'PROVIDER_ERROR',
    status: 404,
    provider: 'github',
    message: 'GET users/no%20body/repos was answered with 404',
  });
  const spent = new GitHubClient({ token: 'x' }, { baseUrl: server.url });
  server.intercept = () => ({ status: 429, headers: { 'retry-after': '60' } });
  expect(await rejection(spent.fetchRepositories('octocat'))).toBeInstanceOf(RateLimitError);
});

test('owners that would lead to another path are only names', async () => {
  const { manager, server } = await github({ a: 9 });
  server.intercept = () => ({ body: [] });
  await new GitHubClient({ manager }).fetchRepositories('../../orgs/x?y#z');
  expect(server.asked[0]?.path).toBe('/users/..%2F..%2Forgs%2Fx%3Fy%23z/repos?per_page=100');
  expect(await rejection(new GitHubClient({ manager }).fetchRepositories(' '))).toMatchObject({
    field: 'owner',
  });
});

test.each(['', ' ', '.', '..', '\ud800', 'a\udc00b', 'x'.repeat(256), undefined, 5])(
  'the owner %j is refused, and nothing is sent',
  async owner => {
    const { manager, server } = await github({ a: 9 });
    const error = await rejection(new GitHubClient({ manager }).fetchRepositories(owner as string));
    expect(error).toMatchObject({ name: 'TokenBudgetError', code: 'INVALID_ARGUMENT', field: 'owner' });
    expect(server.asked).toEqual([]);
  },
);

test('GitHub: getRateLimit tells every resource and costs nothing', async () => {
  const { manager, server } = await github({ a: 60 });
  server.allow('a', 30, { resource: 'search' });
  await manager.fetch('/users/octocat');
  const client = new GitHubClient({ manager });
  const limits = await client.getRateLimit();
  const resetTime = new Date(server.quotas.get('a')?.get('core')?.resetsAtMs as number);
  expect(limits).toMatchObject({ limit: 60, remaining: 59, used: 1, resetTime, source: 'provider' });
  expect(limits.resources.search).toMatchObject({ limit: 30, remaining: 30, used: 0 });
  expect((await client.getRateLimit()).remaining).toBe(59);
  const [view] = await manager.getAllTokens();
  expect(view?.resources.find(({ resource }) => resource === 'search')).toMatchObject({
    limit: 30,
    remaining: 30,
  });
});

test('GitLab: getRateLimit reads headers', async () => {
  const server = await provider('gitlab');
  server.allow('a', 600);
  const limits = await new GitLabClient({ token: 'a' }, { baseUrl: server.url }).getRateLimit();
  expect(limits).toMatchObject({ limit: 600, remaining: 599, used: 1, source: 'provider' });
  const wanted = server.quotas.get('a')?.get('core')?.resetsAtMs as number;
  expect(Math.abs((limits.resetTime?.getTime() ?? 0) - wanted)).toBeLessThan(1100);
});

test('Bitbucket: getRateLimit does not make up what is not told', async () => {
  const server = await provider('bitbucket');
  server.allow('a', 1000);
  const client = new BitbucketClient({ token: 'a' }, { baseUrl: server.url });
  expect(await client.getRateLimit()).toMatchObject({
    limit: 1000,
    remaining: null,
    used: null,
    resetTime: null,
    nearLimit: false,
  });
});

test('checkRateLimits prints as the guide does, errors per token', async () => {
  const { manager, server } = await github({ a: 5000, b: 5000, c: 5000 });
  server.intercept = ({ token }) => (token === 'b' ? { status: 500 } : undefined);
  server.quotas.delete('c');
  const limits = await manager.checkRateLimits('github');
  const resetTime = (server.quotas.get('a')?.get('core')?.resetsAtMs as number) / 1000;
  expect(formatRateLimits(limits)).toEqual([
    'Token 1: 5000/5000 remaining',
    `         Resets at: ${new Date(resetTime * 1000).toISOString()}`,
    'Token 2: Error - GET /rate_limit was answered with 500',
    'Token 3: Error - github does not accept this token',
  ]);
  expect((await manager.getAllTokens()).map(({ isValid }) => isValid)).toEqual([true, true, false]);
  expect((await manager.checkRateLimits()).map(({ source }) => source)).toEqual([
    'provider',
    'provider',
    'known',
  ]);
  expect(server.tokens().filter(token => token === 'c')).toHaveLength(1);
});

test('checkRateLimits sends nothing on a token that rests: it tells what is known', async () => {
  const server = await provider('gitlab');
  server.allow('a', 1).allow('b', 5);
  const manager = make(['a', 'b'], { provider: 'gitlab', reserve: 0, baseUrls: { gitlab: server.url } });
  await manager.fetch('/user');
  const limits = await manager.checkRateLimits();
  expect(limits.map(({ source, limit, remaining }) => [source, limit, remaining])).toEqual([
    ['known', 1, 0],
    ['provider', 5, 4],
  ]);
  expect(limits[0]?.resetTime).toBeInstanceOf(Date);
  expect(server.tokens()).toEqual(['a', 'b']);
  expect(server.onSpent()).toEqual([]);
});

test('keys of models are not asked for: what is known is told', async () => {
  const manager = make(['key'], { provider: 'openai' });
  const reset = Math.ceil(Date.now() / 1000) + 60;
  expect(formatRateLimits(await manager.checkRateLimits())).toEqual([
    'Token 1: unknown/unknown remaining',
    '         Resets at: unknown',
  ]);
  await manager.updateRateLimit('key', { limit: 100, remaining: 7, reset });
  expect(await manager.checkRateLimits()).toMatchObject([
    { limit: 100, remaining: 7, used: 93, source: 'known' },
  ]);
});

test('a server that cannot be reached is an error of its token', async () => {
  const { manager, server } = await github({ a: 9 });
  server.intercept = () => ({ hangUp: true });
  const [limits] = await manager.checkRateLimits();
  expect(limits?.error).toBeInstanceOf(Error);
  const controller = new AbortController();
  controller.abort(new Error('enough'));
  await expect(manager.checkRateLimits('github', { signal: controller.signal })).rejects.toThrow('enough');
});

test.each([
  ['no token', () => new GitHubClient({} as never), 'credential.token'],
  ['no manager', () => new GitHubClient({ manager: {} as never }), 'credential.manager'],
  [
    'an address that is none',
    () => new GitHubClient({ token: 't' }, { baseUrl: 'ftp://x' }),
    'options.baseUrl',
  ],
  ['a token with a line break', () => new GitHubClient({ token: 'secret\n' }), 'tokens[0]'],
])('a client with %s names the field', (_name, build, field) => {
  expect(build).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', field }));
  expect(build).not.toThrow(/secret/);
});
