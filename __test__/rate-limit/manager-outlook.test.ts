/** What a limiter learns, foresees, counts and tells. */
import type { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import {
  acquireMany,
  advance,
  fateOf,
  heard,
  limiter,
  MINUTE_LEFT_MS,
  NOTHING,
  plain,
  refusal,
  useFakeTime,
} from './helpers';

useFakeTime();

async function answer(manager: RateLimitManager, outputTokens: number, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const permit = await manager.acquire({ model: 'm', inputTokens: 0, maxOutputTokens: 0 });
    await permit.settle({ inputTokens: 0, outputTokens });
  }
}

describe('learned lengths of answers', () => {
  test('are used when maxOutputTokens is absent', async () => {
    const manager = plain({ otpm: 60_000 });
    await answer(manager, 300, 19);
    expect((await manager.acquire({ model: 'm' })).outputTokens).toBe(1_000);
    await answer(manager, 300, 1);
    const { outputTokens } = await manager.acquire({ model: 'm' });
    expect(outputTokens).toBeGreaterThanOrEqual(300);
    expect(outputTokens).toBeLessThanOrEqual(336);
    expect((await manager.acquire({ model: 'm', maxOutputTokens: 5_000 })).outputTokens).toBe(5_000);
    expect((await manager.acquire({ model: 'another' })).outputTokens).toBe(1_000);
    expect((await manager.acquire()).outputTokens).toBe(1_000);
  });

  test('cover outputQuantile of the answers, and no more than max', async () => {
    const [usual, wary] = [plain({}, { outputQuantile: 0.5 }), plain({}, { outputQuantile: 0.99 })];
    for (const manager of [usual, wary]) {
      await answer(manager, 10, 90);
      await answer(manager, 4_000, 10);
    }
    expect(await usual.estimateOutputTokens('m')).toBeLessThan(12);
    expect(await wary.estimateOutputTokens('m')).toBeGreaterThanOrEqual(4_000);
    expect(await wary.estimateOutputTokens('m', 500)).toBe(500);
    expect(await wary.estimateOutputTokens('unknown')).toBeUndefined();
  });

  test('are shared through the store', async () => {
    const memory = { name: 'learned' };
    const [teacher, pupil] = [plain({}, { memory }), plain({}, { memory })];
    await answer(teacher, 50, 30);
    await advance(30_000);
    expect(await pupil.estimateOutputTokens('m')).toBe(await teacher.estimateOutputTokens('m'));
  });

  test('are told to the store when the limiter is closed', async () => {
    const memory = { name: 'learned-at-close' };
    const [teacher, pupil] = [plain({}, { memory }), plain({}, { memory })];
    await answer(teacher, 50, 30);
    await teacher.close();
    expect(await pupil.estimateOutputTokens('m')).toBeGreaterThanOrEqual(50);
  });

  test('are never more than can be admitted', async () => {
    const manager = limiter({ limits: { otpm: 1_000 }, pacing: false, safety: { margin: 0.15 } });
    for (let n = 0; n < 30; n++) {
      const permit = await manager.acquire({ model: 'm', inputTokens: 0, maxOutputTokens: 0 });
      await permit.settle({ inputTokens: 0, outputTokens: 5_000 });
      await advance(MINUTE_LEFT_MS);
    }
    const permit = await manager.acquire({ model: 'm' });
    expect(permit.outputTokens).toBe(850);
    await permit.cancel();
    expect((await manager.acquire({ model: 'm', priority: 'critical' })).outputTokens).toBe(1_000);
  });

  test('nothing is learned of requests that failed', async () => {
    const manager = plain({});
    for (let n = 0; n < 30; n++) {
      const permit = await manager.acquire({ model: 'm' });
      await permit.settle({ ...NOTHING, error: refusal({}, 500) });
    }
    expect(await manager.estimateOutputTokens('m')).toBeUndefined();
  });
});

describe('forecast', () => {
  test('nothing was used: nothing is used up, and the requests set the pace', async () => {
    expect(await plain({ rpm: 60 }).forecast()).toEqual({
      limits: { rpm: { perMinute: 0, exhaustedInMs: null } },
      scarcest: null,
      recommendedPauseMs: 1_000,
    });
  });

  test('names the limit that is used up first, when, and the pace that avoids it', async () => {
    const manager = plain({ rpm: 600, otpm: 6_000 });
    for (let second = 0; second < 30; second++) {
      await manager.acquire({ maxOutputTokens: 150 });
      await advance(1_000);
    }
    const { limits, scarcest, recommendedPauseMs } = await manager.forecast();
    expect(scarcest).toBe('otpm');
    // 150 a second; 1,500 are left.
    expect(limits.otpm?.exhaustedInMs).toBeGreaterThan(9_000);
    expect(limits.otpm?.exhaustedInMs).toBeLessThan(11_000);
    expect(limits.rpm?.exhaustedInMs).toBeNull();
    expect(recommendedPauseMs).toBe(1_500);
  });
});

describe('the rate that a forecast goes by', () => {
  test('is that of the last minutes, also of long windows', async () => {
    const manager = plain({ rpm: 600, rph: 1_800, rpd: 3_000 });
    for (let second = 0; second < 60; second++) {
      await manager.acquire();
      await advance(1_000);
    }
    const { limits } = await manager.forecast();
    for (const name of ['rpm', 'rph', 'rpd'] as const) {
      expect(limits[name]?.perMinute).toBeGreaterThan(57);
      expect(limits[name]?.perMinute).toBeLessThan(63);
    }
    // One in a second: 1,740 and 2,940 are left.
    expect(Math.abs((limits.rph?.exhaustedInMs ?? 0) / 1_740_000 - 1)).toBeLessThan(0.05);
    expect(Math.abs((limits.rpd?.exhaustedInMs ?? 0) / 2_940_000 - 1)).toBeLessThan(0.05);
  });
});

describe('metrics', () => {
  async function busyManager() {
    const manager = plain({ rpm: 3 });
    const asked = [1, 2, 3].map(() => manager.acquire({ inputTokens: 100, maxOutputTokens: 50 }));
    const [first, second, third] = await Promise.all(asked);
    await advance(2_000);
    await first?.settle({ inputTokens: 90, outputTokens: 10 });
    await second?.settle({ ...NOTHING, error: refusal({ 'retry-after': '1' }), responseTimeMs: 700 });
    await third?.cancel();
    const waiting = fateOf(manager.acquire({ inputTokens: 1, maxOutputTokens: 1 }));
    await manager.tryAcquire();
    await advance(1_000);
    await waiting.value?.settle(NOTHING);
    return manager;
  }

  test('count requests, tokens, errors, waits and response times', async () => {
    const snapshot = (await busyManager()).metrics();
    expect(snapshot).toMatchObject({
      requests: { admitted: 4, waited: 1, settled: 3, cancelled: 1, refused: { line: 1 } },
      requestsPerMinute: 4,
      tokens: { estimated: { input: 301, output: 151 }, used: { input: 90, output: 10 } },
      hits: { rate: 1 },
      errors: { 429: 1 },
    });
    expect(snapshot.waits).toMatchObject({ count: 4, sumSeconds: 1 });
    expect(snapshot.responses).toMatchObject({ count: 3, sumSeconds: 2.7 });
  });

  test('requests of the last minute leave it', async () => {
    const manager = await busyManager();
    await advance(60_000);
    expect(manager.metrics().requestsPerMinute).toBe(0);
  });

  test('are told as Prometheus text, labelled with the limiter', async () => {
    const lines = (await busyManager()).prometheus().split('\n');
    for (const line of [
      '# TYPE token_budget_rate_limit_requests_admitted_total counter',
      'token_budget_rate_limit_requests_admitted_total{limiter="default"} 4',
      'token_budget_rate_limit_tokens_used_total{limiter="default",direction="input"} 90',
      'token_budget_rate_limit_hits_total{limiter="default",kind="rate"} 1',
      'token_budget_rate_limit_errors_total{limiter="default",status="429"} 1',
      'token_budget_rate_limit_response_seconds_count{limiter="default"} 3',
      'token_budget_rate_limit_requests_per_minute{limiter="default"} 4',
    ]) {
      expect(lines).toContain(line);
    }
  });
});

describe('events', () => {
  test('limit:waiting, once for each request that waits', async () => {
    const manager = plain({ rpm: 1 });
    const events = heard(manager, 'limit:waiting');
    await manager.acquire();
    expect(events).toEqual([]);
    for (let n = 0; n < 3; n++) fateOf(manager.acquire());
    await advance(0);
    expect(events).toEqual([
      { waitMs: 61_000, ahead: 0 },
      { waitMs: 61_000, ahead: 1 },
      { waitMs: 61_000, ahead: 2 },
    ]);
  });

  test('limit:approaching at four fifths, once until it falls below', async () => {
    const manager = plain({ rpm: 10, itpm: 1_000 });
    const events = heard(manager, 'limit:approaching');
    for (let n = 0; n < 10; n++) {
      await manager.acquire({ inputTokens: 10 });
      await advance(1_000);
    }
    expect(events).toEqual([{ limit: 'rpm', used: 8, of: 10 }]);
    await advance(60_000);
    await manager.acquire({ inputTokens: 1_000 });
    await advance(1_000);
    expect(events).toEqual([
      { limit: 'rpm', used: 8, of: 10 },
      { limit: 'itpm', used: 1_000, of: 1_000 },
    ]);
    await acquireMany(manager, 9, { inputTokens: 0 });
    await advance(1_000);
    expect(events).toHaveLength(3);
  });

  test('limit:approaching after a burst that is over within a second', async () => {
    const manager = plain({ rpm: 10 });
    const events = heard(manager, 'limit:approaching');
    for (let n = 0; n < 10; n++) {
      await manager.acquire();
      await advance(50);
    }
    await advance(1_000);
    expect(events).toEqual([{ limit: 'rpm', used: 10, of: 10 }]);
    expect(jest.getTimerCount()).toBe(1);
  });

  test('a listener that throws stops nothing; the failure goes to error', async () => {
    const manager = plain({ rpm: 50 });
    const errors = heard(manager, 'error');
    const failure = new Error('listener');
    manager.on('limit:hit', () => {
      throw failure;
    });
    const hits = heard(manager, 'limit:hit');
    await manager.observe(refusal());
    expect(errors).toEqual([failure]);
    expect(hits).toHaveLength(1);
  });
});
