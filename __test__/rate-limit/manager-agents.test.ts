/** Agents that share one limit. */
import fc from '../support/properties';
import { acquireMany, advance, fateOf, limiter, plain, useFakeTime } from './helpers';

useFakeTime();

const LIMITS = { rpm: 100 };

test('shares sum to at most 1', async () => {
  const manager = plain(LIMITS);
  expect(await manager.allocate('a', 0.6)).toBe(true);
  expect(await manager.allocate('b', 0.5)).toBe(false);
  expect(await manager.allocate('b', 0.4)).toBe(true);
  expect(await manager.allocate('c', 0.000_001)).toBe(false);
  expect(await manager.allocate('a', 0.5)).toBe(true);
  expect(await manager.allocate('c', 0.1)).toBe(true);
  const { agents } = await manager.getStatus();
  expect(agents.map(({ agent, share }) => [agent, share])).toEqual([
    ['', 0],
    ['a', 0.5],
    ['b', 0.4],
    ['c', 0.1],
  ]);
});

test('whatever is asked for, what was given is at most the whole', async () => {
  const asked = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(1_000)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(asked, async requests => {
      const manager = plain(LIMITS);
      const given = new Map<string, number>();
      for (const [agent, thousandths] of requests) {
        const others = [...given].reduce((sum, [name, share]) => (name === agent ? sum : sum + share), 0);
        const isDone = await manager.allocate(agent, thousandths / 1_000);
        expect(isDone).toBe(others + thousandths <= 1_000 || thousandths === 0);
        if (isDone) given.set(agent, thousandths);
      }
      const { agents } = await manager.getStatus();
      const sum = agents.reduce((total, { share }) => total + share, 0);
      expect(sum).toBeCloseTo(agents.length === 0 ? 0 : 1, 6);
      for (const { agent, share } of agents.slice(1))
        expect(share).toBeCloseTo((given.get(agent) ?? 0) / 1_000, 6);
    }),
    { numRuns: 50 },
  );
});

test('0 takes a share back', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('a', 0.9);
  expect(await manager.allocate('a', 0)).toBe(true);
  expect((await manager.getStatus()).agents).toEqual([]);
  await acquireMany(manager, 100);
});

test('each gets its share while both want more', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('a', 0.7);
  await manager.allocate('b', 0.3);
  const count = async (agent: string) => {
    let permits = 0;
    while ((await manager.tryAcquire({ agent })).permit !== null) permits += 1;
    return permits;
  };
  await Promise.all([manager.acquire({ agent: 'a' }), manager.acquire({ agent: 'b' })]);
  expect([1 + (await count('a')), 1 + (await count('b'))]).toEqual([70, 30]);
  expect((await manager.tryAcquire({ agent: 'a' })).verdict).toMatchObject({ reason: 'rpm' });
});

test('one that floods does not take the others down', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('flood', 0.5);
  await manager.allocate('calm', 0.5);
  await manager.acquire({ agent: 'calm' });
  const flood = Array.from({ length: 200 }, () => fateOf(manager.acquire({ agent: 'flood' })));
  await advance(1_000);
  expect(flood.filter(({ isOver }) => isOver)).toHaveLength(50);
  const calm = Array.from({ length: 49 }, () => fateOf(manager.acquire({ agent: 'calm' })));
  await advance(0);
  expect(calm.every(({ value }) => value?.waitedMs === 0)).toBe(true);
});

test('what others leave idle is lent, and comes back within a window', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('busy', 0.5);
  await manager.allocate('idle', 0.5);
  const first = await acquireMany(manager, 100, { agent: 'busy' });
  expect(first).toHaveLength(100);
  for (const permit of first) await permit.settle({ inputTokens: 0, outputTokens: 0 });
  const woken = Array.from({ length: 50 }, () => fateOf(manager.acquire({ agent: 'idle' })));
  const more = Array.from({ length: 100 }, () => fateOf(manager.acquire({ agent: 'busy' })));
  await advance(66_000);
  expect(woken.filter(({ isOver }) => isOver)).toHaveLength(50);
  expect(more.filter(({ isOver }) => isOver)).toHaveLength(50);
});

test('who has no share takes part in what nobody has', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('a', 0.8);
  await manager.acquire({ agent: 'a' });
  const others = await Promise.all(
    Array.from({ length: 40 }, (_, n) => manager.tryAcquire(n % 2 === 0 ? {} : { agent: `unknown ${n}` })),
  );
  expect(others.filter(({ permit }) => permit !== null)).toHaveLength(20);
  expect(others.find(({ verdict }) => verdict !== null)?.verdict).toMatchObject({ reason: 'share' });
});

test('a hand-off moves the share, what was used, and the places', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('a', 0.4);
  await manager.allocate('b', 0.6);
  await Promise.all([acquireMany(manager, 30, { agent: 'a' }), manager.acquire({ agent: 'b' })]);
  expect(await manager.handoff('a', 'heir')).toBe(true);
  const { agents } = await manager.getStatus();
  expect(agents).toContainEqual({ agent: 'heir', share: 0.4, waiting: 0, requests: 30 });
  expect(agents.map(({ agent }) => agent)).toEqual(['', 'b', 'heir']);
  expect(await manager.handoff('a', 'heir')).toBe(false);
  expect(await manager.handoff('heir', 'b')).toBe(true);
  expect((await manager.getStatus()).agents).toContainEqual({
    agent: 'b',
    share: 1,
    waiting: 0,
    requests: 31,
  });
});

test('who waits is handed off with the rest, and gets its turn', async () => {
  const manager = plain(LIMITS);
  await manager.allocate('a', 0.5);
  await manager.allocate('b', 0.5);
  await acquireMany(manager, 100, { agent: 'a' });
  const fates = [fateOf(manager.acquire({ agent: 'a' })), fateOf(manager.acquire({ agent: 'b' }))];
  expect(await manager.handoff('a', 'b')).toBe(true);
  expect((await manager.getStatus()).agents).toContainEqual({
    agent: 'b',
    share: 1,
    waiting: 2,
    requests: 100,
  });
  await advance(63_000);
  expect(fates.map(({ isOver }) => isOver)).toEqual([true, true]);
});

test('a share ends with the process that gave it', async () => {
  const memory = { name: 'giver' };
  const [giver, other] = [plain(LIMITS, { memory }), plain(LIMITS, { memory })];
  await giver.allocate('a', 0.5);
  await giver.acquire({ agent: 'a' });
  await advance(300_000);
  // Alive, it keeps its share however long nothing happens.
  expect((await other.getStatus()).agents.map(({ agent }) => agent)).toEqual(['', 'a']);
  expect((await other.getStatus()).underWay).toBe(1);
  await giver.close();
  await advance(30_000);
  expect((await other.getStatus()).agents).toEqual([]);
  expect((await other.getStatus()).underWay).toBe(0);
  expect(await other.allocate('b', 1)).toBe(true);
});

test('a computer that slept gives its shares again, and tells of those that others have by now', async () => {
  const memory = { name: 'sleeper' };
  const [sleeper, other] = [plain(LIMITS, { memory }), plain(LIMITS, { memory })];
  const warnings: string[] = [];
  sleeper.on('store:warning', ({ message }) => warnings.push(message));
  const shares = async () =>
    (await other.getStatus()).agents.map(({ agent, share }) => [agent, share]).slice(1);
  await sleeper.allocate('a', 0.5);
  await sleeper.allocate('b', 0.25);
  // No timer has run when somebody else looks.
  jest.setSystemTime(Date.now() + 3_600_000);
  expect(await shares()).toEqual([]);
  await advance(30_000);
  expect(await shares()).toEqual([
    ['a', 0.5],
    ['b', 0.25],
  ]);
  expect(warnings).toEqual([]);
  jest.setSystemTime(Date.now() + 3_600_000);
  expect(await other.allocate('c', 0.6)).toBe(true);
  await advance(30_000);
  expect(await shares()).toEqual([
    ['b', 0.25],
    ['c', 0.6],
  ]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/not heard of for its lease.*'a'$/);
  // What it gave up itself, or handed on, does not come back.
  expect(await sleeper.allocate('b', 0)).toBe(true);
  expect(await sleeper.allocate('d', 0.1)).toBe(true);
  expect(await sleeper.handoff('d', 'e')).toBe(true);
  jest.setSystemTime(Date.now() + 3_600_000);
  await advance(30_000);
  expect(await shares()).toEqual([
    ['c', 0.6],
    ['e', 0.1],
  ]);
  expect(warnings).toHaveLength(1);
});

test('the margin is kept for critical requests of an agent, too', async () => {
  const manager = limiter({ limits: LIMITS, pacing: false });
  await manager.allocate('a', 0.5);
  await manager.allocate('b', 0.5);
  await manager.acquire({ agent: 'b' });
  const normal = await Promise.all(Array.from({ length: 60 }, () => manager.tryAcquire({ agent: 'a' })));
  expect(normal.filter(({ permit }) => permit !== null)).toHaveLength(42);
  const critical = await Promise.all(
    Array.from({ length: 60 }, () => manager.tryAcquire({ agent: 'a', priority: 'critical' })),
  );
  expect(critical.filter(({ permit }) => permit !== null)).toHaveLength(8);
});
