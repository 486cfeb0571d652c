/** Permits: taken as a whole, corrected, given back. */
import type { RateLimits } from '@wundr.io/token-budget/rate-limit';
import { rejection } from '../facade/helpers';
import { advance, fateOf, limiter, NOTHING, plain, refusal, used, useFakeTime } from './helpers';

useFakeTime();

const LIMITS: RateLimits = { rpm: 10, itpm: 1_000, otpm: 1_000 };
const ASKED = { inputTokens: 300, maxOutputTokens: 200 };

test('a permit says what it is for, and holds it', async () => {
  const manager = plain(LIMITS, { permitTTL: 5_000 });
  const permit = await manager.acquire({ ...ASKED, model: 'm', sessionId: 's' });
  expect(permit).toMatchObject({ inputTokens: 300, outputTokens: 200, model: 'm', sessionId: 's' });
  expect(permit).toMatchObject({ waitedMs: 0, isEnded: false, isUnheld: false });
  expect(permit.id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  expect(permit.expiresAt.getTime() - permit.admittedAt.getTime()).toBe(5_000);
  expect(await used(manager)).toEqual({ rpm: 1, itpm: 300, otpm: 200 });
  expect((await manager.getStatus()).underWay).toBe(1);
});

test('settle corrects downwards and upwards', async () => {
  const manager = plain(LIMITS);
  const permit = await manager.acquire(ASKED);
  expect(await permit.settle({ inputTokens: 310, outputTokens: 20 })).toEqual({
    estimated: { inputTokens: 300, outputTokens: 200 },
    used: { inputTokens: 310, outputTokens: 20 },
    late: false,
    known: true,
  });
  expect(permit.isEnded).toBe(true);
  expect(await used(manager)).toEqual({ rpm: 1, itpm: 310, otpm: 20 });
  expect((await manager.getStatus()).underWay).toBe(0);
});

test('what was used beyond the limit is counted, and later requests wait for it', async () => {
  const manager = plain(LIMITS);
  const permit = await manager.acquire(ASKED);
  await permit.settle({ inputTokens: 300, outputTokens: 1_500 });
  expect((await used(manager)).otpm).toBe(1_500);
  expect((await manager.getStatus()).limits.otpm?.remaining).toBe(0);
  expect(await manager.canMakeRequest({ ...ASKED, maxOutputTokens: 1 })).toMatchObject({ reason: 'otpm' });
  const later = fateOf(manager.acquire({ ...ASKED, maxOutputTokens: 1 }));
  await advance(60_999);
  expect(later.isOver).toBe(false);
  await advance(1);
  expect(later.value?.waitedMs).toBe(61_000);
});

test('a permit is settled once', async () => {
  const manager = plain(LIMITS);
  const permit = await manager.acquire(ASKED);
  const [first, second] = await Promise.allSettled([permit.settle(NOTHING), permit.settle(NOTHING)]);
  expect(first.status).toBe('fulfilled');
  expect(second).toMatchObject({ status: 'rejected', reason: { code: 'PERMIT_NOT_FOUND' } });
  expect(await rejection(permit.cancel())).toMatchObject({ code: 'PERMIT_NOT_FOUND' });
  expect(await used(manager)).toEqual({ rpm: 1, itpm: 0, otpm: 0 });
});

test('a settle with wrong arguments leaves the permit open', async () => {
  const manager = plain(LIMITS);
  const permit = await manager.acquire(ASKED);
  const wrong = permit.settle({ inputTokens: -1, outputTokens: 0 });
  expect(await rejection(wrong)).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'usage.inputTokens' });
  expect(permit.isEnded).toBe(false);
  expect(await permit.settle(NOTHING)).toMatchObject({ known: true });
});

test('cancel gives everything back, the paced turn too', async () => {
  const manager = limiter({ limits: { ...LIMITS, concurrent: 5 } });
  const permit = await manager.acquire(ASKED);
  expect((await manager.canMakeRequest(ASKED)).reason).toBe('pacing');
  expect(await permit.cancel()).toBe(true);
  expect(await used(manager)).toEqual({ rpm: 0, itpm: 0, otpm: 0, concurrent: 0 });
  expect((await manager.canMakeRequest(ASKED)).allowed).toBe(true);
  expect(await rejection(permit.settle(NOTHING))).toMatchObject({ code: 'PERMIT_NOT_FOUND' });
});

test('await using leaves counted what was not ended: its request may have been made', async () => {
  const manager = plain(LIMITS);
  {
    await using permit = await manager.acquire(ASKED);
    expect(permit.isEnded).toBe(false);
  }
  expect(await used(manager)).toEqual({ rpm: 1, itpm: 300, otpm: 200 });
  expect((await manager.getStatus()).underWay).toBe(0);
  {
    await using permit = await manager.acquire(ASKED);
    await permit.settle({ inputTokens: 5, outputTokens: 5 });
  }
  expect(await used(manager)).toEqual({ rpm: 2, itpm: 305, otpm: 205 });
  {
    await using permit = await manager.acquire(ASKED);
    await permit.cancel();
  }
  expect(await used(manager)).toEqual({ rpm: 2, itpm: 305, otpm: 205 });
});

describe('all limits are taken together, or none', () => {
  const wide: RateLimits = { rpm: 99, itpm: 9_999, otpm: 9_999, tpm: 99_999, rpd: 999, concurrent: 99 };
  test.each<[keyof RateLimits, number]>([
    ['rpm', 1],
    ['itpm', 300],
    ['otpm', 200],
    ['tpm', 500],
    ['rpd', 1],
    ['tpd', 500],
    ['rph', 1],
    ['rps', 1],
    ['concurrent', 1],
  ])('%s is full: nothing of the others is consumed', async (name, limit) => {
    const manager = plain({ ...wide, [name]: limit });
    const first = await manager.acquire(ASKED);
    const before = await used(manager);
    const { permit, verdict } = await manager.tryAcquire(ASKED);
    expect(permit).toBeNull();
    expect(verdict).toMatchObject({ verdict: 'wait', reason: name, allowed: false });
    const asked = fateOf(manager.acquire({ ...ASKED, maxWaitMs: 100 }));
    await advance(100);
    expect(asked.error).toMatchObject({ code: 'RATE_LIMITED' });
    await advance(900);
    if (name !== 'rps') expect(await used(manager)).toEqual(before);
    await first.cancel();
    expect((await manager.tryAcquire(ASKED)).permit).not.toBeNull();
  });
});

describe('permits that nobody ends', () => {
  test('expire: what they took stays counted, what they held is free', async () => {
    // What only others can end is looked at in every third of the lease.
    const manager = plain({ ...LIMITS, concurrent: 1 }, { permitTTL: 10_000, clientLease: 3_000 });
    const permit = await manager.acquire(ASKED);
    const next = fateOf(manager.acquire(ASKED));
    await advance(9_999);
    expect(next.isOver).toBe(false);
    await advance(1);
    expect(next.value?.waitedMs).toBe(10_000);
    expect(await used(manager)).toMatchObject({ rpm: 2, itpm: 600, otpm: 400, concurrent: 1 });
    expect(await permit.settle({ inputTokens: 1, outputTokens: 1 })).toMatchObject({
      late: true,
      known: true,
    });
    expect(await used(manager)).toMatchObject({ rpm: 2, itpm: 301, otpm: 201, concurrent: 1 });
  });

  test('are forgotten an hour later', async () => {
    const manager = plain(LIMITS, { permitTTL: 1_000 });
    const permit = await manager.acquire(ASKED);
    await advance(3_601_000);
    expect(await permit.settle(NOTHING)).toMatchObject({ known: false });
  });

  test('a long answer counts when it was spoken', async () => {
    const manager = plain(LIMITS);
    const permit = await manager.acquire(ASKED);
    await advance(120_000);
    expect(await used(manager)).toEqual({ rpm: 0, itpm: 0, otpm: 0 });
    await permit.settle({ inputTokens: 300, outputTokens: 200 });
    expect(await used(manager)).toEqual({ rpm: 0, itpm: 0, otpm: 200 });
  });
});

describe('by id, from elsewhere', () => {
  test('another holder of the store settles and cancels', async () => {
    const memory = { name: 'by-id' };
    const [here, there] = [plain(LIMITS, { memory }), plain(LIMITS, { memory })];
    const [settled, cancelled] = [await here.acquire(ASKED), await here.acquire(ASKED)];
    expect(await there.settle(settled.id, { inputTokens: 1, outputTokens: 2 })).toEqual({
      estimated: { inputTokens: 300, outputTokens: 200 },
      used: { inputTokens: 1, outputTokens: 2 },
      late: false,
      known: true,
    });
    expect(await there.cancel(cancelled.id)).toBe(true);
    expect(await used(here)).toEqual({ rpm: 1, itpm: 1, otpm: 2 });
    expect(await there.settle(settled.id, NOTHING)).toMatchObject({ known: false });
    expect(await there.cancel(cancelled.id)).toBe(false);
    expect(await settled.settle(NOTHING)).toMatchObject({ known: false });
    expect(there.metrics().requests.cancelled).toBe(1);
  });
});

describe('run', () => {
  test('settles with what the function reports, and answers its result', async () => {
    const manager = plain(LIMITS);
    const usage = { inputTokens: 7, outputTokens: 8 };
    expect(await manager.run(ASKED, async ({ id }) => ({ result: typeof id, usage }))).toBe('string');
    expect(await used(manager)).toEqual({ rpm: 1, itpm: 7, otpm: 8 });
  });

  test('of one that throws the estimate stays, and what the error says is heard', async () => {
    const manager = plain(LIMITS);
    const error = refusal({ 'retry-after': '7' });
    const failing = manager.run(ASKED, async () => {
      throw error;
    });
    expect(await rejection(failing)).toBe(error);
    expect(await used(manager)).toEqual({ rpm: 1, itpm: 300, otpm: 200 });
    const { pausedUntil, underWay } = await manager.getStatus();
    expect({ pausedInMs: Number(pausedUntil) - Date.now(), underWay }).toEqual({
      pausedInMs: 7_000,
      underWay: 0,
    });
  });

  test('leaves alone what the function ended itself', async () => {
    const manager = plain(LIMITS);
    await manager.run(ASKED, async permit => {
      await permit.cancel();
      return { result: null, usage: NOTHING };
    });
    expect(await used(manager)).toEqual({ rpm: 0, itpm: 0, otpm: 0 });
  });

  test('usage that cannot be read is the caller’s to hear, and the estimate stays', async () => {
    const manager = plain(LIMITS);
    const usage = { inputTokens: 1.5, outputTokens: 0 };
    const failing = manager.run(ASKED, async () => ({ result: 1, usage }));
    expect(await rejection(failing)).toMatchObject({ field: 'usage.inputTokens' });
    expect(await used(manager)).toEqual({ rpm: 1, itpm: 300, otpm: 200 });
  });

  test('a function that answers nothing is named, and the estimate stays', async () => {
    const manager = plain(LIMITS);
    const failing = manager.run(ASKED, (async () => {}) as never);
    expect(await rejection(failing)).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'fn()' });
    expect(await used(manager)).toEqual({ rpm: 1, itpm: 300, otpm: 200 });
  });

  test('closed meanwhile, it rejects with what the function threw', async () => {
    const manager = plain(LIMITS);
    const failing = manager.run(ASKED, async () => {
      await manager.close();
      throw new Error('mine');
    });
    expect(await rejection(failing)).toMatchObject({ message: 'mine' });
  });
});

test('tryAcquire gives a permit or the verdict, and never waits', async () => {
  const manager = plain({ rpm: 1 });
  const first = await manager.tryAcquire();
  expect(first).toMatchObject({ verdict: null, permit: { inputTokens: 0, outputTokens: 0 } });
  const second = await manager.tryAcquire({ sessionId: 's' });
  expect(second).toMatchObject({ permit: null, verdict: { verdict: 'wait', waitMs: 61_000, reason: 'rpm' } });
  expect((await manager.getStatus()).waiting).toBe(0);
});

test('a permit as JSON tells what it is, and can be ended by its id elsewhere', async () => {
  const manager = plain({ rpm: 10 });
  const permit = await manager.acquire({ inputTokens: 5, maxOutputTokens: 7, sessionId: 's' });
  const told = JSON.parse(JSON.stringify(permit));
  expect(told).toEqual({
    id: permit.id,
    admittedAt: permit.admittedAt.toISOString(),
    expiresAt: permit.expiresAt.toISOString(),
    waitedMs: 0,
    inputTokens: 5,
    outputTokens: 7,
    sessionId: 's',
    isUnheld: false,
  });
  expect(await manager.settle(told.id, { inputTokens: 1, outputTokens: 1 })).toMatchObject({ known: true });
});
