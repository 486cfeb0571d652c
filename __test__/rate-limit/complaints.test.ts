/** What users of rate limiters complain of, in public: each a promise that is kept here. */
import {
  acquireMany,
  advance,
  fateOf,
  heard,
  limiter,
  NOTHING,
  plain,
  refusal,
  sinceNoon,
  used,
  useFakeTime,
} from './helpers';

useFakeTime();

describe('a refusal consumes', () => {
  test('nothing: a request that is turned away takes neither its own limit nor any other', async () => {
    const manager = plain({ rpm: 50, itpm: 1_000, otpm: 1_000, rpd: 1_000 });
    const full = await manager.acquire({ inputTokens: 0, maxOutputTokens: 1_000 });
    const before = await used(manager);
    for (let n = 0; n < 45; n++) {
      expect((await manager.tryAcquire({ inputTokens: 100, maxOutputTokens: 1 })).permit).toBeNull();
    }
    expect(await used(manager)).toEqual(before);
    await full.cancel();
    expect((await manager.tryAcquire({ inputTokens: 1_000, maxOutputTokens: 1_000 })).permit).not.toBeNull();
  });

  test('5 of 50 requests fit into three limits: 5 requests are counted, not 50', async () => {
    const manager = plain({ rpm: 50, itpm: 500, otpm: 5_000 });
    const asked = Array.from({ length: 50 }, () =>
      manager.tryAcquire({ inputTokens: 100, maxOutputTokens: 10 }),
    );
    const admitted = (await Promise.all(asked)).filter(({ permit }) => permit !== null);
    expect(admitted).toHaveLength(5);
    expect(await used(manager)).toEqual({ rpm: 5, itpm: 500, otpm: 50 });
  });

  test('nothing, when a wait is given up', async () => {
    const manager = plain({ rpm: 50, itpm: 500 });
    await manager.acquire({ inputTokens: 500 });
    const fates = Array.from({ length: 10 }, () =>
      fateOf(manager.acquire({ inputTokens: 100, maxWaitMs: 50 })),
    );
    await advance(50);
    for (const { error } of fates) expect(error).toMatchObject({ code: 'RATE_LIMITED' });
    expect(await used(manager)).toEqual({ rpm: 1, itpm: 500 });
  });
});

describe('twice the limit in one window', () => {
  /** The most that was admitted within any stretch of so many milliseconds. */
  const mostWithin = (at: number[], ms: number) =>
    Math.max(...at.map(end => at.filter(instant => instant > end - ms && instant <= end).length));

  test('not at 50 per second, whenever the bursts come', async () => {
    const manager = plain({ rps: 50 });
    const at: number[] = [];
    for (const waitMs of [0, 990, 20, 500, 495, 10, 985, 30]) {
      await advance(waitMs);
      const burst = await Promise.all(Array.from({ length: 60 }, () => manager.tryAcquire()));
      for (const { permit } of burst) if (permit !== null) at.push(sinceNoon(permit.admittedAt));
    }
    expect(at.length).toBeGreaterThanOrEqual(100);
    expect(mostWithin(at, 1_000)).toBe(50);
  });

  test('not for those who wait in the line', async () => {
    const manager = plain({ rps: 50 });
    const permits = acquireMany(manager, 500);
    await advance(11_000);
    const at = (await permits).map(({ admittedAt }) => sinceNoon(admittedAt));
    expect(mostWithin(at, 1_000)).toBe(50);
    expect(Math.max(...at)).toBeLessThanOrEqual(9 * 1_017);
  });
});

test('what is set aside can be given back, in part or as a whole', async () => {
  const manager = plain({ itpm: 1_000 });
  const [settled, cancelled] = await acquireMany(manager, 2, { inputTokens: 500 });
  const waiting = [
    fateOf(manager.acquire({ inputTokens: 400 })),
    fateOf(manager.acquire({ inputTokens: 500 })),
  ];
  await settled?.settle({ inputTokens: 100, outputTokens: 0 });
  await advance(0);
  expect(waiting.map(({ isOver }) => isOver)).toEqual([true, false]);
  await cancelled?.cancel();
  await advance(0);
  expect(waiting.map(({ isOver }) => isOver)).toEqual([true, true]);
});

test('a quota changes while it is in use, and nobody starts anew', async () => {
  const manager = plain({ rpm: 10 });
  await acquireMany(manager, 10);
  const fate = fateOf(manager.acquire());
  await advance(0);
  expect(fate.isOver).toBe(false);
  await manager.setLimits({ rpm: 11 });
  await advance(0);
  expect(fate.value?.waitedMs).toBe(0);
  expect((await used(manager)).rpm).toBe(11);
});

describe('the output limit is not bypassed', () => {
  test('output is set aside before it is spoken', async () => {
    const manager = plain({ otpm: 1_000 });
    await manager.acquire({ maxOutputTokens: 900 });
    expect((await manager.tryAcquire({ maxOutputTokens: 101 })).verdict).toMatchObject({ reason: 'otpm' });
  });

  test('by requests that say nothing of their output', async () => {
    const manager = plain({ otpm: 600 });
    const admitted = await Promise.all(Array.from({ length: 100 }, () => manager.tryAcquire()));
    expect(admitted.filter(({ permit }) => permit !== null)).toHaveLength(60);
  });

  test('by an answer that is longer than was said', async () => {
    const manager = plain({ otpm: 1_000 });
    const permit = await manager.acquire({ maxOutputTokens: 10 });
    await permit.settle({ inputTokens: 0, outputTokens: 1_000 });
    expect((await manager.tryAcquire({ maxOutputTokens: 1 })).verdict).toMatchObject({ reason: 'otpm' });
  });

  test('by an answer that lasts longer than a minute', async () => {
    const manager = plain({ otpm: 1_000 });
    const permit = await manager.acquire({ maxOutputTokens: 900 });
    await advance(90_000);
    await permit.settle({ inputTokens: 0, outputTokens: 900 });
    expect((await manager.tryAcquire({ maxOutputTokens: 101 })).verdict).toMatchObject({ reason: 'otpm' });
  });
});

describe('several agents on one limit', () => {
  test('do not all die together: one that floods leaves the others their share', async () => {
    const manager = plain({ rpm: 40 });
    for (const agent of ['a', 'b', 'c', 'flood']) await manager.allocate(agent, 0.25);
    await Promise.all(['a', 'b', 'c'].map(agent => manager.acquire({ agent })));
    const flood = Array.from({ length: 100 }, () => fateOf(manager.acquire({ agent: 'flood' })));
    await advance(0);
    expect(flood.filter(({ isOver }) => isOver)).toHaveLength(10);
    for (const agent of ['a', 'b', 'c']) {
      const more = await Promise.all(Array.from({ length: 20 }, () => manager.tryAcquire({ agent })));
      expect(more.filter(({ permit }) => permit !== null)).toHaveLength(9);
    }
  });

  test('have a share each, and what one leaves idle is not wasted', async () => {
    const manager = plain({ rpm: 40 });
    await manager.allocate('asleep', 0.9);
    await manager.allocate('awake', 0.1);
    expect(await acquireMany(manager, 40, { agent: 'awake' })).toHaveLength(40);
  });

  test('one refusal of the provider stops all, not each at its own cost', async () => {
    const memory = { name: 'one-refusal' };
    const [one, other] = [plain({ rpm: 40 }, { memory }), plain({ rpm: 40 }, { memory })];
    await one.observe(refusal({ 'retry-after': '9' }));
    expect(await other.canMakeRequest()).toMatchObject({ reason: 'cooldown', waitMs: 9_000 });
  });
});

describe('rate 429 and quota 429', () => {
  const quota = Object.assign(new Error('You exceeded your current quota'), {
    status: 429,
    headers: {},
    error: { code: 'insufficient_quota', type: 'insufficient_quota' },
  });
  const rate = Object.assign(new Error('Rate limit reached'), {
    status: 429,
    headers: { 'retry-after': '2' },
    error: { code: 'rate_limit_exceeded', type: 'requests' },
  });

  test('are told apart', async () => {
    const manager = plain({ rpm: 40 });
    const hits = heard(manager, 'limit:hit');
    expect((await manager.observe(rate)).hit).toEqual({ kind: 'rate', retryAfterMs: 2_000 });
    expect((await manager.observe(quota)).hit?.kind).toBe('quota');
    expect(hits).toMatchObject([{ kind: 'rate' }, { kind: 'quota' }]);
    expect(manager.metrics().hits).toEqual({ quota: 1, rate: 1 });
  });

  test('a rate that is over for two seconds does not stop for a minute', async () => {
    const manager = plain({ rpm: 40 });
    await manager.observe(rate);
    const fate = fateOf(manager.acquire());
    await advance(2_000);
    expect(fate.value?.waitedMs).toBe(2_000);
  });
});

describe('locked out', () => {
  test('not for a day: after each pause one request tries, and its success opens', async () => {
    const manager = plain({ rpm: 40 });
    for (let n = 0; n < 3; n++) {
      await manager.observe(refusal({ 'retry-after': '5' }));
      // As long as the provider asks, and longer when it refuses again.
      const { waitMs } = await manager.canMakeRequest();
      expect(waitMs).toBeGreaterThanOrEqual(n === 0 ? 5_000 : 60_000);
      await advance(waitMs);
    }
    const probe = await manager.acquire();
    expect((await manager.tryAcquire()).verdict).toMatchObject({ reason: 'probe' });
    await probe.settle(NOTHING);
    await acquireMany(manager, 20);
  });

  test('not when the provider asks for a day', async () => {
    const manager = limiter({ limits: { rpm: 40 } });
    await manager.observe(refusal({ 'retry-after': '86400' }));
    expect((await manager.canMakeRequest()).waitMs).toBe(3_600_000);
  });
});

describe('stuck for ever', () => {
  test('not behind requests that nobody settles', async () => {
    const manager = plain({ concurrent: 2 }, { permitTTL: 30_000 });
    await acquireMany(manager, 2);
    const fates = Array.from({ length: 6 }, () => fateOf(manager.acquire()));
    await advance(130_000);
    expect(fates.every(({ isOver }) => isOver)).toBe(true);
  });

  test('not behind a process that died', async () => {
    const memory = { name: 'died' };
    const [dead, alive] = [plain({ concurrent: 1 }, { memory }), plain({ concurrent: 1 }, { memory })];
    await dead.acquire();
    const behind = [fateOf(dead.acquire()), fateOf(alive.acquire())];
    await dead.close();
    await advance(30_020);
    expect(behind[0]?.error).toMatchObject({ code: 'CLOSED' });
    expect(behind[1]?.isOver).toBe(true);
  });

  test('not behind a probe without an answer, nor one that was aborted', async () => {
    const manager = plain({ rpm: 40 }, { permitTTL: 20_000 });
    await manager.observe(refusal({ 'retry-after': '1' }));
    await advance(1_000);
    const controller = new AbortController();
    await manager.acquire();
    const gone = fateOf(manager.acquire({ signal: controller.signal }));
    const fate = fateOf(manager.acquire());
    controller.abort();
    await advance(30_000);
    expect([gone.error !== undefined, fate.isOver]).toEqual([true, true]);
  });

  test('not a thousand that arrive at once', async () => {
    const manager = plain({ rpm: 500 });
    const permits = acquireMany(manager, 1_000);
    await advance(61_000);
    expect(await permits).toHaveLength(1_000);
  });
});

test('backoff does not add up to 33 hours: no wait is longer than maxCooldown', async () => {
  const manager = plain({ rpm: 40 }, { safety: { margin: 0, cooldown: 60, maxCooldown: 600 } });
  for (let n = 0; n < 50; n++) {
    await manager.observe(refusal());
    const { waitMs } = await manager.canMakeRequest();
    expect(waitMs).toBeLessThanOrEqual(600_000);
    await advance(waitMs);
  }
  const { permit } = await manager.tryAcquire();
  await permit?.settle(NOTHING);
  await manager.observe(refusal());
  expect((await manager.canMakeRequest()).waitMs).toBeLessThanOrEqual(66_000);
});
