/** Limits that change while they are in use. */
import { acquireMany, advance, fateOf, heard, limiter, NOTHING, plain, used, useFakeTime } from './helpers';

useFakeTime();

/** Two holders of one limiter. */
function pair(name: string) {
  const make = () => plain({ rpm: 5, itpm: 1_000 }, { memory: { name } });
  return { one: make(), other: make() };
}

describe('setLimits', () => {
  test('holds for everybody at once, upwards', async () => {
    const { one, other } = pair('upwards');
    await acquireMany(other, 5, { inputTokens: 0 });
    const fate = fateOf(other.acquire({ inputTokens: 0 }));
    await advance(1_000);
    expect(fate.isOver).toBe(false);
    await one.setLimits({ rpm: 6 });
    await advance(20);
    expect(fate.isOver).toBe(true);
    expect(await other.getLimits()).toEqual({ rpm: 6 });
  });

  test('and downwards: what was used already counts', async () => {
    const { one, other } = pair('downwards');
    await acquireMany(other, 3, { inputTokens: 0 });
    await one.setLimits({ rpm: 3, itpm: 1_000 });
    expect((await other.tryAcquire({ inputTokens: 0 })).verdict).toMatchObject({ reason: 'rpm' });
    await one.setLimits({ rpm: 2, itpm: 1_000 });
    expect((await other.getStatus()).limits.rpm).toMatchObject({ limit: 2, used: 3, remaining: 0 });
    await advance(61_000);
    await acquireMany(other, 2, { inputTokens: 0 });
    expect((await other.tryAcquire({ inputTokens: 0 })).permit).toBeNull();
  });

  test('the margin and the pace go with them', async () => {
    const manager = limiter({ limits: { rpm: 50 } });
    await manager.setLimits({ rpm: 20 });
    expect((await manager.getStatus()).limits.rpm).toMatchObject({ limit: 20, ordinary: 17 });
    await manager.acquire();
    expect(await manager.canMakeRequest()).toMatchObject({ reason: 'pacing', waitMs: 3_300 });
  });

  test('null returns to the configured ones', async () => {
    const { one, other } = pair('null');
    await one.setLimits({ rpm: 1 });
    await other.setLimits(null);
    expect(await one.getLimits()).toEqual({ rpm: 5, itpm: 1_000 });
  });

  test('0 allows nothing, and nothing is limited by what is left out', async () => {
    const manager = plain({ rpm: 5 });
    await manager.setLimits({ rpm: 0 });
    expect(await manager.canMakeRequest()).toMatchObject({ verdict: 'never', reason: 'rpm', limit: 0 });
    await manager.setLimits({});
    await acquireMany(manager, 1_000);
    expect(await manager.getStatus()).toMatchObject({ limits: {}, underWay: 1_000 });
  });

  test('a limit that is new counts what is known of the last minute', async () => {
    const manager = plain({ rpm: 100 });
    await acquireMany(manager, 7);
    await manager.setLimits({ rpm: 100, rph: 10 });
    expect(await used(manager)).toEqual({ rpm: 7, rph: 7 });
  });

  test('another holder names the limits in force, not its own', async () => {
    const { one, other } = pair('named');
    await one.setLimits({ rpd: 9, tpm: 10, concurrent: 5 });
    expect(await other.canMakeRequest({ inputTokens: 11 })).toMatchObject({
      verdict: 'never',
      reason: 'tpm',
      limit: 10,
    });
    await other.acquire({ inputTokens: 10 });
    expect((await other.tryAcquire({ inputTokens: 1 })).verdict).toMatchObject({ reason: 'tpm' });
    expect(other.metrics().requests.refused).toEqual({ tpm: 1 });
  });

  test('another holder hears of the change when it looks', async () => {
    const { one, other } = pair('heard');
    const [ours, theirs] = [heard(one, 'limits:changed'), heard(other, 'limits:changed')];
    await one.setLimits({ rpm: 6, itpm: 600 });
    expect(ours).toEqual([{ rpm: 6, itpm: 600 }]);
    await other.getStatus();
    await other.getStatus();
    await one.getStatus();
    expect(theirs).toEqual([{ rpm: 6, itpm: 600 }]);
    expect(ours).toHaveLength(1);
    expect(await other.acquire()).toMatchObject({ inputTokens: 10 });
  });

  test('who waits for more than is allowed from now on is sent home', async () => {
    const manager = plain({ itpm: 1_000 });
    await manager.acquire({ inputTokens: 1_000 });
    const large = fateOf(manager.acquire({ inputTokens: 900 }));
    const small = fateOf(manager.acquire({ inputTokens: 100 }));
    const critical = fateOf(manager.acquire({ inputTokens: 500, priority: 'critical' }));
    await manager.setLimits({ itpm: 400 });
    await advance(0);
    for (const { error } of [large, critical]) {
      expect(error).toMatchObject({ code: 'NEVER_FITS', field: 'limits.itpm' });
    }
    expect(small.isOver).toBe(false);
    expect((await manager.getStatus()).waiting).toBe(1);
    await advance(61_000);
    expect(small.value?.inputTokens).toBe(100);
  });

  test('even when another holder lowered them', async () => {
    const { one, other } = pair('sent-home');
    await acquireMany(one, 5, { inputTokens: 0 });
    const fate = fateOf(one.acquire({ inputTokens: 900 }));
    await other.setLimits({ itpm: 800 });
    await advance(20);
    expect(fate.error).toMatchObject({ code: 'NEVER_FITS', field: 'limits.itpm' });
    expect(fate.error?.message).toBe('itpm: the request is larger than 800, it can never be made');
  });
});

describe('adoptLimits', () => {
  const told = {
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '9',
    'x-ratelimit-reset-requests': '6s',
    'x-ratelimit-limit-tokens': '5000',
    'x-ratelimit-remaining-tokens': '4000',
    'x-ratelimit-reset-tokens': '12s',
  };

  test('takes the limits that the provider tells', async () => {
    const manager = plain({ rpm: 50, itpm: 40_000 }, { adoptLimits: true });
    const changes = heard(manager, 'limits:changed');
    const permit = await manager.acquire();
    await permit.settle({ ...NOTHING, headers: told });
    await advance(0);
    expect(await manager.getLimits()).toEqual({ rpm: 10, itpm: 40_000, tpm: 5_000 });
    await manager.observe(told);
    await advance(0);
    expect(changes).toEqual([{ rpm: 10, itpm: 40_000, tpm: 5_000 }]);
  });

  test('once, when many answers tell of them at the same time', async () => {
    const manager = plain({ rpm: 50 }, { adoptLimits: true });
    const changes = heard(manager, 'limits:changed');
    const permits = await acquireMany(manager, 10);
    await Promise.all(permits.map(permit => permit.settle({ ...NOTHING, headers: told })));
    await advance(0);
    expect(changes).toEqual([{ rpm: 10, tpm: 5_000 }]);
  });

  test('not unless asked for', async () => {
    const manager = plain({ rpm: 50 });
    await manager.observe(told);
    await advance(0);
    expect(await manager.getLimits()).toEqual({ rpm: 50 });
  });

  test('not those of an hour', async () => {
    const manager = plain({ rpm: 50 }, { adoptLimits: true });
    const reset = String(Date.now() / 1000 + 3_600);
    const headers = {
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '4999',
      'x-ratelimit-reset': reset,
    };
    const { readings } = await manager.observe(headers, { provider: 'github' });
    expect(readings).toEqual([{ unit: 'requests', limit: 5_000, remaining: 4_999, resetInMs: 3_600_000 }]);
    await advance(0);
    expect(await manager.getLimits()).toEqual({ rpm: 50 });
  });

  test('not those of a policy that may be of any time, and none of nothing', async () => {
    const manager = plain({ rpm: 50 }, { adoptLimits: true });
    await manager.observe({ 'ratelimit-policy': '"hour";q=5000;w=3600', ratelimit: '"hour";r=4999;t=3600' });
    await manager.observe({
      'x-ratelimit-limit-requests': '0',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1s',
    });
    await advance(0);
    expect(await manager.getLimits()).toEqual({ rpm: 50 });
  });
});
