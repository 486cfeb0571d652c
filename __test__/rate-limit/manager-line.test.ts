/** Who waits, in which order, and for how long at most. */
import type { Permit, RateLimitManager, RequestPriority } from '@wundr.io/token-budget/rate-limit';
import { acquireMany, advance, fateOf, limiter, plain, sinceNoon, used, useFakeTime } from './helpers';

useFakeTime();

/** One request a second. */
const paced = (maxWaiting?: number) =>
  limiter({
    limits: { rpm: 60 },
    safety: { margin: 0 },
    pacing: { margin: 0 },
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
  });

/** Notes names in the order in which they are admitted. */
function order(manager: RateLimitManager) {
  const admitted: Array<[name: string, atMs: number]> = [];
  const ask = (name: string, priority: RequestPriority = 'normal') => {
    const noted = (permit: Permit) => admitted.push([name, sinceNoon(permit.admittedAt)]);
    manager.acquire({ priority }).then(noted, () => admitted.push([`${name} failed`, sinceNoon(Date.now())]));
  };
  return { admitted, ask };
}

test('first come, first served', async () => {
  const { admitted, ask } = order(paced());
  for (const name of 'abcdefgh') ask(name);
  await advance(7_000);
  expect(admitted).toEqual([...'abcdefgh'].map((name, index) => [name, index * 1_000]));
});

test('critical comes first, low a minute later', async () => {
  const { admitted, ask } = order(paced());
  ask('first');
  ask('low', 'low');
  ask('a');
  ask('b');
  ask('urgent 1', 'critical');
  ask('urgent 2', 'critical');
  await advance(5_000);
  expect(admitted.map(([name]) => name)).toEqual(['first', 'urgent 1', 'urgent 2', 'a', 'b', 'low']);
});

test('low is not starved by a stream of normal requests', async () => {
  const { admitted, ask } = order(paced());
  for (let n = 0; n < 5; n++) ask('normal');
  ask('low', 'low');
  for (let n = 0; n < 120; n++) {
    ask('normal');
    await advance(1_000);
  }
  const atMs = admitted.find(([name]) => name === 'low')?.[1];
  expect(atMs).toBeGreaterThan(60_000);
  expect(atMs).toBeLessThanOrEqual(67_000);
});

test('a large request is not starved by a stream of small ones', async () => {
  const manager = plain({ itpm: 1_000 });
  await acquireMany(manager, 10, { inputTokens: 100 });
  const large = fateOf(manager.acquire({ inputTokens: 900 }));
  const small: Array<ReturnType<typeof fateOf<Permit>>> = [];
  for (let n = 0; n < 60; n++) {
    small.push(fateOf(manager.acquire({ inputTokens: 100 })));
    await advance(1_000);
  }
  expect(small.some(({ isOver }) => isOver)).toBe(false);
  await advance(1_000);
  expect(large.value?.waitedMs).toBe(61_000);
  // One more fits beside it.
  expect(small.filter(({ isOver }) => isOver)).toHaveLength(1);
  expect(small[0]?.value?.waitedMs).toBe(61_000);
});

test('tryAcquire does not pass those who wait', async () => {
  const manager = plain({ itpm: 1_000 });
  await manager.acquire({ inputTokens: 500 });
  const large = fateOf(manager.acquire({ inputTokens: 600 }));
  const { verdict } = await manager.tryAcquire({ inputTokens: 100 });
  expect(verdict).toMatchObject({ verdict: 'wait', reason: 'line' });
  expect((await manager.canMakeRequest({ inputTokens: 100 })).reason).toBe('line');
  await advance(61_000);
  expect(large.isOver).toBe(true);
});

test('whoever waits goes as soon as others give back', async () => {
  const manager = plain({ concurrent: 1 });
  const first = await manager.acquire();
  const [second, third] = [fateOf(manager.acquire()), fateOf(manager.acquire())];
  await advance(5_000);
  await first.settle({ inputTokens: 0, outputTokens: 0 });
  await advance(0);
  expect(second.value?.waitedMs).toBe(5_000);
  expect(third.isOver).toBe(false);
  await second.value?.cancel();
  await advance(0);
  expect(third.value?.waitedMs).toBe(5_000);
});

describe('maxWaitMs', () => {
  test('rejects in time, and the place is given up', async () => {
    const manager = plain({ rpm: 1 });
    await manager.acquire();
    const fate = fateOf(manager.acquire({ maxWaitMs: 2_000 }));
    await advance(1_999);
    expect(fate.isOver).toBe(false);
    expect((await manager.getStatus()).waiting).toBe(1);
    await advance(1);
    expect(fate.error).toMatchObject({
      code: 'RATE_LIMITED',
      message: 'There was no permit within 2000 ms (maxWaitMs)',
    });
    expect((await manager.getStatus()).waiting).toBe(0);
    expect((await used(manager)).rpm).toBe(1);
    expect(manager.metrics().requests.refused).toEqual({ maxWait: 1 });
  });

  test('0 takes what there is at once', async () => {
    const manager = plain({ rpm: 1 });
    expect((await manager.acquire({ maxWaitMs: 0 })).waitedMs).toBe(0);
    const fate = fateOf(manager.acquire({ maxWaitMs: 0 }));
    await advance(1);
    expect(fate.error).toMatchObject({ code: 'RATE_LIMITED' });
  });

  test('of more than 24.8 days ends no sooner', async () => {
    const month = 30 * 86_400_000;
    const manager = plain({ concurrent: 1 }, { permitTTL: 2 * month, clientLease: 86_400_000 });
    await manager.acquire();
    const fate = fateOf(manager.acquire({ maxWaitMs: month }));
    await advance(25 * 86_400_000);
    expect(fate.isOver).toBe(false);
    await advance(5 * 86_400_000);
    expect(fate.error).toMatchObject({ code: 'RATE_LIMITED' });
  });
});

describe('signal', () => {
  test('rejects with its reason, and the next moves up', async () => {
    const manager = plain({ itpm: 100 });
    await manager.acquire({ inputTokens: 50 });
    const controller = new AbortController();
    const large = fateOf(manager.acquire({ inputTokens: 100, signal: controller.signal }));
    const small = fateOf(manager.acquire({ inputTokens: 50 }));
    await advance(10);
    expect(small.isOver).toBe(false);
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await advance(0);
    expect(large.error).toBe(reason);
    expect(small.value?.waitedMs).toBe(10);
  });

  test('aborted before: nothing is asked for', async () => {
    const manager = plain({ rpm: 1 });
    const fate = fateOf(manager.acquire({ signal: AbortSignal.abort('no') }));
    await advance(0);
    expect(fate.error).toBe('no');
    expect((await used(manager)).rpm).toBe(0);
  });

  test('aborted after the permit: the permit stays', async () => {
    const manager = plain({ rpm: 1 });
    const controller = new AbortController();
    const permit = await manager.acquire({ signal: controller.signal, maxWaitMs: 100 });
    controller.abort();
    await advance(200);
    expect(permit.isEnded).toBe(false);
    expect((await used(manager)).rpm).toBe(1);
  });

  test('one signal sends home all who wait with it', async () => {
    const manager = plain({ rpm: 1 });
    await manager.acquire();
    const { signal, abort } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort(new Error('over')) };
    })();
    const fates = Array.from({ length: 20 }, () => fateOf(manager.acquire({ signal, maxWaitMs: 90_000 })));
    abort();
    await advance(0);
    for (const { error } of fates) expect(error).toMatchObject({ message: 'over' });
    expect((await manager.getStatus()).waiting).toBe(0);
    expect(jest.getTimerCount()).toBeLessThanOrEqual(1);
  });
});

test('maxWaiting: one more is refused, and refused consumes nothing', async () => {
  const manager = paced(2);
  await manager.acquire();
  const [first, second, third] = Array.from({ length: 3 }, () => fateOf(manager.acquire()));
  await advance(0);
  expect(third?.error).toMatchObject({
    code: 'LINE_FULL',
    message: 'Too many requests wait already (maxWaiting)',
  });
  expect((await used(manager)).rpm).toBe(1);
  await advance(2_000);
  expect([first?.value?.waitedMs, second?.value?.waitedMs]).toEqual([1_000, 2_000]);
  expect(fateOf(manager.acquire()).isOver).toBe(false);
});

test('maxWaiting 0: nobody waits', async () => {
  const manager = paced(0);
  await manager.acquire();
  const fate = fateOf(manager.acquire());
  await advance(0);
  expect(fate.error).toMatchObject({ code: 'LINE_FULL' });
});

test('who waits in several processes waits in one line', async () => {
  const config = { limits: { rpm: 60 }, safety: { margin: 0 }, pacing: { margin: 0 } };
  const [one, other] = [0, 1].map(() => limiter({ ...config, memory: { name: 'one-line' } }));
  if (one === undefined || other === undefined) throw new Error('unreachable');
  const fates = [one, other, one, other, one, other].map(manager => fateOf(manager.acquire()));
  await advance(5_100);
  const at = fates.map(({ value }) => value && sinceNoon(value.admittedAt));
  for (const [index, ms] of at.entries()) {
    expect(ms).toBeGreaterThanOrEqual(index * 1_000);
    // Threads that share a store look every 20 ms whose turn it is.
    expect(ms).toBeLessThanOrEqual(index * 1_000 + 20 * index);
  }
});

test('a process that was taken for dead lines up again', async () => {
  const memory = { name: 'taken-for-dead' };
  const [sleeper, other] = [plain({ rpm: 1 }, { memory }), plain({ rpm: 1 }, { memory })];
  await other.acquire();
  const fate = fateOf(sleeper.acquire());
  // Its timers do not run, while time passes and another looks.
  jest.setSystemTime(Date.now() + 31_000);
  expect((await other.getStatus()).waiting).toBe(0);
  await advance(30_001);
  expect(fate.value?.waitedMs).toBeGreaterThanOrEqual(61_000);
});
