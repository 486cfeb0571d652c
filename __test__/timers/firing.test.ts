/** Timers fire when they are due, not before, and whatever listeners do. */
import type { TimerExpiredEvent } from '@wundr.io/token-budget/timers';
import { advance, coordinator, DAY, fired, HOUR, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

useFakeTime();

test('an event says what fired', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  const { id } = await minoots.timers.create({
    name: 'n',
    duration: '5m',
    owner: 'me',
    metadata: { a: 1 },
    events: { on_expire: { message: 'resume', data: { operation: [1, 2] } } },
  });
  await advance(5 * MINUTE - 1);
  expect(events).toEqual([]);
  await advance(1);
  expect(events).toEqual([
    {
      id,
      name: 'n',
      owner: 'me',
      message: 'resume',
      data: { operation: [1, 2] },
      metadata: { a: 1 },
      deliveryId: expect.stringMatching(/^0-[\w-]+\.0$/),
      scheduledFor: new Date(NOON + 5 * MINUTE),
      firedAt: new Date(NOON + 5 * MINUTE),
      occurrence: 1,
      missed: 0,
    },
  ]);
  expect(await minoots.timers.get(id)).toMatchObject({
    status: 'fired',
    occurrence: 1,
    progress: 1,
    endedAt: new Date(NOON + 5 * MINUTE),
  });
  await advance(DAY / 2);
  expect(events).toHaveLength(1);
});

test('a synchronous step of fake time is enough', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  await minoots.timers.create({ name: 'n', duration: '1s' });
  jest.advanceTimersByTime(SECOND);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  expect(events).toHaveLength(1);
});

test('a timer of many months fires on its day', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  await minoots.timers.create({ name: 'n', duration: '200d' });
  await advance(200 * DAY - 1);
  expect(events).toEqual([]);
  await advance(1);
  expect(events).toHaveLength(1);
});

test('nothing runs while nothing is scheduled', async () => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', duration: '1s' });
  expect(jest.getTimerCount()).toBe(1);
  // Until the claim would have been over.
  await advance(MINUTE);
  expect(jest.getTimerCount()).toBe(0);
  expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired' });
});

test('in the order in which they are due', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  for (const ms of [3000, 1000, 2000]) await minoots.timers.create({ name: String(ms), duration: ms });
  await advance(10 * SECOND);
  expect(events.map(({ name }) => name)).toEqual(['1000', '2000', '3000']);
});

test('ten thousand at once: each once, none early', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  const COUNT = 10_000;
  await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      minoots.timers.create({ id: `t${n}`, name: 'n', duration: MINUTE + (n % 7) }),
    ),
  );
  await advance(MINUTE - 1);
  expect(events).toEqual([]);
  await advance(SECOND);
  expect(new Set(events.map(({ id }) => id)).size).toBe(COUNT);
  expect(events).toHaveLength(COUNT);
  for (const { firedAt, scheduledFor } of events) {
    expect(firedAt.getTime()).toBeGreaterThanOrEqual(scheduledFor.getTime());
  }
});

describe('listeners', () => {
  test('one that throws loses nothing and holds nobody up', async () => {
    const minoots = coordinator();
    const errors: unknown[] = [];
    minoots.on('error', error => errors.push(error));
    minoots.on('timer:expired', () => {
      throw new Error('broken');
    });
    minoots.on('timer:expired', () => Promise.reject(new Error('broken later')) as never);
    const events = fired(minoots);
    for (const id of ['a', 'b']) await minoots.timers.create({ id, name: 'n', duration: '1s' });
    await advance(SECOND);
    expect(events).toHaveLength(2);
    expect(errors.map(error => (error as Error).message).sort()).toEqual([
      'broken',
      'broken',
      'broken later',
      'broken later',
    ]);
    for (const id of ['a', 'b']) expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired' });
  });

  test('a timer has fired when the promises of its listeners have settled', async () => {
    const minoots = coordinator();
    let end = () => {};
    minoots.on(
      'timer:expired',
      (() =>
        new Promise<void>(resolve => {
          end = resolve;
        })) as never,
    );
    const { id } = await minoots.timers.create({ name: 'n', duration: '1s' });
    // Much longer than a claim lasts without being renewed.
    await advance(3 * MINUTE);
    expect(await minoots.timers.get(id)).toMatchObject({ status: 'scheduled', occurrence: 0 });
    end();
    await advance(1);
    expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired', occurrence: 1 });
  });

  test('a promise that never settles is waited for five minutes', async () => {
    const minoots = coordinator();
    let count = 0;
    minoots.on('timer:expired', (() => {
      count += 1;
      return new Promise<void>(() => {});
    }) as never);
    const { id } = await minoots.timers.create({ name: 'n', duration: '1s' });
    await advance(5 * MINUTE + 2 * SECOND);
    expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired' });
    expect(count).toBe(1);
  });

  test('a slow one delays no other timer', async () => {
    const minoots = coordinator();
    const names: string[] = [];
    minoots.on('timer:expired', (({ name }: TimerExpiredEvent) => {
      names.push(name);
      return name === 'slow' ? new Promise<void>(() => {}) : undefined;
    }) as never);
    await minoots.timers.create({ name: 'slow', duration: '1s' });
    await minoots.timers.create({ name: 'quick', duration: '2s' });
    await advance(2 * SECOND);
    expect(names).toEqual(['slow', 'quick']);
    expect((await minoots.timers.list({ status: 'fired' })).timers.map(({ name }) => name)).toEqual([
      'quick',
    ]);
  });

  test('once() is called once', async () => {
    const minoots = coordinator();
    let count = 0;
    minoots.once('timer:expired', () => {
      count += 1;
    });
    for (const id of ['a', 'b']) await minoots.timers.create({ id, name: 'n', duration: '1s' });
    await advance(SECOND);
    expect(count).toBe(1);
  });

  test('whoever replaces emit sees every event', async () => {
    const minoots = coordinator();
    const names: string[] = [];
    minoots.emit = ((name: string) => names.push(name)) as never;
    await minoots.timers.create({ name: 'n', duration: '1s' });
    await advance(SECOND);
    expect(names).toEqual(['timer:expired']);
  });

  test('nobody listens: it fires all the same', async () => {
    const minoots = coordinator();
    const { id } = await minoots.timers.create({ name: 'n', duration: '1s' });
    await advance(SECOND);
    expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired' });
  });
});

describe('two coordinators on one memory', () => {
  const memory = { name: `firing-${process.pid}` };

  test('what was due while nobody ran fires when somebody does', async () => {
    const author = coordinator({ memory, run: false });
    const idle = fired(author);
    await author.timers.create({ name: 'n', duration: '1h' });
    await advance(6 * HOUR);
    expect(idle).toEqual([]);
    const runner = coordinator({ memory });
    const events = fired(runner);
    await advance(1);
    expect(events).toMatchObject([
      { name: 'n', scheduledFor: new Date(NOON + HOUR), firedAt: new Date(NOON + 6 * HOUR), missed: 0 },
    ]);
  });

  test('one of them fires each timer, within a second of its time', async () => {
    const author = coordinator({ memory, run: false });
    const runners = [coordinator({ memory }), coordinator({ memory })];
    const events = runners.map(fired);
    for (let n = 0; n < 50; n += 1) await author.timers.create({ name: 'n', duration: 1000 + n * 100 });
    await advance(10 * SECOND);
    const all = events.flat();
    expect(all).toHaveLength(50);
    for (const { firedAt, scheduledFor } of all) {
      const lateMs = firedAt.getTime() - scheduledFor.getTime();
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(1000);
    }
  });
});

test('an injected clock is looked at every second', async () => {
  let now = NOON;
  const minoots = coordinator({ clock: () => now });
  const events = fired(minoots);
  await minoots.timers.create({ name: 'n', duration: '1d' });
  await advance(2 * DAY);
  expect(events).toEqual([]);
  now += DAY;
  await advance(SECOND);
  expect(events).toHaveLength(1);
});
