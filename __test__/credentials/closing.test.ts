/** What a manager does when it is closed while something waits or is under way. */
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { runProcess } from '../support/process';
import { startStore } from '../support/stores';
import { closeAll, github, manager as make, provider } from './support/setup';

afterEach(closeAll);

const inAnHour = () => new Date(Date.now() + 3_600_000);

test('a call that waits for a reset ends at once, and nothing is sent', async () => {
  const { manager, server } = await github({ a: 5 }, { waitForReset: true });
  await manager.updateRateLimit('a', { limit: 5, remaining: 0, reset: inAnHour() });
  const { signal } = new AbortController();
  const waiting = [
    rejection(manager.fetch('/x')),
    rejection(manager.fetch('/x', { signal })),
    rejection(manager.withRotation(() => 'sent', { signal })),
  ];
  await new Promise(resolve => setImmediate(resolve));
  const beganMs = performance.now();
  await manager.close();
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'CLOSED' });
  expect(performance.now() - beganMs).toBeLessThan(2000);
  expect(server.asked).toEqual([]);
});

test('a process whose manager is closed while a call waits ends', async () => {
  const one = runProcess('credentials.cjs');
  await one.call('make', { tokens: ['a'], options: { waitForReset: true } });
  await one.call('waitLong');
  await one.call('close');
  const beganMs = performance.now();
  one.disconnect();
  expect(await one.ended).toBe(0);
  // Who waits looks again after half a minute.
  expect(performance.now() - beganMs).toBeLessThan(10_000);
});

test('a request under way is answered and reported before close is over', async () => {
  const memory = { name: 'closing' };
  const { manager, server } = await github({ a: 9 }, { memory });
  const other = make(['a'], { memory, reserve: 0, baseUrls: { github: server.url } });
  const asked = new Promise<void>(resolve => {
    server.intercept = () => {
      resolve();
      const quota = server.quotas.get('a')?.get('core');
      if (quota === undefined) return undefined;
      quota.used = 9;
      return { delayMs: 200, headers: server.headers(quota, 'core'), body: {} };
    };
  });
  const answer = manager.fetch('/x');
  await asked;
  await manager.close();
  expect((await answer).status).toBe(200);
  expect(await other.countAvailableTokens()).toBe(0);
});

test('a refusal that arrives while it closes is reported, and no other token is tried', async () => {
  const { manager, server } = await github({ a: 9, b: 9 });
  const asked = new Promise<void>(resolve => {
    server.intercept = () => {
      resolve();
      return { delayMs: 100, status: 429, headers: { 'retry-after': '60' } };
    };
  });
  const answer = rejection(manager.fetch('/x'));
  await asked;
  await manager.close();
  expect(await answer).toMatchObject({ code: 'CLOSED' });
  expect(server.tokens()).toEqual(['a']);
});

test('the report of a lease is waited for, a lease that nobody ends is not', async () => {
  const settled = make(['a']);
  const lease = await settled.getNextAvailableToken();
  const ending = lease.settle();
  await settled.close();
  expect(await ending).toBe('served');
  const left = new TokenManager(['a']);
  await left.getNextAvailableToken();
  const beganMs = performance.now();
  await left.close({ timeout: 60_000 });
  expect(performance.now() - beganMs).toBeLessThan(30_000);
});

test('on Redis a call that waits ends at once, too', async () => {
  const store = await startStore('standalone');
  const server = await provider('github');
  server.allow('a', 5);
  const options = { redis: store.redis, reserve: 0, waitForReset: true, baseUrls: { github: server.url } };
  const manager = make(['a'], options);
  await manager.updateRateLimit('a', { limit: 5, remaining: 0, reset: inAnHour() });
  const waiting = rejection(manager.fetch('/x'));
  const picking = rejection(manager.getNextAvailableToken());
  await manager.close();
  expect(await waiting).toMatchObject({ code: 'CLOSED' });
  expect(await picking).toMatchObject({ code: 'CLOSED' });
  expect(server.asked).toEqual([]);
  await store.stop();
});

test('a pick that is under way when the manager is closed gives no token', async () => {
  const manager = make(['a']);
  const picking = rejection(manager.getNextAvailableToken());
  const rotating = rejection(manager.withRotation(() => 'sent'));
  await manager.close();
  expect(await picking).toMatchObject({ code: 'CLOSED' });
  expect(await rotating).toMatchObject({ code: 'CLOSED' });
});
