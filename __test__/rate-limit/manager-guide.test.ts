/** What the guide of rate limits asks for, by its own figures. */
import { acquireMany, advance, fateOf, limiter, plain, sinceNoon, used, useFakeTime } from './helpers';

useFakeTime();

/** As the guide prints it. */
const GUIDE = JSON.parse(`{
  "limits": { "rpm": 50, "itpm": 40000, "otpm": 8000 },
  "safety": { "margin": 0.15, "cooldown": 60 }
}`);

test("the guide's configuration is taken as it stands", async () => {
  const manager = limiter(GUIDE);
  expect(await manager.getLimits()).toEqual({ rpm: 50, itpm: 40_000, otpm: 8_000 });
  const { limits } = await manager.getStatus();
  const minute = { used: 0, windowMs: 60_000 };
  expect(limits).toEqual({
    rpm: { limit: 50, ordinary: 42, remaining: 42, ...minute },
    itpm: { limit: 40_000, ordinary: 34_000, remaining: 34_000, ...minute },
    otpm: { limit: 8_000, ordinary: 6_800, remaining: 6_800, ...minute },
  });
});

test("without a configuration the guide's limits hold", async () => {
  const [given, own] = [limiter(GUIDE), limiter()];
  expect((await own.getStatus()).limits).toEqual((await given.getStatus()).limits);
});

test("a request that names no amounts takes the guide's: 666 in and 133 out", async () => {
  const manager = limiter(GUIDE);
  const permit = await manager.acquire();
  expect(permit).toMatchObject({ inputTokens: 666, outputTokens: 133, waitedMs: 0 });
  expect(await used(manager)).toEqual({ rpm: 1, itpm: 666, otpm: 133 });
});

describe('pacing', () => {
  const gaps = async (manager: ReturnType<typeof limiter>, count: number, ms: number) => {
    const permits = acquireMany(manager, count);
    await advance(ms);
    const at = (await permits).map(({ admittedAt }) => admittedAt.getTime());
    return at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
  };

  test('1.2 s and a tenth: 1.32 s', async () => {
    expect(await gaps(limiter(GUIDE), 10, 20_000)).toEqual(new Array(9).fill(1320));
  });

  test('its margin is the caller’s', async () => {
    expect(await gaps(limiter({ ...GUIDE, pacing: { margin: 0 } }), 5, 20_000)).toEqual(
      new Array(4).fill(1200),
    );
  });

  test('fractions of a millisecond are carried: no drift, no burst', async () => {
    const manager = limiter({ limits: { rpm: 7 }, safety: { margin: 0 }, pacing: { margin: 0 } });
    const between = await gaps(manager, 7, 60_000);
    expect(between.reduce((sum, gap) => sum + gap, 0)).toBe(Math.ceil((6 * 60_000) / 7));
    for (const gap of between) expect([8571, 8572]).toContain(gap);
  });

  test('switched off, what the minute allows goes at once', async () => {
    const permits = await acquireMany(limiter({ ...GUIDE, pacing: false }), 42);
    for (const { admittedAt } of permits) expect(sinceNoon(admittedAt)).toBe(0);
  });

  test('where no requests are limited there is no distance to keep', async () => {
    const permits = await acquireMany(limiter({ limits: { itpm: 40_000 } }), 51);
    for (const { admittedAt } of permits) expect(sinceNoon(admittedAt)).toBe(0);
  });
});

describe('margin', () => {
  test('normal and low requests stop at 42 of 50, critical ones get the rest', async () => {
    const manager = limiter({ ...GUIDE, pacing: false });
    await acquireMany(manager, 42);
    for (const priority of ['normal', 'low'] as const) {
      const { permit, verdict } = await manager.tryAcquire({ priority });
      expect(permit).toBeNull();
      expect(verdict).toMatchObject({ verdict: 'wait', reason: 'rpm' });
    }
    await acquireMany(manager, 8, { priority: 'critical' });
    const { verdict } = await manager.tryAcquire({ priority: 'critical' });
    expect(verdict).toMatchObject({ verdict: 'wait', reason: 'rpm' });
    expect((await used(manager)).rpm).toBe(50);
  });

  test('tokens are held back like requests', async () => {
    const manager = limiter({ ...GUIDE, pacing: false });
    await manager.acquire({ inputTokens: 34_000, maxOutputTokens: 6_800 });
    expect((await manager.canMakeRequest({ inputTokens: 1, maxOutputTokens: 0 })).reason).toBe('itpm');
    expect((await manager.canMakeRequest({ inputTokens: 0, maxOutputTokens: 1 })).reason).toBe('otpm');
    await manager.acquire({ inputTokens: 6_000, maxOutputTokens: 1_200, priority: 'critical' });
    expect(await used(manager)).toEqual({ rpm: 2, itpm: 40_000, otpm: 8_000 });
  });
});

describe('canMakeRequest', () => {
  test('says now, how long, or never, and why', async () => {
    const manager = limiter(GUIDE);
    expect(await manager.canMakeRequest()).toEqual({
      allowed: true,
      verdict: 'now',
      waitMs: 0,
      reason: null,
      limit: null,
    });
    await manager.acquire();
    const wait = { allowed: false, verdict: 'wait', limit: null };
    expect(await manager.canMakeRequest()).toEqual({ ...wait, waitMs: 1320, reason: 'pacing' });
    const never = { allowed: false, verdict: 'never', waitMs: Infinity };
    expect(await manager.canMakeRequest({ inputTokens: 34_001 })).toEqual({
      ...never,
      reason: 'itpm',
      limit: 34_000,
    });
    expect(await manager.canMakeRequest({ maxOutputTokens: 8_001, priority: 'critical' })).toEqual({
      ...never,
      reason: 'otpm',
      limit: 8_000,
    });
  });

  test('of a full minute it says when there is room again, and there is', async () => {
    const manager = plain({ rpm: 3 });
    await acquireMany(manager, 2);
    await advance(2_500);
    await manager.acquire();
    const { waitMs, reason } = await manager.canMakeRequest();
    expect({ waitMs, reason }).toEqual({ waitMs: 58_500, reason: 'rpm' });
    await advance(waitMs - 1);
    expect((await manager.canMakeRequest()).allowed).toBe(false);
    await advance(1);
    expect((await manager.canMakeRequest()).allowed).toBe(true);
  });

  test('consumes nothing, however often it is asked', async () => {
    const manager = limiter(GUIDE);
    for (let n = 0; n < 200; n++) await manager.canMakeRequest();
    expect(await used(manager)).toEqual({ rpm: 0, itpm: 0, otpm: 0 });
    expect((await manager.canMakeRequest()).allowed).toBe(true);
  });
});

test('acquire rejects what can never be made, and names the limit', async () => {
  const manager = limiter(GUIDE);
  const fate = fateOf(manager.acquire({ inputTokens: 40_001 }));
  await advance(0);
  expect(fate.error).toMatchObject({
    code: 'NEVER_FITS',
    field: 'limits.itpm',
    message: 'itpm: the request is larger than 34000, it can never be made',
  });
});
