/** What is counted when, of requests that say little, are told twice or are refused. */
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { advance, limiter, NOTHING, plain, used, useFakeTime } from './helpers';

useFakeTime();

test('shares that are parts of one fit into it', async () => {
  for (const parts of [3, 6, 7, 14, 15, 24, 49]) {
    const manager = plain({ rpm: 1000 });
    const agents = Array.from({ length: parts }, (_, index) => `agent-${index}`);
    for (const agent of agents) expect(await manager.allocate(agent, 1 / parts)).toBe(true);
  }
});

test('a request that names nothing is held for a part of whatever limit there is', async () => {
  const minute = plain({ tpm: 6_000 });
  expect((await minute.acquire()).inputTokens).toBe(100);
  const day = plain({ tpd: 6_000 * 1440 });
  expect((await day.acquire()).inputTokens).toBe(100);
  const requests = plain({ rpm: 10 });
  expect((await requests.acquire()).inputTokens).toBe(0);
});

test('what a provider that fills up evenly says is left is believed for a tenth of the time until all is back', async () => {
  const left = { 'x-ratelimit-remaining-requests': '1', 'x-ratelimit-reset-requests': '60s' };
  const manager = plain({ rpm: 100 });
  const permit = await manager.acquire();
  await advance(10);
  await permit.settle({ ...NOTHING, headers: left });
  await (await manager.acquire()).settle(NOTHING);
  expect(await manager.canMakeRequest()).toMatchObject({
    verdict: 'wait',
    reason: 'provider',
    waitMs: 6_000,
  });
  await advance(6_000);
  expect(await manager.canMakeRequest()).toMatchObject({ verdict: 'now' });

  const fixed = plain({ rpm: 100 }, { name: 'fixed' });
  const other = await fixed.acquire();
  await advance(10);
  await other.settle({ ...NOTHING, headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '60' } });
  expect(await fixed.canMakeRequest()).toMatchObject({ verdict: 'wait', reason: 'provider', waitMs: 60_000 });
});

test('only who has a place in the line has waited', async () => {
  const manager = limiter({ limits: { rpm: 60 } });
  await manager.acquire();
  const second = manager.acquire();
  await advance(1_100);
  await second;
  await manager.tryAcquire();
  const { admitted, waited } = manager.metrics().requests;
  expect({ admitted, waited }).toEqual({ admitted: 2, waited: 1 });
});

test('a permit that is settled by its id is counted as well', async () => {
  const manager = plain({ itpm: 1_000 });
  const { id } = await manager.acquire({ inputTokens: 100 });
  await manager.settle(id, { inputTokens: 70, outputTokens: 3 });
  await manager.settle(id, { inputTokens: 70, outputTokens: 3 });
  expect(manager.metrics()).toMatchObject({
    requests: { settled: 1 },
    tokens: { used: { input: 70, output: 3 } },
  });
  expect(await used(manager)).toEqual({ itpm: 70 });
});

test('a limiter that is closed says so, whatever it is asked', async () => {
  const manager = new RateLimitManager();
  await manager.close();
  const closed = expect.objectContaining({ code: 'CLOSED', message: 'The limiter is closed' });
  await expect(manager.acquire()).rejects.toEqual(closed);
  expect(() => manager.coolDownSession('s')).toThrow(closed);
});
