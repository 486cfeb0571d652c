/** What providers say is left of their limits, in whatever order they say it. */
import type { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { acquireMany, advance, fateOf, NOTHING, plain, useFakeTime } from './helpers';

useFakeTime();

describe('what the provider says is left', () => {
  const headers = (remaining: number, resetSeconds = 30) => ({
    'ratelimit-limit': '100',
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetSeconds),
  });
  const left = async (manager: RateLimitManager) => (await manager.getStatus()).provider.requests?.remaining;

  test('is told by getStatus and kept until its reset', async () => {
    const manager = plain({ rpm: 500 });
    await manager.observe(headers(7));
    expect((await manager.getStatus()).provider).toEqual({
      requests: { limit: 100, remaining: 7, resetsAt: new Date(Date.now() + 30_000) },
    });
    await advance(30_000);
    expect((await manager.getStatus()).provider).toEqual({});
  });

  test('falls by every admission; nothing left waits for the reset', async () => {
    const manager = plain({ rpm: 500 });
    await manager.observe(headers(2));
    const [first] = await acquireMany(manager, 2);
    expect(await left(manager)).toBe(0);
    expect(await manager.canMakeRequest()).toMatchObject({ reason: 'provider', waitMs: 30_000 });
    await first?.cancel();
    expect(await left(manager)).toBe(1);
    await manager.acquire();
    const fate = fateOf(manager.acquire());
    await advance(29_999);
    expect(fate.isOver).toBe(false);
    await advance(1);
    expect(fate.isOver).toBe(true);
  });

  test('an answer out of order never raises it', async () => {
    const manager = plain({ rpm: 500 });
    const early = new Date();
    await advance(100);
    await manager.observe(headers(5), { sentAt: new Date() });
    await advance(100);
    await manager.observe(headers(80), { sentAt: early });
    expect(await left(manager)).toBe(5);
    await manager.observe(headers(80));
    expect(await left(manager)).toBe(5);
    await manager.observe(headers(4), { sentAt: early });
    expect(await left(manager)).toBe(4);
    await advance(1);
    await manager.observe(headers(60), { sentAt: new Date() });
    expect(await left(manager)).toBe(60);
  });

  test('in whatever order answers come, nothing is made of those under way', async () => {
    const manager = plain({ rpm: 500 });
    const permits = await acquireMany(manager, 4);
    // The provider counts one after the other; the answers come back to front.
    for (const [index, permit] of [...permits].reverse().entries()) {
      await advance(10);
      await permit.settle({ ...NOTHING, headers: headers(6 + index) });
    }
    expect(await left(manager)).toBeLessThanOrEqual(6);
  });

  test('counts tokens of a request as well', async () => {
    const manager = plain({ rpm: 500 });
    const reset = new Date(Date.now() + 50_000).toISOString();
    await manager.observe({
      'anthropic-ratelimit-input-tokens-limit': '40000',
      'anthropic-ratelimit-input-tokens-remaining': '1000',
      'anthropic-ratelimit-input-tokens-reset': reset,
    });
    expect(await manager.canMakeRequest({ inputTokens: 1_000 })).toMatchObject({ verdict: 'now' });
    expect(await manager.canMakeRequest({ inputTokens: 1_001 })).toMatchObject({
      verdict: 'wait',
      reason: 'provider',
    });
  });

  test('observe answers what it read', async () => {
    const manager = plain({ rpm: 500 });
    const permit = await manager.acquire();
    const signals = await manager.observe(new Response(null, { status: 401 }), {
      permit,
      provider: 'openai',
    });
    expect(signals).toMatchObject({ provider: 'openai', isUnauthorized: true, isSuccess: false });
    expect(await manager.observe('neither headers nor an error')).toMatchObject({ readings: [] });
  });
});
