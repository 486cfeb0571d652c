/** waitFor. */
import { rejection } from '../facade/helpers';
import { advance, coordinator, DAY, HOUR, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

useFakeTime();

test('resolves with the timer when it fires, and not before', async () => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', duration: '40d' });
  let found: unknown;
  const waiting = minoots.timers.waitFor(id).then(timer => {
    found = timer;
  });
  await advance(40 * DAY - 1);
  expect(found).toBeUndefined();
  await advance(1);
  await waiting;
  expect(found).toMatchObject({ id, status: 'fired', endedAt: new Date(NOON + 40 * DAY) });
});

test.each([
  ['brought forward', HOUR, MINUTE],
  ['put off', MINUTE, HOUR],
])('of one that is %s meanwhile, when it fires', async (_, beforeMs, afterMs) => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', duration: beforeMs });
  let found: unknown;
  const waiting = minoots.timers.waitFor(id).then(timer => {
    found = timer;
  });
  await advance(SECOND);
  await minoots.timers.update(id, { duration: afterMs });
  await advance(afterMs - 1);
  expect(found).toBeUndefined();
  await advance(1);
  await waiting;
  expect(found).toMatchObject({ id, status: 'fired', endedAt: new Date(NOON + SECOND + afterMs) });
});

test('one that has fired already is there at once', async () => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', duration: 0 });
  await advance(MINUTE);
  expect(await minoots.timers.waitFor(id)).toMatchObject({ status: 'fired' });
});

test('of one that recurs the next time', async () => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', every: '1h' });
  for (const occurrence of [1, 2]) {
    const waiting = minoots.timers.waitFor(id);
    await advance(HOUR);
    expect(await waiting).toMatchObject({ occurrence, status: 'scheduled' });
  }
});

test('unknown, cancelled before, cancelled meanwhile', async () => {
  const minoots = coordinator();
  expect(await rejection(minoots.timers.waitFor('unknown'))).toMatchObject({ code: 'TIMER_NOT_FOUND' });
  const { id } = await minoots.timers.create({ name: 'n', duration: '1h' });
  const waiting = rejection(minoots.timers.waitFor(id));
  await advance(MINUTE);
  await minoots.timers.cancel(id);
  expect(await waiting).toMatchObject({ code: 'TIMER_CANCELLED' });
  expect(await rejection(minoots.timers.waitFor(id))).toMatchObject({ code: 'TIMER_CANCELLED' });
});

test('a signal ends it with its reason and leaves nothing behind', async () => {
  const minoots = coordinator({ run: false });
  const { id } = await minoots.timers.create({ name: 'n', duration: '1h' });
  const controller = new AbortController();
  const waiting = rejection(minoots.timers.waitFor(id, { signal: controller.signal }));
  await advance(MINUTE);
  controller.abort(new Error('enough'));
  expect((await waiting).message).toBe('enough');
  expect(jest.getTimerCount()).toBe(0);
  const aborted = AbortSignal.abort(new Error('before'));
  expect((await rejection(minoots.timers.waitFor(id, { signal: aborted }))).message).toBe('before');
});

test('close ends it', async () => {
  const minoots = coordinator();
  const { id } = await minoots.timers.create({ name: 'n', duration: '1h' });
  const waiting = rejection(minoots.timers.waitFor(id));
  await advance(1);
  await minoots.close();
  expect(await waiting).toMatchObject({ code: 'CLOSED', message: 'The coordinator is closed' });
});

test('what another coordinator fires, puts off or cancels', async () => {
  const memory = { name: `wait-${process.pid}` };
  const [waiter, other] = [coordinator({ memory, run: false }), coordinator({ memory })];
  const { id } = await waiter.timers.create({ name: 'n', duration: '1m' });
  const waiting = waiter.timers.waitFor(id);
  await advance(30 * SECOND);
  await other.timers.update(id, { duration: '1m' });
  await advance(MINUTE + 2 * SECOND);
  expect(await waiting).toMatchObject({ endTime: new Date(NOON + 90 * SECOND) });
  const second = await waiter.timers.create({ name: 'n', duration: '1h' });
  const ended = rejection(waiter.timers.waitFor(second.id));
  await advance(MINUTE);
  await other.timers.cancel(second.id);
  await advance(10 * SECOND);
  expect(await ended).toMatchObject({ code: 'TIMER_CANCELLED' });
});
