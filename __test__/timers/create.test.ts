/** Timers are made, found, listed, changed and cancelled. */
import type { TimerInput } from '@wundr.io/token-budget/timers';
import { rejection } from '../facade/helpers';
import { advance, coordinator, DAY, fired, HOUR, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

useFakeTime();

test('a timer says what it is', async () => {
  const minoots = coordinator({ owner: 'team' });
  const events = { on_expire: { webhook: 'https://your-app.com/x', message: 'go', data: { n: 1 } } };
  const timer = await minoots.timers.create({
    name: 'GitHub API Reset',
    duration: '10m',
    metadata: { ticket: 7 },
    events,
  });
  expect(timer).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: 'GitHub API Reset',
    owner: 'team',
    status: 'scheduled',
    startTime: new Date(NOON),
    endTime: new Date(NOON + 10 * MINUTE),
    duration: 10 * MINUTE,
    timeRemaining: 10 * MINUTE,
    progress: 0,
    createdAt: new Date(NOON),
    occurrence: 0,
    metadata: { ticket: 7 },
    broadcast: false,
    events,
  });
  await advance(4 * MINUTE);
  expect(await minoots.timers.get(timer.id)).toMatchObject({ timeRemaining: 6 * MINUTE, progress: 0.4 });
});

test.each<[string, Partial<TimerInput>]>([
  ['nothing beside', { duration: 1 }],
  ['everything once', { fireAt: NOON + DAY, owner: 'o', metadata: { a: { b: [1] } }, broadcast: true }],
  ['a recurrence', { every: '5m', catchUp: 'all' }],
  ['a pattern', { cron: '0 3 * * *', timeZone: 'Europe/Berlin' }],
  ['data that is null', { duration: 1, events: { on_expire: { data: null } } }],
  ['no action', { duration: 1, events: {}, metadata: {}, broadcast: false }],
  [
    'lone surrogates',
    { duration: 1, metadata: { a: '\ud800' }, events: { on_expire: { message: 'm\udc00' } } },
  ],
  ['what no object has', { duration: 1, metadata: JSON.parse('{"__proto__":{"a":1}}') }],
])('what is answered to create is what is found later: %s', async (_kind, input) => {
  const { timers } = coordinator({ run: false });
  const made = await timers.create({ name: 'n', ...input });
  expect(await timers.get(made.id)).toStrictEqual(made);
});

test.each<[number | string, number]>([
  [0, 0],
  [250, 250],
  [0.2, 1],
  ['20ms', 20],
  ['30s', 30 * SECOND],
  ['5m', 5 * MINUTE],
  ['6m0s', 6 * MINUTE],
  ['1h30m', 90 * MINUTE],
  ['2d', 2 * DAY],
  ['1w', 7 * DAY],
])('a duration of %j', async (duration, ms) => {
  const timer = await coordinator({ run: false }).timers.create({ name: 'n', duration });
  expect(timer.endTime.getTime() - NOON).toBe(ms);
});

test.each<[string, Date | number | string]>([
  ['a Date', new Date(NOON + HOUR)],
  ['milliseconds', NOON + HOUR],
  ['text', '2026-01-14T13:00:00Z'],
  ['text with an offset', '2026-01-14T14:00:00.000+01:00'],
])('fireAt as %s', async (_kind, fireAt) => {
  const timer = await coordinator().timers.create({ name: 'n', fireAt });
  expect(timer.endTime).toEqual(new Date(NOON + HOUR));
});

test('the same id is the same timer, as long as it is remembered', async () => {
  const minoots = coordinator({ keepFinished: '1h' });
  const events = fired(minoots);
  const input = { id: 'once', name: 'n', duration: '1m', events: { on_expire: { data: { a: 1 } } } };
  const first = await minoots.timers.create(input);
  await advance(10 * SECOND);
  const again = await minoots.timers.create({ ...input, duration: 60_000 });
  expect(again.endTime).toEqual(first.endTime);
  await advance(MINUTE);
  expect(await minoots.timers.create(input)).toMatchObject({ status: 'fired', occurrence: 1 });
  await advance(2 * MINUTE);
  expect(events).toHaveLength(1);
  await advance(2 * HOUR);
  expect(await minoots.timers.create(input)).toMatchObject({ status: 'scheduled' });
});

test.each<[string, object]>([
  ['name', { name: 'other' }],
  ['duration', { duration: '2m' }],
  ['owner', { owner: 'other' }],
  ['metadata', { metadata: { a: 1 } }],
  ['events', { events: { on_expire: { message: 'm' } } }],
  ['recurrence', { every: '1m' }],
  ['broadcast', { broadcast: true }],
])('the same id with another %s is a conflict', async (_what, change) => {
  const minoots = coordinator();
  const input = { id: 'once', name: 'n', duration: '1m' };
  await minoots.timers.create(input);
  const error = await rejection(minoots.timers.create({ ...input, ...change }));
  expect(error).toMatchObject({ code: 'REQUEST_CONFLICT', field: 'timer.id' });
});

test('a timer that is cancelled does not fire', async () => {
  const minoots = coordinator();
  const events = fired(minoots);
  const { id } = await minoots.timers.create({ name: 'n', duration: '1m' });
  await advance(30 * SECOND);
  expect(await minoots.timers.cancel(id)).toBe(true);
  expect(await minoots.timers.cancel(id)).toBe(false);
  expect(await minoots.timers.cancel('unknown')).toBe(false);
  await advance(HOUR);
  expect(events).toEqual([]);
  expect(await minoots.timers.get(id)).toMatchObject({
    status: 'cancelled',
    endedAt: new Date(NOON + 30 * SECOND),
    progress: 0.5,
    timeRemaining: 0,
  });
});

describe('update', () => {
  test('changes what is named and leaves the rest', async () => {
    const minoots = coordinator();
    const { id } = await minoots.timers.create({
      name: 'n',
      duration: '1m',
      metadata: { a: 1 },
      events: { on_expire: { message: 'm', data: 1 } },
    });
    await advance(10 * SECOND);
    const changed = await minoots.timers.update(id, { name: 'other', owner: 'me', metadata: { b: 2 } });
    expect(changed).toMatchObject({
      name: 'other',
      owner: 'me',
      metadata: { b: 2 },
      endTime: new Date(NOON + MINUTE),
      events: { on_expire: { message: 'm', data: 1 } },
    });
    const emptied = await minoots.timers.update(id, { events: {}, broadcast: true });
    expect(emptied).toMatchObject({ events: {}, broadcast: true, metadata: { b: 2 } });
  });

  test('a new duration begins anew', async () => {
    const minoots = coordinator();
    const events = fired(minoots);
    const { id } = await minoots.timers.create({ name: 'n', duration: '1m' });
    await advance(30 * SECOND);
    const changed = await minoots.timers.update(id, { duration: '2m' });
    expect(changed).toMatchObject({ startTime: new Date(NOON + 30 * SECOND), duration: 2 * MINUTE });
    await advance(2 * MINUTE - 1);
    expect(events).toEqual([]);
    await advance(1);
    expect(events).toHaveLength(1);
  });

  test('an earlier time wakes who sleeps', async () => {
    const minoots = coordinator();
    const events = fired(minoots);
    const { id } = await minoots.timers.create({ name: 'n', duration: '30d' });
    await minoots.timers.update(id, { fireAt: new Date(NOON + SECOND) });
    await advance(SECOND);
    expect(events).toHaveLength(1);
  });

  test('what has ended, or never was, is not found', async () => {
    const minoots = coordinator();
    const { id } = await minoots.timers.create({ name: 'n', duration: 0 });
    await advance(1);
    for (const which of [id, 'unknown']) {
      for (const change of [{ name: 'other' }, { metadata: {} }]) {
        const error = await rejection(minoots.timers.update(which, change));
        expect(error.code).toBe('TIMER_NOT_FOUND');
      }
    }
  });

  test('a timer begins to recur, recurs otherwise, and stops', async () => {
    const minoots = coordinator();
    const events = fired(minoots);
    const { id } = await minoots.timers.create({ name: 'n', duration: '1m' });
    expect(await minoots.timers.update(id, { every: '10m' })).toMatchObject({
      every: 10 * MINUTE,
      catchUp: 'once',
      endTime: new Date(NOON + 10 * MINUTE),
    });
    expect(await minoots.timers.update(id, { catchUp: 'all' })).toMatchObject({ catchUp: 'all' });
    await advance(20 * MINUTE);
    expect(events).toHaveLength(2);
    const cron = await minoots.timers.update(id, { cron: '0 * * * *', timeZone: 'UTC' });
    expect(cron).toMatchObject({ cron: '0 * * * *', endTime: new Date(NOON + HOUR) });
    expect(cron.every).toBeUndefined();
    await minoots.timers.update(id, { cron: null });
    await advance(3 * HOUR);
    expect(events).toHaveLength(3);
    expect(await minoots.timers.get(id)).toMatchObject({ status: 'fired' });
  });

  test('catchUp and timeZone belong to timers that have them', async () => {
    const minoots = coordinator();
    const { id } = await minoots.timers.create({ name: 'n', duration: '1m' });
    await expect(minoots.timers.update(id, { catchUp: 'all' })).rejects.toMatchObject({
      field: 'change.catchUp',
    });
    const every = await minoots.timers.create({ name: 'n', every: '1m' });
    await expect(minoots.timers.update(every.id, { timeZone: 'UTC' })).rejects.toMatchObject({
      field: 'change.timeZone',
    });
  });
});

describe('list', () => {
  test.each([1, 5])('pages through everything, with %d shards', async shards => {
    const minoots = coordinator({ shards });
    const ids = Array.from({ length: 25 }, (_, n) => `timer-${String(n).padStart(2, '0')}`);
    for (const id of ids) await minoots.timers.create({ id, name: 'n', duration: '1h' });
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await minoots.timers.list({ limit: 4, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.timers.length).toBeLessThanOrEqual(4);
      found.push(...page.timers.map(({ id }) => id));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(found.sort()).toEqual(ids);
    const all: string[] = [];
    for await (const { id } of minoots.timers.listAll({ limit: 3 })) all.push(id);
    expect(all.sort()).toEqual(ids);
  });

  test('by status, name and owner', async () => {
    const minoots = coordinator();
    await minoots.timers.create({ id: 'a', name: 'red', duration: 0, owner: 'x' });
    await minoots.timers.create({ id: 'b', name: 'red', duration: '1h', owner: 'y' });
    await minoots.timers.create({ id: 'c', name: 'blue', duration: '1h', owner: 'x' });
    await minoots.timers.cancel('c');
    await advance(1);
    const ids = async (filter: object) =>
      (await minoots.timers.list(filter)).timers.map(({ id }) => id).sort();
    expect(await ids({})).toEqual(['a', 'b', 'c']);
    expect(await ids({ name: 'red' })).toEqual(['a', 'b']);
    expect(await ids({ owner: 'x' })).toEqual(['a', 'c']);
    expect(await ids({ status: 'scheduled' })).toEqual(['b']);
    expect(await ids({ status: 'fired' })).toEqual(['a']);
    expect(await ids({ status: 'cancelled', owner: 'x' })).toEqual(['c']);
    expect(await ids({ status: 'cancelled', name: 'red' })).toEqual([]);
  });
});
