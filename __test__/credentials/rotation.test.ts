import { AuthError, GitHubClient, RateLimitError } from '@wundr.io/token-budget/credentials';
import { NOON, rejection } from '../facade/helpers';
import { closeAll, github, ticking } from './support/setup';

afterEach(closeAll);

const get = (url: string, token: string) =>
  fetch(`${url}/users/octocat`, { headers: { authorization: `Bearer ${token}` } });

test('stays on a token until it is spent, then takes the next', async () => {
  const { manager, server } = await github({ a: 3, b: 2, c: 2 });
  for (let n = 0; n < 7; n++) {
    await manager.withRotation('github', token => get(server.url, token));
  }
  expect(server.tokens()).toEqual(['a', 'a', 'a', 'b', 'b', 'c', 'c']);
  expect(server.onSpent()).toEqual([]);
});

test('a refusal that nobody could foresee moves to the next token within the same call', async () => {
  const { manager, server } = await github({ a: 0, b: 0, c: 1 });
  const response = await manager.withRotation('github', token => get(server.url, token));
  expect(response.status).toBe(200);
  expect(server.tokens()).toEqual(['a', 'b', 'c']);
});

test('when all are limited it throws as the guide has it, with the earliest reset, and sends nothing', async () => {
  const { manager, server } = await github({ a: 1, b: 1 });
  const resets = (name: string) => server.quotas.get(name)?.get('core') as { resetsAtMs: number };
  resets('b').resetsAtMs -= 600_000;
  await manager.withRotation(token => get(server.url, token));
  await manager.withRotation(token => get(server.url, token));
  const error = await rejection(manager.withRotation(token => get(server.url, token)));
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({
    name: 'RateLimitError',
    code: 'RATE_LIMITED',
    message: 'All tokens have exceeded rate limits',
    provider: 'github',
  });
  const { resetAt, resetAtMs } = error as RateLimitError;
  // The response's own clock has whole seconds.
  expect(Math.abs(resetAtMs - resets('b').resetsAtMs)).toBeLessThan(1500);
  expect(resetAt?.getTime()).toBe(resetAtMs);
  expect(server.asked).toHaveLength(2);
});

test('errors of an SDK are understood like responses', async () => {
  const { manager } = await github({ a: 5, b: 5 });
  const used: string[] = [];
  const answer = await manager.withRotation('github', token => {
    used.push(token);
    if (used.length > 1) return 'served';
    // As Octokit throws it.
    const reset = String(Math.ceil(Date.now() / 1000) + 60);
    const headers = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    throw Object.assign(new Error('API rate limit exceeded'), {
      status: 403,
      response: { status: 403, headers },
    });
  });
  expect(answer).toBe('served');
  expect(used).toEqual(['a', 'b']);
  const [first] = await manager.getAllTokens('github');
  expect(first?.resources).toEqual([expect.objectContaining({ resource: 'core', limit: 60, remaining: 0 })]);
});

test('our own RateLimitError rests the token until its reset', async () => {
  const { manager, tokens } = await github({ a: 5, b: 5 });
  const resetAt = new Date(Date.now() + 60_000);
  const used: string[] = [];
  await manager.withRotation('github', token => {
    used.push(token);
    if (token === tokens[0]) throw new RateLimitError('limited', 'github', resetAt);
  });
  expect(used).toEqual(tokens);
  const [first] = await manager.getAllTokens();
  const pausedMs = first?.resources[0]?.pausedUntil?.getTime() ?? 0;
  expect(Math.abs(pausedMs - resetAt.getTime())).toBeLessThan(1000);
});

test('limits of another provider say nothing of the token', async () => {
  const { manager } = await github({ a: 5, b: 5 });
  const others = [
    new RateLimitError('limited', 'gitlab', Date.now() + 60_000),
    new AuthError('not accepted', 'gitlab'),
  ];
  for (const thrown of others) {
    const failing = manager.withRotation('github', () => {
      throw thrown;
    });
    expect(await rejection(failing)).toBe(thrown);
  }
  expect(await manager.countAvailableTokens()).toBe(2);
});

test('the guide: clients of one token each, tried one after the other', async () => {
  const { manager, server } = await github({ a: 0, b: 100 });
  const repositories = await manager.withRotation('github', token =>
    new GitHubClient({ token }, { baseUrl: server.url }).fetchRepositories('octocat'),
  );
  expect(repositories).toHaveLength(250);
  expect(server.tokens()).toEqual(['a', 'b', 'b', 'b']);
});

test('a client of one token inside a rotation: what it is told, the rotation knows', async () => {
  const { manager, server } = await github({ a: 3, b: 3 });
  const fetchAll = () =>
    manager.withRotation('github', async (token, { account }) => {
      const client = new GitHubClient({ token }, { baseUrl: server.url });
      expect(await client.fetchRepositories('octocat')).toHaveLength(250);
      return account;
    });
  await fetchAll();
  const [first, second] = await manager.getAllTokens();
  expect(first?.resources[0]).toMatchObject({ limit: 3, remaining: 0 });
  expect(await fetchAll()).toBe(second?.account);
  expect(await rejection(fetchAll())).toBeInstanceOf(RateLimitError);
  // Three pages each, and not one request to find out that nothing was left.
  expect(server.tokens()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
});

test('a 401 marks the token invalid and moves on; valid again, it is used again', async () => {
  const { manager, server } = await github({ a: 9, b: 9 });
  server.quotas.delete('a');
  expect((await manager.withRotation('github', token => get(server.url, token))).status).toBe(200);
  await manager.withRotation('github', token => get(server.url, token));
  expect(server.tokens()).toEqual(['a', 'b', 'b']);
  expect((await manager.getAllTokens()).map(({ isValid }) => isValid)).toEqual([false, true]);
  expect(await manager.countAvailableTokens('github')).toBe(1);

  server.allow('a', 9);
  await manager.markValid('a');
  await manager.markInvalid('b');
  await manager.withRotation('github', token => get(server.url, token));
  expect(server.tokens().at(-1)).toBe('a');
});

test('when none is accepted, it says so: no reset helps', async () => {
  const { manager, server } = await github({ a: 9, b: 9 });
  server.quotas.clear();
  const error = await rejection(manager.withRotation('github', token => get(server.url, token)));
  expect(error).toBeInstanceOf(AuthError);
  expect(error).toMatchObject({ name: 'AuthError', code: 'UNAUTHORIZED', provider: 'github', status: 401 });
  expect(server.tokens()).toEqual(['a', 'b']);
  await rejection(manager.withRotation('github', token => get(server.url, token)));
  expect(server.asked).toHaveLength(2);
});

test('any other error passes through as it is, and is tried on no other token', async () => {
  const { manager } = await github({ a: 9, b: 9 });
  const thrown = new Error('not about limits');
  let calls = 0;
  const failing = manager.withRotation('github', () => {
    calls++;
    throw thrown;
  });
  expect(await rejection(failing)).toBe(thrown);
  expect(calls).toBe(1);
  const [first] = await manager.getAllTokens();
  expect(first?.resources[0]?.underWay).toBe(0);
});

test('5xx is no limit: the response comes back as it is', async () => {
  const { manager, server } = await github({ a: 9, b: 9 });
  server.intercept = () => ({ status: 502, body: 'Bad Gateway' });
  const response = await manager.withRotation('github', token => get(server.url, token));
  expect(response.status).toBe(502);
  expect(await response.json()).toBe('Bad Gateway');
  expect(server.tokens()).toEqual(['a']);
});

test('quotas of two resources are apart', async () => {
  const { manager, server } = await github({ a: 5, b: 5 });
  for (const token of ['a', 'b']) server.allow(token, 1, { resource: 'search' });
  const search = (token: string) =>
    fetch(`${server.url}/search/issues`, { headers: { authorization: `Bearer ${token}` } });
  await manager.withRotation('github', search, { resource: 'search' });
  await manager.withRotation('github', search, { resource: 'search' });
  const error = await rejection(manager.withRotation('github', search, { resource: 'search' }));
  expect(error).toBeInstanceOf(RateLimitError);
  await manager.withRotation('github', token => get(server.url, token));
  expect(server.tokens()).toEqual(['a', 'b', 'a']);
  expect(await manager.countAvailableTokens('github', { resource: 'search' })).toBe(0);
  expect(await manager.countAvailableTokens('github')).toBe(2);
});

test('a request that the provider counts elsewhere costs nothing where it was asked for', async () => {
  const { manager, server } = await github({ a: 5, b: 5 }, { clock: ticking() });
  for (const token of ['a', 'b']) server.allow(token, 1, { resource: 'search' });
  const search = (token: string) =>
    fetch(`${server.url}/search/issues`, { headers: { authorization: `Bearer ${token}` } });
  await manager.withRotation('github', token => get(server.url, token));
  await manager.withRotation('github', search);
  const [first] = await manager.getAllTokens();
  const left = Object.fromEntries(first?.resources.map(one => [one.resource, one.remaining]) ?? []);
  expect(left).toEqual({ core: 4, search: 0 });
});

test('with waitForReset a call waits for the earliest reset and goes on', async () => {
  const { manager, server } = await github({ a: 1, b: 1 }, { waitForReset: true }, 1500);
  for (let n = 0; n < 3; n++) {
    expect((await manager.withRotation(token => get(server.url, token))).status).toBe(200);
  }
  expect(server.asked).toHaveLength(3);
  expect(server.onSpent()).toEqual([]);
});

test('after a wait a token that was refused is tried again', async () => {
  const { manager, server } = await github({ a: 9 }, { waitForReset: true });
  server.intercept = (_asked, number) =>
    number === 0 ? { status: 429, headers: { 'retry-after': '1' } } : undefined;
  expect((await manager.fetch('/x')).status).toBe(200);
  expect(server.tokens()).toEqual(['a', 'a']);
  expect(server.onSpent()).toEqual([]);
});

test('within a call each token is tried once, though its rest is over meanwhile', async () => {
  let nowMs = NOON;
  // Every look at the clock takes an hour: longer than any of these rests.
  const clock = () => {
    nowMs += 3_600_000;
    return nowMs;
  };
  const { manager, server } = await github({ a: 9, b: 9 }, { clock });
  server.intercept = () => ({ status: 429, headers: { 'retry-after': '1' } });
  expect(await rejection(manager.fetch('/x'))).toBeInstanceOf(RateLimitError);
  expect(server.tokens()).toEqual(['a', 'b']);
});

test('after a wait all that were tried may be tried again, and each once', async () => {
  const { manager, server } = await github({ a: 9, b: 9 }, { waitForReset: true });
  server.intercept = (_asked, number) =>
    number < 4 ? { status: 429, headers: { 'retry-after': number < 2 ? '1' : '2' } } : undefined;
  expect((await manager.fetch('/x')).status).toBe(200);
  expect(server.tokens().slice(0, 4).sort()).toEqual(['a', 'a', 'b', 'b']);
  expect(server.asked).toHaveLength(5);
}, 20_000);

test('waiting can be aborted, and nothing was sent meanwhile', async () => {
  const { manager, server } = await github({ a: 1 });
  await manager.withRotation(token => get(server.url, token));
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = rejection(
    manager.withRotation(token => get(server.url, token), { waitForReset: true, signal: controller.signal }),
  );
  controller.abort(reason);
  expect(await waiting).toBe(reason);
  expect(server.asked).toHaveLength(1);
  const aborted = manager.withRotation(token => get(server.url, token), { signal: controller.signal });
  expect(await rejection(aborted)).toBe(reason);
});

test('many calls at once never overdraw a token that is known', async () => {
  const { manager, server } = await github({ a: 12, b: 12, c: 12 });
  const reset = Math.ceil(Date.now() / 1000) + 600;
  for (const token of ['a', 'b', 'c'])
    await manager.updateRateLimit(token, { limit: 12, remaining: 12, reset });
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, () => manager.withRotation(token => get(server.url, token))),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(36);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(RateLimitError);
  }
  expect(server.onSpent()).toEqual([]);
});

test('an answer that is no response is learned from by what the function observes', async () => {
  const { manager, server } = await github({ a: 7 });
  const name = await manager.withRotation('github', async (token, { observe, resource, attempt }) => {
    const response = await get(server.url, token);
    observe(response);
    return `${resource} ${attempt}`;
  });
  expect(name).toBe('core 0');
  expect((await manager.getAllTokens())[0]?.resources[0]?.remaining).toBe(6);
});

test('a lease: settled once, or given back', async () => {
  const { manager, server } = await github({ a: 7 }, { clock: ticking() });
  const first = await manager.getNextAvailableToken('github');
  expect(first).toMatchObject({ provider: 'github', resource: 'core', remaining: null, resetsAt: null });
  expect(await first.settle(await get(server.url, first.token))).toBe('served');
  const second = await manager.getNextAvailableToken();
  expect(second.remaining).toBe(5);
  await second.cancel();
  await second.cancel();
  const third = await manager.getNextAvailableToken();
  expect(third.remaining).toBe(5);
  await third.settle();
  await third.settle();
  await third.cancel();
  const [view] = await manager.getAllTokens();
  expect(view?.resources[0]).toMatchObject({ remaining: 5, underWay: 0 });
});

test('updateRateLimit takes readings in any order and ends the request of a lease', async () => {
  const { manager } = await github({ a: 1 }, { clock: ticking(NOON) });
  const reset = NOON / 1000 + 600;
  const left = async () => (await manager.getAllTokens())[0]?.resources[0];
  const early = await manager.getNextAvailableToken();
  const late = await manager.getNextAvailableToken();
  await manager.updateRateLimit(late, { limit: 100, remaining: 40, reset });
  await manager.updateRateLimit(early, { limit: 100, remaining: 41, reset: new Date(reset * 1000) });
  await manager.updateRateLimit('a', { remaining: 90, reset });
  // The other request came to the service before the one that told the lower number.
  expect(await left()).toMatchObject({ remaining: 40, underWay: 0, limit: 100 });
  const newer = await manager.getNextAvailableToken();
  await manager.updateRateLimit(newer, { limit: 100, remaining: 38, reset });
  await manager.updateRateLimit(newer.fingerprint, { remaining: 12, reset: new Date(0) });
  expect(await left()).toMatchObject({ remaining: 38, underWay: 0 });
  expect(Math.abs(((await left())?.resetsAt?.getTime() ?? 0) - reset * 1000)).toBeLessThan(100);
});
