/** What users of software that rotates tokens complain of. */
import { RateLimitError } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import type { Quota } from './support/provider-server';
import { closeAll, github, manager as make, provider, ticking } from './support/setup';

afterEach(closeAll);

const get = (url: string, token: string) =>
  fetch(`${url}/users/octocat`, { headers: { authorization: `Bearer ${token}` } });

test('tokens of one user do not add up', async () => {
  const server = await provider('github');
  server.allow('a', 2).allow('b', 2).allow('other', 2);
  server.sameUser.set('b', 'a');
  const tokens = [
    { token: 'a', account: 'octocat' },
    { token: 'b', account: 'octocat' },
    { token: 'other', account: 'hubot' },
  ];
  const manager = make(tokens, { reserve: 0, baseUrls: { github: server.url } });
  for (let n = 0; n < 4; n++) await manager.fetch('/users/octocat');
  expect(server.tokens()).toEqual(['a', 'a', 'other', 'other']);
  expect(await manager.countAvailableTokens()).toBe(0);
  expect(server.onSpent()).toEqual([]);
});

test('after a reset no more goes out at once than the limit allows', async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const manager = make(['a'], { reserve: 0, clock: () => nowMs });
  await manager.updateRateLimit('a', { limit: 20, remaining: 0, reset: nowMs / 1000 + 60 });
  nowMs += 60_000;
  expect(await manager.countAvailableTokens()).toBe(1);
  const calls = Array.from({ length: 200 }, () => manager.withRotation(async () => 'done'));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(refused).toHaveLength(180);
  expect(refused.every(reason => reason instanceof RateLimitError)).toBe(true);
  expect(await manager.countAvailableTokens()).toBe(0);
});

test('an estimate that is too low is healed by asking the provider', async () => {
  const { manager, server } = await github({ a: 10 }, { clock: ticking() });
  const reset = (server.quotas.get('a')?.get('core')?.resetsAtMs as number) / 1000;
  await manager.updateRateLimit('a', { limit: 10, remaining: 0, reset });
  expect(await manager.countAvailableTokens()).toBe(0);
  expect(await manager.checkRateLimits()).toMatchObject([{ limit: 10, remaining: 10 }]);
  expect(await manager.countAvailableTokens()).toBe(1);
});

test('no cap of two attempts skips the healthy token', async () => {
  const limits = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`t${index}`, index === 9 ? 1 : 0]),
  );
  const { manager, server, tokens } = await github(limits);
  expect((await manager.withRotation(token => get(server.url, token))).status).toBe(200);
  expect(server.tokens()).toEqual(tokens);
});

test('rotation does not burn every window at once', async () => {
  const { manager, server } = await github({ a: 50, b: 50, c: 50 });
  for (let n = 0; n < 30; n++) await manager.fetch('/users/octocat');
  expect(new Set(server.tokens())).toEqual(new Set(['a']));
});

test('the exhausted token is not hammered: a, b and never a again', async () => {
  const { manager, server } = await github({ a: 1, b: 1 });
  const call = () => manager.withRotation(token => get(server.url, token));
  await call();
  await call();
  for (let n = 0; n < 5; n++) expect(await rejection(call())).toBeInstanceOf(RateLimitError);
  expect(server.tokens()).toEqual(['a', 'b']);
});

test('b, a, a, a: refused without a warning, each token is asked once', async () => {
  const { manager, server } = await github({ a: 0, b: 0 });
  const call = () => manager.withRotation(token => get(server.url, token));
  for (let n = 0; n < 4; n++) expect(await rejection(call())).toBeInstanceOf(RateLimitError);
  expect(server.tokens()).toEqual(['a', 'b']);
});

test('when all tokens are limited, the call does not silently go out anyway', async () => {
  const { manager, server } = await github({ a: 1, b: 1 });
  await manager.fetch('/users/octocat');
  await manager.fetch('/users/octocat');
  expect(await rejection(manager.fetch('/users/octocat'))).toBeInstanceOf(RateLimitError);
  expect(await rejection(manager.withRotation(() => 'sent'))).toBeInstanceOf(RateLimitError);
  expect(await rejection(manager.getNextAvailableToken())).toBeInstanceOf(RateLimitError);
  expect(server.asked).toHaveLength(2);
});

test('answers that overtake each other never raise what is left', async () => {
  const { manager, server } = await github({ a: 100, b: 100 });
  await manager.fetch('/users/octocat');
  // The earlier the request, the later its answer.
  server.intercept = (_asked, number) => {
    const quota = server.quotas.get('a')?.get('core') as Quota;
    quota.used += 1;
    return { delayMs: 200 - number * 20, headers: server.headers(quota, 'core') };
  };
  const left = async () => (await manager.getAllTokens())[0]?.resources[0];
  await Promise.all(Array.from({ length: 8 }, () => manager.fetch('/users/octocat')));
  // 91 are left; an answer may not know yet of the seven others.
  expect(await left()).toMatchObject({ underWay: 0 });
  const { remaining } = (await left()) as { remaining: number };
  expect(remaining).toBeLessThanOrEqual(91);
  expect(remaining).toBeGreaterThanOrEqual(91 - 7);
  server.intercept = () => undefined;
  await manager.fetch('/users/octocat');
  expect(await left()).toMatchObject({ remaining: 90 });
});

test('a secondary limit rests the account, not only the token', async () => {
  const server = await provider('github');
  for (const token of ['a', 'b', 'other']) server.allow(token, 100);
  server.intercept = ({ token }) =>
    token === 'a'
      ? {
          status: 403,
          headers: { 'retry-after': '60' },
          body: { message: 'You have exceeded a secondary rate limit.' },
        }
      : undefined;
  const tokens = [{ token: 'a', account: 'octocat' }, { token: 'b', account: 'octocat' }, { token: 'other' }];
  const manager = make(tokens, { baseUrls: { github: server.url } });
  expect((await manager.fetch('/users/octocat')).status).toBe(200);
  expect(server.tokens()).toEqual(['a', 'other']);
  expect(await manager.countAvailableTokens('github', { resource: 'graphql' })).toBe(1);
});

test('a secondary limit that only its words tell cools down', async () => {
  const { manager, server } = await github({ a: 100, b: 100 });
  server.intercept = ({ token }) =>
    token === 'a'
      ? { status: 403, body: { message: 'You have exceeded a secondary rate limit.' } }
      : undefined;
  expect((await manager.fetch('/users/octocat')).status).toBe(200);
  const [first] = await manager.getAllTokens();
  const pausedMs = (first?.resources[0]?.pausedUntil?.getTime() ?? 0) - Date.now();
  expect(pausedMs).toBeGreaterThan(50_000);
});

test('a 403 that is about permissions rotates nothing', async () => {
  const { manager, server } = await github({ a: 100, b: 100 });
  server.intercept = () => ({ status: 403, body: { message: 'Resource not accessible by integration' } });
  const response = await manager.fetch('/repos/octocat/secret');
  expect(response.status).toBe(403);
  expect(await response.json()).toEqual({ message: 'Resource not accessible by integration' });
  expect(server.tokens()).toEqual(['a']);
});

test('a missing permission is told though nothing remains, and the token is spent then', async () => {
  const { manager, server } = await github({ a: 100, b: 100 });
  const message = 'Resource not accessible by personal access token';
  const spent = { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0' };
  const headers = { ...spent, 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 600) };
  server.intercept = ({ token }) => (token === 'a' ? { status: 403, headers, body: { message } } : undefined);
  expect((await manager.fetch('/repos/octocat/secret')).status).toBe(403);
  expect((await manager.fetch('/users/octocat')).status).toBe(200);
  expect(server.tokens()).toEqual(['a', 'b']);
});

test('a reserve is kept', async () => {
  const { manager, server } = await github({ a: 100, b: 100 }, { reserve: { share: 0.97 } });
  for (let n = 0; n < 6; n++) await manager.fetch('/users/octocat');
  expect(server.tokens()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
  expect(await rejection(manager.fetch('/users/octocat'))).toBeInstanceOf(RateLimitError);
});

test('of known quotas the one that lapses first is used first', async () => {
  const { manager, server } = await github({ a: 100, b: 100, c: 100 });
  const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1000) + seconds;
  await manager.updateRateLimit('a', { limit: 100, remaining: 100, reset: inSeconds(3000) });
  await manager.updateRateLimit('b', { limit: 100, remaining: 100, reset: inSeconds(600) });
  await manager.fetch('/users/octocat');
  expect(server.tokens()).toEqual(['b']);
});

test('what one manager learned another one of the same name knows', async () => {
  const memory = { name: 'complaints' };
  const { manager, server } = await github({ a: 1, b: 1 }, { memory });
  const other = make(['a', 'b'], { memory, reserve: 0, baseUrls: { github: server.url } });
  await manager.fetch('/users/octocat');
  await other.fetch('/users/octocat');
  expect(await rejection(manager.fetch('/users/octocat'))).toBeInstanceOf(RateLimitError);
  expect(server.tokens()).toEqual(['a', 'b']);
});

test('a wait longer than a timer can hold does not fire at once', async () => {
  const { manager, server } = await github({ a: 0 });
  const days = 40;
  const reset = Math.ceil(Date.now() / 1000) + days * 86_400;
  await manager.updateRateLimit('a', { limit: 10, remaining: 0, reset });
  const controller = new AbortController();
  const waiting = rejection(manager.fetch('/x', { waitForReset: true, signal: controller.signal }));
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(server.asked).toEqual([]);
  controller.abort();
  expect((await waiting).name).toBe('AbortError');
});

test('a machine that slept goes on within half a minute after it woke, not hours later', async () => {
  let nowMs = Date.now();
  const { manager, server } = await github({ a: 5 }, { clock: () => nowMs });
  await manager.updateRateLimit('a', { limit: 5, remaining: 0, reset: new Date(nowMs + 9 * 3_600_000) });
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
  try {
    const waiting = manager.withRotation(() => 'served', { waitForReset: true });
    await jest.advanceTimersByTimeAsync(60_000);
    // Timers stood still while it slept; the clock did not.
    nowMs += 10 * 3_600_000;
    await jest.advanceTimersByTimeAsync(30_000);
    expect(await waiting).toBe('served');
  } finally {
    jest.useRealTimers();
  }
  expect(server.asked).toEqual([]);
});

test('what another process learns ends a wait: a token that is valid again is used', async () => {
  const memory = { name: `waiting-${Math.random()}` };
  const { manager } = await github({ a: 5, b: 5 }, { memory });
  await manager.markInvalid('b');
  await manager.updateRateLimit('a', { limit: 5, remaining: 0, reset: new Date(Date.now() + 3_600_000) });
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
  try {
    const waiting = manager.withRotation(token => token, { waitForReset: true });
    await jest.advanceTimersByTimeAsync(1000);
    await make(['a', 'b'], { memory }).markValid('b');
    await jest.advanceTimersByTimeAsync(30_000);
    expect(await waiting).toBe('b');
  } finally {
    jest.useRealTimers();
  }
});
