/** What is wrong is refused, and named. */
import { createTokenCoordinator } from '@wundr.io/token-budget/timers';
import { rejection } from '../facade/helpers';
import { coordinator, useFakeTime } from './helpers';

useFakeTime();

test.each<[string, unknown]>([
  ['options', null],
  ['options', 'redis'],
  ['storge', { storge: 'x' }],
  ['run', { run: 1 }],
  ['owner', { owner: 7 }],
  ['defaultTimeZone', { defaultTimeZone: 'Mars/Olympus' }],
  ['shards', { shards: 0 }],
  ['shards', { shards: 65 }],
  ['shards', { shards: 1.5 }],
  ['keepFinished', { keepFinished: -1 }],
  ['keepFinished', { keepFinished: 'a while' }],
  ['keepDead', { keepDead: Number.NaN }],
  ['concurrency', { concurrency: 0 }],
  ['webhooks', { webhooks: 5 }],
  ['memory.name', { memory: { name: '' } }],
  ['clock', { clock: Date.now, redis: {} }],
  ['redis.port', { redis: { port: -1 } }],
])('the coordinator names %s: %j', (field, options) => {
  expect(() => createTokenCoordinator(options as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field }),
  );
});

const lone = '\uD800';
const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

test.each<[string, unknown]>([
  ['timer', undefined],
  ['timer', 'soon'],
  ['timer', []],
  ['timer.name', { duration: 1 }],
  ['timer.name', { name: '', duration: 1 }],
  ['timer.name', { name: 'x'.repeat(257), duration: 1 }],
  ['timer.name', { name: lone, duration: 1 }],
  ['timer.nmae', { nmae: 'n', name: 'n', duration: 1 }],
  ['timer.id', { id: '', name: 'n', duration: 1 }],
  ['timer.id', { id: 5, name: 'n', duration: 1 }],
  ['timer.duration', { name: 'n' }],
  ['timer.duration', { name: 'n', duration: -1 }],
  ['timer.duration', { name: 'n', duration: Number.NaN }],
  ['timer.duration', { name: 'n', duration: Infinity }],
  ['timer.duration', { name: 'n', duration: 1e13 }],
  ['timer.duration', { name: 'n', duration: '5 parsecs' }],
  ['timer.duration', { name: 'n', duration: '' }],
  ['timer.duration', { name: 'n', duration: '250' }],
  ['timer.duration', { name: 'n', duration: '-5m' }],
  ['timer.duration', { name: 'n', duration: '9999999w' }],
  ['timer.duration', { name: 'n', duration: 5n }],
  ['timer.duration', { name: 'n', duration: new Date() }],
  ['timer.fireAt', { name: 'n', duration: 1, fireAt: new Date() }],
  ['timer.fireAt', { name: 'n', fireAt: new Date(Number.NaN) }],
  ['timer.fireAt', { name: 'n', fireAt: 1_768_395_600 }],
  ['timer.fireAt', { name: 'n', fireAt: -1 }],
  ['timer.fireAt', { name: 'n', fireAt: Infinity }],
  ['timer.fireAt', { name: 'n', fireAt: 'tomorrow' }],
  ['timer.fireAt', { name: 'n', fireAt: '2026-01-14T13:00:00' }],
  ['timer.fireAt', { name: 'n', fireAt: '2026-13-14T13:00:00Z' }],
  ['timer.fireAt', { name: 'n', fireAt: '2027-02-29T00:00:00Z' }],
  ['timer.fireAt', { name: 'n', fireAt: '2027-04-31T00:00:00Z' }],
  ['timer.every', { name: 'n', every: 0 }],
  ['timer.every', { name: 'n', every: 'hourly' }],
  ['timer.cron', { name: 'n', every: 5, cron: '* * * * *' }],
  ['timer.cron', { name: 'n', cron: 'every day' }],
  ['timer.cron', { name: 'n', cron: '61 * * * *' }],
  ['timer.cron', { name: 'n', cron: '0 0 30 2 *' }],
  ['timer.cron', { name: 'n', cron: 5 }],
  ['timer.timeZone', { name: 'n', cron: '* * * * *', timeZone: 'Nowhere' }],
  ['timer.timeZone', { name: 'n', duration: 5, timeZone: 'UTC' }],
  ['timer.catchUp', { name: 'n', every: 5, catchUp: 'some' }],
  ['timer.catchUp', { name: 'n', duration: 5, catchUp: 'all' }],
  ['timer.owner', { name: 'n', duration: 1, owner: 'x'.repeat(257) }],
  ['timer.metadata', { name: 'n', duration: 1, metadata: 'x' }],
  ['timer.metadata', { name: 'n', duration: 1, metadata: cyclic }],
  ['timer.metadata', { name: 'n', duration: 1, metadata: { x: 'x'.repeat(70_000) } }],
  ['timer.broadcast', { name: 'n', duration: 1, broadcast: 'yes' }],
  ['timer.events', { name: 'n', duration: 1, events: 'webhook' }],
  ['timer.events.onExpire', { name: 'n', duration: 1, events: { onExpire: {} } }],
  ['timer.events.on_expire', { name: 'n', duration: 1, events: { on_expire: null } }],
  ['timer.events.on_expire.url', { name: 'n', duration: 1, events: { on_expire: { url: 'x' } } }],
  ['timer.events.on_expire.message', { name: 'n', duration: 1, events: { on_expire: { message: 5 } } }],
  [
    'timer.events.on_expire.message',
    { name: 'n', duration: 1, events: { on_expire: { message: 'x'.repeat(5000) } } },
  ],
  ['timer.events.on_expire.data', { name: 'n', duration: 1, events: { on_expire: { data: cyclic } } }],
  ['timer.events.on_expire.data', { name: 'n', duration: 1, events: { on_expire: { data: () => 5 } } }],
  [
    'timer.events.on_expire.data',
    { name: 'n', duration: 1, events: { on_expire: { data: 'x'.repeat(70_000) } } },
  ],
  ...[
    'your-app.com/x',
    'ftp://your-app.com',
    'https://user:pw@your-app.com',
    'file:///etc/passwd',
    '',
    5,
  ].map((webhook): [string, unknown] => [
    'timer.events.on_expire.webhook',
    { name: 'n', duration: 1, events: { on_expire: { webhook } } },
  ]),
])('create names %s: %p', async (field, timer) => {
  const error = await rejection(coordinator({ run: false }).timers.create(timer as never));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
  expect(error.message.startsWith(`${field}: `)).toBe(true);
  expect(error.message).not.toContain('pw');
});

test('what is wrong with a timer leaves none behind', async () => {
  const minoots = coordinator();
  await rejection(minoots.timers.create({ name: 'n', duration: -1 }));
  expect((await minoots.timers.list()).timers).toEqual([]);
});

type Timers = ReturnType<typeof coordinator>['timers'];
const of = (call: (timers: Timers & Record<string, (...args: unknown[]) => unknown>) => unknown) => call;

test.each<[string, (timers: never) => unknown]>([
  ['id', of(timers => timers.get(''))],
  ['id', of(timers => timers.cancel(5 as never))],
  ['id', of(timers => timers.waitFor(undefined as never))],
  ['id', of(timers => timers.update('', {}))],
  ['options.signal', of(timers => timers.get('x', { signal: 'stop' as never }))],
  ['options.timeout', of(timers => timers.waitFor('x', { timeout: 5 } as never))],
  ['change', of(timers => timers.update('x', null as never))],
  ['change.id', of(timers => timers.update('x', { id: 'y' } as never))],
  ['change.duration', of(timers => timers.update('x', { duration: -1 }))],
  ['change.fireAt', of(timers => timers.update('x', { duration: 1, fireAt: new Date() }))],
  ['change.cron', of(timers => timers.update('x', { cron: 'x', every: 5 }))],
  ['change.metadata', of(timers => timers.update('x', { metadata: 5 as never }))],
  ['filter', of(timers => timers.list(5 as never))],
  ['filter.status', of(timers => timers.list({ status: 'running' as never }))],
  ['filter.limit', of(timers => timers.list({ limit: 0 }))],
  ['filter.limit', of(timers => timers.list({ limit: 1001 }))],
  ['filter.cursor', of(timers => timers.list({ cursor: 'abc' }))],
  ['filter.cursor', of(timers => timers.list({ cursor: Buffer.from('[9,""]').toString('base64url') }))],
  ['filter.state', of(timers => timers.list({ state: 'fired' } as never))],
  ['options.limit', of(timers => timers.deadLetters({ limit: -1 }))],
  ['options.limit', of(timers => timers.deliveries({ limit: 10_001 }))],
  ['deliveryId', of(timers => timers.redeliver(5 as never))],
  ['deliveryId', of(timers => timers.discard(null as never))],
  ['webhook', of(timers => timers.enableEndpoint('nowhere'))],
])('%s is named', async (field, call) => {
  const error = await rejection(call(coordinator({ run: false }).timers as never) as Promise<unknown>);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
});

test('ids that are no delivery of ours are not found', async () => {
  const { timers } = coordinator({ run: false });
  for (const id of ['', 'x', '0-abc', '9-abc.0', '0-abc.0', '0-a b.0']) {
    expect(await timers.redeliver(id)).toBe(false);
    expect(await timers.discard(id)).toBe(false);
  }
});

test('a polluted prototype says nothing', async () => {
  const polluted = Object.prototype as Record<string, unknown>;
  polluted.every = 5;
  polluted.webhook = 'https://evil.example';
  try {
    const timer = await coordinator({ run: false }).timers.create({
      name: 'n',
      duration: 5,
      events: { on_expire: {} },
    });
    expect(Object.hasOwn(timer, 'every')).toBe(false);
    expect(timer.events).toEqual({});
  } finally {
    delete polluted.every;
    delete polluted.webhook;
  }
});

test('after close everything rejects with CLOSED', async () => {
  const minoots = coordinator();
  const closing = minoots.close();
  expect(minoots.close()).toBe(closing);
  await closing;
  const { timers } = minoots;
  for (const call of [
    timers.create({ name: 'n', duration: 1 }),
    timers.get('x'),
    timers.list(),
    timers.cancel('x'),
    timers.update('x', { name: 'n' }),
    timers.waitFor('x'),
    timers.deadLetters(),
    timers.redeliver('x'),
    timers.endpoints(),
    timers.retry(0),
    minoots.ready(),
  ]) {
    expect(await rejection(call as Promise<unknown>)).toMatchObject({ code: 'CLOSED' });
  }
  expect(await minoots.healthCheck()).toBe(false);
  expect(() => minoots.circuitBreaker('x')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});
