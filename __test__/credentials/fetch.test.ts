import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RateLimitError } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { freePort, HOST } from '../support/system';
import { closeAll, github, manager as make, provider, ticking } from './support/setup';

afterEach(closeAll);

/** Another host, and what it was sent. */
async function stranger(listener: RequestListener = (_request, response) => response.end('elsewhere')) {
  const headers: Array<Record<string, unknown>> = [];
  const server = createServer((request, response) => {
    headers.push(request.headers);
    listener(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://${HOST}:${port}`, headers, stop: () => server.close() };
}

test.each([
  ['github', undefined, 'authorization', 'Bearer secret-token'],
  ['gitlab', undefined, 'private-token', 'secret-token'],
  ['bitbucket', undefined, 'authorization', 'Bearer secret-token'],
  ['openai', undefined, 'authorization', 'Bearer secret-token'],
  ['anthropic', undefined, 'x-api-key', 'secret-token'],
  ['gemini', undefined, 'x-goog-api-key', 'secret-token'],
  ['azure', undefined, 'api-key', 'secret-token'],
  ['my-forge', undefined, 'authorization', 'Bearer secret-token'],
  ['gitlab', { name: 'Authorization', prefix: 'token ' }, 'authorization', 'token secret-token'],
])('%s gets its token as it wants it (configured: %j)', async (name, header, expected, value) => {
  const host = await stranger();
  const manager = make([{ token: 'secret-token', provider: name }], {
    provider: name,
    baseUrls: { [name]: `${host.url}/base` },
    ...(header ? { headers: { [name]: header } } : {}),
  });
  const response = await manager.fetch('path?q=1', { headers: { 'x-mine': 'yes', accept: 'text/plain' } });
  expect(response.url).toBe(`${host.url}/base/path?q=1`);
  expect(host.headers[0]).toMatchObject({ [expected]: value, 'x-mine': 'yes', accept: 'text/plain' });
  host.stop();
});

test('it takes what fetch takes: addresses, URLs, requests, methods and bodies', async () => {
  const { manager, server } = await github({ a: 0, b: 9 });
  await manager.fetch(new URL(`${server.url}/one`), { method: 'post', body: 'text' });
  await manager.fetch(`${server.url}/two`, { method: 'PUT', body: new URLSearchParams({ q: 'x' }) });
  await manager.fetch(new Request(`${server.url}/three`, { method: 'DELETE', headers: { 'x-mine': '3' } }));
  expect(server.asked.map(({ token, method, path, body }) => [token, method, path, body])).toEqual([
    ['a', 'POST', '/one', 'text'],
    ['b', 'POST', '/one', 'text'],
    ['b', 'PUT', '/two', 'q=x'],
    ['b', 'DELETE', '/three', ''],
  ]);
  expect(server.asked[3]?.headers['x-mine']).toBe('3');
});

test('search and graphql have quotas of their own, and init.resource names any other', async () => {
  const { manager, server } = await github({ a: 9 });
  for (const resource of ['search', 'graphql']) server.allow('a', 9, { resource });
  await manager.fetch('/search/issues?q=x');
  await manager.fetch('/graphql', { method: 'POST', body: '{}' });
  server.intercept = () => ({ body: {} });
  await manager.fetch('/repos/octocat/x/dependency-graph/sbom', { resource: 'dependency_snapshots' });
  const [view] = await manager.getAllTokens();
  expect(view?.resources.map(({ resource }) => resource).sort()).toEqual([
    'dependency_snapshots',
    'graphql',
    'search',
  ]);
});

test.each([
  ['another host', (url: string) => url.replace(HOST, 'localhost')],
  ['another port', () => `http://${HOST}:1/x`],
  ['another scheme', (url: string) => url.replace('http:', 'https:')],
  ['an address without a scheme', () => '//example.com/x'],
  ['a host that only looks like it', (url: string) => `${url}.example.com/x`],
  ['a user in the address', (url: string) => url.replace('//', '//user:hunter2@')],
  ['no address', () => 'http://'],
])('%s gets neither a token nor a request', async (_name, address) => {
  const { manager, server } = await github({ a: 9 });
  const error = await rejection(manager.fetch(address(server.url)));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'input' });
  expect(error.message).not.toContain('hunter2');
  expect(server.asked).toEqual([]);
});

test('of two providers the address tells which one is meant', async () => {
  const host = await stranger();
  const tokens = [
    { token: 'hub', provider: 'github' },
    { token: 'lab', provider: 'gitlab' },
  ];
  const manager = make(tokens, {
    baseUrls: { github: `${host.url}/hub/api/v3`, gitlab: `${host.url}/lab/api/v4` },
  });
  await manager.fetch(`${host.url}/lab/api/v4/user`);
  await manager.fetch(`${host.url}/hub/api/v3/user`);
  await manager.fetch('user', { provider: 'gitlab' });
  expect(host.headers.map(headers => headers['private-token'] ?? headers.authorization)).toEqual([
    'lab',
    'Bearer hub',
    'lab',
  ]);
  host.stop();
});

test('a redirect on the host is a request of its own, on a token that has one left', async () => {
  const { manager, server } = await github({ a: 1, b: 9 });
  server.intercept = ({ path }) => {
    if (path !== '/old') return undefined;
    const quota = server.quotas.get('a')?.get('core');
    if (quota === undefined) return undefined;
    quota.used = 1;
    return { status: 301, headers: { ...server.headers(quota, 'core'), location: '/new' } };
  };
  const response = await manager.fetch('/old');
  expect(await response.json()).toEqual({ path: '/new' });
  expect(server.asked.map(({ token, path }) => `${token} ${path}`)).toEqual(['a /old', 'b /new']);
  expect(server.onSpent()).toEqual([]);
});

test.each([301, 302, 303, 307, 308])(
  'a redirect (%i) to another host is followed without the token',
  async status => {
    const host = await stranger();
    const { manager, server } = await github({ a: 9 });
    server.intercept = () => ({ status, headers: { location: `${host.url}/archive` } });
    const response = await manager.fetch('/x', { headers: { cookie: 'c=1', 'x-mine': 'yes' } });
    expect(await response.text()).toBe('elsewhere');
    expect(host.headers).toHaveLength(1);
    expect(host.headers[0]).toMatchObject({ 'x-mine': 'yes' });
    expect(Object.keys(host.headers[0] ?? {})).not.toEqual(expect.arrayContaining(['authorization']));
    expect(Object.keys(host.headers[0] ?? {})).not.toEqual(expect.arrayContaining(['cookie']));
    host.stop();
  },
);

test('a token does not come back by way of another host', async () => {
  const { manager, server } = await github({ a: 9 });
  const host = await stranger((_request, response) => {
    response.writeHead(302, { location: `${server.url}/back` }).end();
  });
  server.intercept = ({ path }) =>
    path === '/x' ? { status: 302, headers: { location: host.url } } : { body: 'back' };
  await manager.fetch('/x');
  expect(server.asked.map(({ token, path }) => [token, path])).toEqual([
    ['a', '/x'],
    [undefined, '/back'],
  ]);
  host.stop();
});

test('nor does it come back later: whatever follows another host is sent without it', async () => {
  const { manager, server } = await github({ a: 9 });
  const host = await stranger((_request, response) => {
    response.writeHead(302, { location: `${server.url}/back` }).end();
  });
  server.intercept = ({ path }) => {
    if (path === '/x') return { status: 302, headers: { location: host.url } };
    return path === '/back' ? { status: 302, headers: { location: '/further' } } : { body: 'further' };
  };
  await manager.fetch('/x');
  expect(server.asked.map(({ token, path }) => [token, path])).toEqual([
    ['a', '/x'],
    [undefined, '/back'],
    [undefined, '/further'],
  ]);
  host.stop();
});

test('redirects as the caller wants them, and not for ever', async () => {
  const { manager, server } = await github({ a: 99 });
  server.intercept = ({ path }) => ({ status: 302, headers: { location: `${path}0` } });
  expect((await manager.fetch('/1', { redirect: 'manual' })).status).toBe(302);
  expect(await rejection(manager.fetch('/1', { redirect: 'error' }))).toBeInstanceOf(TypeError);
  expect((await rejection(manager.fetch('/1'))).message).toMatch('too many redirects');
  expect(server.asked).toHaveLength(1 + 1 + 21);
  server.intercept = () => ({ status: 302, headers: { location: 'file:///etc/passwd' } });
  expect(await rejection(manager.fetch('/1'))).toBeInstanceOf(TypeError);
});

test('a POST that is redirected becomes a GET; with 307 it stays', async () => {
  const { manager, server } = await github({ a: 9 });
  server.intercept = ({ path }) =>
    path === '/302'
      ? { status: 302, headers: { location: '/x' } }
      : path === '/307'
        ? { status: 307, headers: { location: '/x' } }
        : undefined;
  await manager.fetch('/302', { method: 'POST', body: 'text' });
  await manager.fetch('/307', { method: 'POST', body: 'text' });
  expect(server.asked.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
    'POST /302 text',
    'GET /x ',
    'POST /307 text',
    'POST /x text',
  ]);
  expect(server.asked[1]?.headers['content-type']).toBeUndefined();
});

test('a stream is sent once: another token cannot be tried with it', async () => {
  const stream = () => new Blob(['streamed']).stream();
  const { manager, server } = await github({ a: 1, b: 9 });
  expect((await manager.fetch('/x', { method: 'POST', body: stream() })).status).toBe(200);
  expect(server.asked[0]?.body).toBe('streamed');
  server.intercept = ({ token }) =>
    token === 'b' ? { status: 429, headers: { 'retry-after': '60' } } : undefined;
  const error = await rejection(manager.fetch('/x', { method: 'POST', body: stream() }));
  expect(error).toBeInstanceOf(RateLimitError);
  const { manager: other } = await github({ a: 0, b: 9 });
  const refused = await rejection(other.fetch('/x', { method: 'POST', body: stream() }));
  expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'init.body' });
  const views = await other.getAllTokens();
  expect(views.map(({ resources }) => resources[0]?.underWay)).toEqual([0, 0]);
});

test('what was never sent is given back', async () => {
  const port = await freePort();
  const baseUrls = { github: `http://${HOST}:${port}` };
  const manager = make(['a'], { reserve: 0, baseUrls, clock: ticking() });
  const reset = Math.ceil(Date.now() / 1000) + 60;
  await manager.updateRateLimit('a', { limit: 10, remaining: 10, reset });
  expect(await rejection(manager.fetch('/x'))).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
  const [view] = await manager.getAllTokens();
  expect(view?.resources[0]).toMatchObject({ remaining: 10, underWay: 0 });
});

test('a connection that breaks counts: nobody knows whether it was served', async () => {
  const { manager, server } = await github({ a: 9 });
  await manager.fetch('/x');
  server.intercept = () => ({ hangUp: true });
  expect(await rejection(manager.fetch('/x'))).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
  const [view] = await manager.getAllTokens();
  expect(view?.resources[0]).toMatchObject({ remaining: 7, underWay: 0 });
});

test('a request under way is aborted by its signal', async () => {
  const { manager, server } = await github({ a: 9 });
  const controller = new AbortController();
  server.intercept = () => {
    controller.abort(new Error('enough'));
    return { delayMs: 50 };
  };
  const error = await rejection(manager.fetch('/x', { signal: controller.signal }));
  expect(error.message).toBe('enough');
});

test('GitLab: a 429 rests the token as long as it says, and 5xx does not', async () => {
  const server = await provider('gitlab');
  server.allow('a', 1).allow('b', 9);
  const manager = make(['a', 'b'], { provider: 'gitlab', reserve: 0, baseUrls: { gitlab: server.url } });
  server.intercept = (_asked, number) => (number === 0 ? { status: 503 } : undefined);
  expect((await manager.fetch('/projects/1')).status).toBe(503);
  for (let n = 0; n < 3; n++) await manager.fetch('/projects/1');
  expect(server.tokens()).toEqual(['a', 'a', 'b', 'b']);
  expect(server.onSpent()).toEqual([]);
});

test('Bitbucket says nothing of what is left: the token rests after a 429, and doubles its pause', async () => {
  const clock = { now: Date.now() };
  const server = await provider('bitbucket');
  server.allow('a', 9).allow('b', 9);
  server.intercept = ({ token }) => (token === 'a' ? { status: 429, body: 'Rate limit' } : undefined);
  const options = { provider: 'bitbucket', cooldown: 1000, baseUrls: { bitbucket: server.url } };
  const manager = make(['a', 'b'], { ...options, clock: () => clock.now });
  const pauseMs = async () => {
    const [view] = await manager.getAllTokens();
    return (view?.resources[0]?.pausedUntil?.getTime() ?? 0) - clock.now;
  };
  await manager.fetch('/user');
  expect(await pauseMs()).toBeGreaterThanOrEqual(1000);
  expect(await pauseMs()).toBeLessThanOrEqual(1100);
  clock.now += 1101;
  await manager.markInvalid('b');
  expect(await rejection(manager.fetch('/user'))).toBeInstanceOf(RateLimitError);
  expect(await pauseMs()).toBeGreaterThanOrEqual(1000);
});

test('LLM keys: a key whose tokens are used up rests, though requests are left', async () => {
  const keys: unknown[] = [];
  const host = await stranger((request, response) => {
    keys.push(request.headers.authorization);
    response.setHeader('x-ratelimit-limit-requests', '100');
    response.setHeader('x-ratelimit-remaining-requests', '99');
    response.setHeader('x-ratelimit-reset-requests', '6m0s');
    response.setHeader('x-ratelimit-limit-tokens', '1000');
    response.setHeader('x-ratelimit-remaining-tokens', '0');
    response.setHeader('x-ratelimit-reset-tokens', '30s');
    response.end('{}');
  });
  const manager = make(['key-1', 'key-2'], { provider: 'openai', baseUrls: { openai: host.url } });
  await manager.fetch('chat/completions', { method: 'POST', body: '{}' });
  await manager.fetch('chat/completions', { method: 'POST', body: '{}' });
  expect(keys).toEqual(['Bearer key-1', 'Bearer key-2']);
  const error = await rejection(manager.fetch('chat/completions', { method: 'POST', body: '{}' }));
  const waitMs = (error as RateLimitError).resetAtMs - Date.now();
  // The bucket is full in 30 seconds; a tenth of it is back in a tenth of the time.
  expect(waitMs).toBeGreaterThan(1_000);
  expect(waitMs).toBeLessThanOrEqual(3_000);
  host.stop();
});

test.each([
  ['openai', { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '2m0s' }],
  ['gitlab', { 'ratelimit-remaining': '0', 'ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 120) }],
])('%s: the wait that a refusal names wins over its own numbers', async (provider, numbers) => {
  const host = await stranger((_request, response) => {
    response.writeHead(429, { 'retry-after': '5', ...numbers });
    response.end('{}');
  });
  const manager = make(['key-1'], { provider, baseUrls: { [provider]: host.url } });
  const error = await rejection(manager.fetch('anything'));
  const waitMs = (error as RateLimitError).resetAtMs - Date.now();
  expect(waitMs).toBeGreaterThan(1_000);
  expect(waitMs).toBeLessThanOrEqual(5_000);
  host.stop();
});

test('the time to wait that only the body tells is found (Gemini), and the body can still be read', async () => {
  const host = await stranger((_request, response) => {
    response.writeHead(429, { 'content-type': 'application/json' });
    const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '17s' };
    response.end(JSON.stringify({ error: { code: 429, status: 'RESOURCE_EXHAUSTED', details: [retry] } }));
  });
  const manager = make(['key-1'], { provider: 'gemini', baseUrls: { gemini: host.url } });
  const error = await rejection(manager.fetch('v1beta/models'));
  const waitMs = (error as RateLimitError).resetAtMs - Date.now();
  expect(waitMs).toBeGreaterThan(12_000);
  expect(waitMs).toBeLessThanOrEqual(17_000);
  host.stop();
});
