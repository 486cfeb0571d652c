/** Timers that recur: by periods, by patterns, and after a pause. */
import { advance, coordinator, DAY, fired, HOUR, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

useFakeTime();

const memory = (name: string) => ({ memory: { name: `recurring-${process.pid}-${name}` } });

/** Makes a timer, lets time pass in which nobody fires it, and then somebody run. */
async function afterPause(name: string, timer: object, pauseMs: number) {
  const author = coordinator({ ...memory(name), run: false });
  const { id } = await author.timers.create({ name, ...timer } as never);
  await advance(pauseMs);
  const runner = coordinator(memory(name));
  const events = fired(runner);
  return { events, id, runner };
}

test('every: the first time after one period, then without drift', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  const { id } = await minoots.timers.create({ id: 'e', name: 'n', every: '10m' });
  await advance(HOUR + MINUTE);
  expect(events.map(({ scheduledFor }) => scheduledFor.getTime() - NOON)).toEqual(
    [1, 2, 3, 4, 5, 6].map(n => n * 10 * MINUTE),
  );
  expect(events.map(({ occurrence }) => occurrence)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new Set(events.map(({ deliveryId }) => deliveryId)).size).toBe(6);
  expect(await minoots.timers.get(id)).toMatchObject({
    status: 'scheduled',
    startTime: new Date(NOON + HOUR),
    endTime: new Date(NOON + 70 * MINUTE),
    timeRemaining: 9 * MINUTE,
    progress: 0.1,
    occurrence: 6,
    every: 10 * MINUTE,
    catchUp: 'once',
  });
});

test('every, with a first time of its own', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  await minoots.timers.create({ name: 'n', every: '1h', duration: '5m' });
  await minoots.timers.create({ name: 'm', every: '1h', fireAt: new Date(NOON + 30 * MINUTE) });
  await advance(2 * HOUR);
  expect(events.map(({ name, scheduledFor }) => [name, (scheduledFor.getTime() - NOON) / MINUTE])).toEqual([
    ['n', 5],
    ['m', 30],
    ['n', 65],
    ['m', 90],
  ]);
});

test('a recurring timer that is cancelled stops', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  const { id } = await minoots.timers.create({ name: 'n', every: '1m' });
  await advance(3 * MINUTE);
  expect(await minoots.timers.cancel(id)).toBe(true);
  await advance(HOUR);
  expect(events).toHaveLength(3);
});

test('cron, in its time zone', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  await minoots.timers.create({ name: 'n', cron: '0 2 * * 1-5', timeZone: 'Europe/Berlin' });
  // Thursday, Friday, and not the weekend.
  await advance(5 * DAY);
  expect(events.map(({ scheduledFor }) => scheduledFor.toISOString())).toEqual([
    '2026-01-15T01:00:00.000Z',
    '2026-01-16T01:00:00.000Z',
    '2026-01-19T01:00:00.000Z',
  ]);
});

test('cron, in the default time zone of the coordinator', async () => {
  const minoots = coordinator({ defaultTimeZone: 'America/New_York' });
  const timer = await minoots.timers.create({ name: 'n', cron: '30 9 * * *' });
  expect(timer).toMatchObject({ timeZone: 'America/New_York', endTime: new Date('2026-01-14T14:30:00Z') });
});

describe('across the days on which clocks change', () => {
  test('a time that is skipped fires when the gap is over, and one that comes twice fires once', async () => {
    jest.setSystemTime(new Date('2026-03-27T12:00:00Z'));
    const minoots = coordinator();
    const events = fired(minoots);
    await minoots.timers.create({ name: 'n', cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
    await advance(4 * DAY);
    expect(events.map(({ scheduledFor }) => scheduledFor.toISOString())).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
      '2026-03-31T00:30:00.000Z',
    ]);
    events.length = 0;
    jest.setSystemTime(new Date('2026-10-23T12:00:00Z'));
    await minoots.timers.create({ name: 'm', cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
    await advance(4 * DAY);
    const ofSecond = events.filter(({ name }) => name === 'm');
    expect(ofSecond.map(({ scheduledFor }) => scheduledFor.toISOString().slice(0, 10))).toEqual([
      '2026-10-24',
      '2026-10-25',
      '2026-10-26',
      '2026-10-27',
    ]);
  });
});

describe('after a pause', () => {
  test('once: one event for all that was missed', async () => {
    const { events } = await afterPause('once', { every: '1h' }, 5 * HOUR + MINUTE);
    await advance(1);
    expect(events).toMatchObject([{ scheduledFor: new Date(NOON + HOUR), missed: 4, occurrence: 1 }]);
    await advance(HOUR);
    expect(events.slice(1)).toMatchObject([
      { scheduledFor: new Date(NOON + 6 * HOUR), missed: 0, occurrence: 2 },
    ]);
  });

  test('all: one event for each', async () => {
    const { events } = await afterPause('all', { every: '1h', catchUp: 'all' }, 5 * HOUR + MINUTE);
    await advance(SECOND);
    expect(events.map(({ scheduledFor }) => (scheduledFor.getTime() - NOON) / HOUR)).toEqual([1, 2, 3, 4, 5]);
    expect(events.every(({ missed }) => missed === 0)).toBe(true);
  });

  test('none: no event for what is over', async () => {
    const { events, id, runner } = await afterPause(
      'none',
      { every: '1h', catchUp: 'none' },
      5 * HOUR + MINUTE,
    );
    await advance(SECOND);
    expect(events).toEqual([]);
    expect(await runner.timers.get(id)).toMatchObject({ endTime: new Date(NOON + 6 * HOUR) });
    await advance(HOUR);
    expect(events).toMatchObject([{ scheduledFor: new Date(NOON + 6 * HOUR) }]);
  });

  test('none: half a minute is no pause', async () => {
    const { events } = await afterPause('late', { every: '1h', catchUp: 'none' }, HOUR + 30 * SECOND);
    await advance(1);
    expect(events).toMatchObject([{ scheduledFor: new Date(NOON + HOUR) }]);
  });

  test.each([
    ['once', 1, 3],
    ['all', 4, 0],
    ['none', 0, 0],
  ])('cron, %s: %d events', async (catchUp, count, missed) => {
    const timer = { cron: '0 * * * *', timeZone: 'UTC', catchUp };
    const { events } = await afterPause(`cron-${catchUp}`, timer, 4 * HOUR + 10 * MINUTE);
    await advance(SECOND);
    expect(events).toHaveLength(count);
    if (count === 1) expect(events[0]).toMatchObject({ missed });
  });

  test('what was missed is counted up to a thousand', async () => {
    for (const timer of [{ every: '1s' }, { cron: '* * * * * *', timeZone: 'UTC' }]) {
      const { events } = await afterPause(`many-${'cron' in timer}`, timer, HOUR);
      await advance(1);
      expect(events).toMatchObject([{ missed: 1000 }]);
      expect(events).toHaveLength(1);
    }
  });

  test('a timer that does not recur is never too late', async () => {
    const { events } = await afterPause('single', { duration: '1m' }, 20 * DAY);
    await advance(1);
    expect(events).toHaveLength(1);
  });
});
