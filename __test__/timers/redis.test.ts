/** Timers on Redis: shared by coordinators, told of by news, kept while the store is away. */
import type { CoordinatorOptions, TimerExpiredEvent, TimerInput } from '@wundr.io/token-budget/timers';
import { rejection } from '../facade/helpers';
import { runProcess } from '../support/process';
import { type RedisServer, startRedis } from '../support/redis';
import { startStore } from '../support/stores';
import { eventually, HOST } from '../support/system';
import { closeAll, coordinator, fired } from './helpers';

let server: RedisServer;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(closeAll);

/** The options of coordinators that share timers with nobody else. */
function shared(more: CoordinatorOptions = {}): CoordinatorOptions {
  prefixes += 1;
  return { redis: { host: HOST, port: server.port, keyPrefix: `timers-${prefixes}` }, ...more };
}

test('one process makes a timer, another fires it and a third waits for it', async () => {
  const options = shared();
  const author = coordinator({ ...options, run: false });
  const runner = coordinator(options);
  const waiter = coordinator({ ...options, run: false });
  const idle = [fired(author), fired(waiter)];
  const events = fired(runner);
  const timer = await author.timers.create({
    name: 'n',
    duration: 300,
    metadata: { a: 1 },
    events: { on_expire: { data: [1, 'two', null] } },
  });
  const found = await waiter.timers.waitFor(timer.id);
  expect(found).toMatchObject({ id: timer.id, status: 'fired', occurrence: 1 });
  await eventually('the event', () => events[0]);
  expect(events).toMatchObject([{ id: timer.id, data: [1, 'two', null], metadata: { a: 1 }, occurrence: 1 }]);
  const [event] = events as [TimerExpiredEvent];
  expect(event.firedAt.getTime()).toBeGreaterThanOrEqual(event.scheduledFor.getTime());
  expect(idle).toEqual([[], []]);
});

test('what is answered to create is what another process finds, whatever was repeated', async () => {
  const options = shared({ run: false, owner: 'team' });
  const [author, reader] = [coordinator(options), coordinator(options)];
  const data = { 'ключ\u2028': ['é', '😀', null] };
  const inputs: TimerInput[] = [
    { name: 'n', duration: '1h' },
    { name: 'n', duration: '2h', owner: '', events: { on_expire: { data, message: '😀' } } },
    { name: 'ü', fireAt: Date.now() + 3_600_000, metadata: data, broadcast: true },
    { name: 'n', every: '1h', catchUp: 'all', owner: 'team' },
    { name: 'n', cron: '0 3 * * *', timeZone: 'Europe/Berlin', id: 'given 😀' },
  ];
  const made = await Promise.all(inputs.map(input => author.timers.create(input)));
  const found = await Promise.all(made.map(({ id }) => reader.timers.get(id)));
  // These two go with the clock.
  const still = { timeRemaining: 0, progress: 0 };
  expect(found.map(timer => ({ ...timer, ...still }))).toEqual(made.map(timer => ({ ...timer, ...still })));
  expect(made.map(({ name, owner }) => `${name} ${owner}`)).toEqual([
    'n team',
    'n ',
    'ü team',
    'n team',
    'n team',
  ]);
  const again = await author.timers.create({ ...inputs[4], name: 'n' });
  expect(again.createdAt).toEqual(made[4]?.createdAt);
});

test('an earlier timer of another process wakes one that sleeps', async () => {
  const options = shared();
  const runner = coordinator(options);
  const events = fired(runner);
  await runner.timers.create({ name: 'far', duration: '1d' });
  const author = coordinator({ ...options, run: false });
  for (let n = 0; n < 5; n += 1) {
    const { id } = await author.timers.create({ name: 'near', duration: 100 });
    await eventually('the event', () => events.find(event => event.id === id));
  }
});

test('who waits hears at once of what another process changes', async () => {
  const options = shared({ run: false });
  const [waiter, other] = [coordinator(options), coordinator(options)];
  // A look by itself would come after five seconds.
  for (const round of [1, 2, 3]) {
    const { id } = await other.timers.create({ id: `changed-${round}`, name: 'n', duration: '1h' });
    const waiting = rejection(waiter.timers.waitFor(id));
    // Until it listens and has looked once.
    await waiter.timers.get(id);
    await waiter.timers.update(id, { name: 'm' });
    const beganMs = performance.now();
    await other.timers.cancel(id);
    expect(await waiting).toMatchObject({ code: 'TIMER_CANCELLED' });
    // The subscription is made in the background: the first round may be too early for it.
    if (round > 1) expect(performance.now() - beganMs).toBeLessThan(3000);
  }
});

test('one reset timer of a breaker that several processes open', async () => {
  const options = shared({ run: false });
  const [one, other] = [coordinator(options), coordinator(options)].map(each =>
    each.circuitBreaker('s', { schedule: { on_expire: {} } }),
  ) as [
    import('@wundr.io/token-budget/timers').CircuitBreaker,
    import('@wundr.io/token-budget/timers').CircuitBreaker,
  ];
  const reader = coordinator(options);
  await Promise.all([one.trip('10m'), other.trip('2m'), one.trip('30m'), other.trip('5m')]);
  await eventually('one timer', async () => {
    const { timers } = await reader.timers.list({ status: 'scheduled' });
    await one.export();
    return timers.length === 1 && timers[0]?.endTime.getTime() === one.retryAt?.getTime() ? true : undefined;
  });
  await other.reset();
  await eventually('none', async () =>
    (await reader.timers.list({ status: 'scheduled' })).timers.length === 0 ? true : undefined,
  );
});

test('eight ask for one timer, and it is one', async () => {
  const options = shared({ run: false });
  const many = Array.from({ length: 8 }, () => coordinator(options));
  const timers = await Promise.all(
    many.map(({ timers: each }) => each.create({ id: 'one', name: 'n', duration: '1h' })),
  );
  expect(new Set(timers.map(({ endTime }) => endTime.getTime())).size).toBe(1);
  const resets = await Promise.all(
    many.map(({ timers: each }) => each.fromRateLimit({ status: 429, headers: { 'retry-after': '30' } })),
  );
  expect(new Set(resets.map(timer => timer?.id)).size).toBe(1);
  const { timers: listed } = await (many[0] as (typeof many)[0]).timers.list({ status: 'scheduled' });
  expect(listed).toHaveLength(2);
});

test('two run, each timer fires once', async () => {
  const options = shared();
  const runners = [coordinator(options), coordinator(options)];
  const events = runners.map(fired);
  await Promise.all(
    Array.from({ length: 1000 }, (_, n) =>
      (runners[n % 2] as (typeof runners)[0]).timers.create({
        id: `t${n}`,
        name: 'n',
        duration: 200 + (n % 50),
      }),
    ),
  );
  const all = await eventually('all events', () => {
    const found = events.flat();
    return found.length >= 1000 ? found : undefined;
  });
  expect(new Set(all.map(({ id }) => id)).size).toBe(1000);
  expect(all).toHaveLength(1000);
  for (const { firedAt, scheduledFor } of all) {
    expect(firedAt.getTime()).toBeGreaterThanOrEqual(scheduledFor.getTime());
  }
});

test('broadcast: everybody hears of it, once', async () => {
  const options = shared();
  const all = [coordinator(options), coordinator(options), coordinator({ ...options, run: false })];
  await Promise.all(all.map(one => one.ready()));
  const events = all.map(fired);
  // What is published before a subscription is there is not heard; so this is repeated until it is.
  const author = all[0] as (typeof all)[0];
  await eventually('that everybody hears', async () => {
    await author.timers.create({ name: 'warm', duration: 0, broadcast: true });
    return events.every(heard => heard.length > 0) ? true : undefined;
  });
  const { id } = await author.timers.create({
    id: 'told',
    name: 'n',
    duration: 100,
    broadcast: true,
    events: { on_expire: { data: { a: 1 } } },
  });
  const heard = () => events.map(each => each.filter(event => event.id === id));
  await eventually('everybody', () => (heard().every(each => each.length > 0) ? true : undefined));
  const told = heard().flat();
  expect(told).toHaveLength(3);
  expect(new Set(told.map(({ deliveryId }) => deliveryId)).size).toBe(1);
  for (const event of told) {
    expect(event).toMatchObject({
      data: { a: 1 },
      scheduledFor: expect.any(Date),
      firedAt: expect.any(Date),
    });
  }
});

test('who waits hears at once of a timer that another process brought forward', async () => {
  const options = shared();
  const [waiter, other] = [coordinator(options), coordinator(options)];
  const { id } = await waiter.timers.create({ name: 'n', duration: '1h' });
  const waiting = waiter.timers.waitFor(id);
  // Asked behind its first look.
  await waiter.timers.get(id);
  await other.timers.update(id, { duration: 300 });
  expect(await waiting).toMatchObject({ id, status: 'fired' });
});

test('while the store is away nothing is lost', async () => {
  const options = shared({ commandTimeout: 500, connectTimeout: 500 });
  const runner = coordinator(options);
  const errors: unknown[] = [];
  runner.on('error', error => errors.push(error));
  const events = fired(runner);
  const { id } = await runner.timers.create({ name: 'n', duration: 400 });
  server.pause();
  try {
    const waiting = runner.timers.waitFor(id);
    const error = await rejection(runner.timers.create({ id: 'again', name: 'n', duration: 1 }));
    expect(['STORE_UNAVAILABLE', 'TIMEOUT']).toContain(error.code);
    server.resume();
    expect(await waiting).toMatchObject({ id, status: 'fired' });
    await runner.timers.create({ id: 'again', name: 'n', duration: 1 });
    await eventually('both', () => (events.length >= 2 ? true : undefined));
    expect(events.map(event => event.id).sort()).toEqual([id, 'again'].sort());
  } finally {
    server.resume();
  }
});

test('a process that is killed leaves its timers to the next one', async () => {
  const options = shared();
  const first = runProcess('timers.cjs', { args: [JSON.stringify(options)] });
  await eventually('ready', () => (first.output().includes('"ready":true') ? true : undefined));
  await first.call('create', [
    { id: 'a', name: 'n', duration: 100 },
    { id: 'b', name: 'n', duration: 3000 },
  ]);
  await eventually('the first event', () => (first.output().includes('"id":"a"') ? true : undefined));
  await first.kill('SIGKILL');
  const second = runProcess('timers.cjs', { args: [JSON.stringify(options)] });
  await eventually('the second event', () => (second.output().includes('"id":"b"') ? true : undefined));
  expect(second.output()).not.toContain('"id":"a"');
  await second.kill();
});

test('on a cluster timers are spread over its nodes', async () => {
  const cluster = await startStore('cluster');
  try {
    const options: CoordinatorOptions = { redis: { ...cluster.redis, keyPrefix: 'spread' } };
    const [author, runner] = [coordinator({ ...options, run: false }), coordinator(options)];
    await author.ready();
    const events = fired(runner);
    const ids = Array.from({ length: 200 }, (_, n) => `t${n}`);
    await Promise.all(ids.map(id => author.timers.create({ id, name: 'n', duration: 300 })));
    await eventually('all events', () => (events.length >= 200 ? true : undefined));
    expect(events.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const listed: string[] = [];
    for await (const { id, status } of author.timers.listAll({ limit: 30 })) {
      listed.push(id);
      expect(status).toBe('fired');
    }
    expect(listed.sort()).toEqual([...ids].sort());
    const deliveryIds = events.map(({ deliveryId }) => deliveryId.split('-')[0]);
    expect(new Set(deliveryIds).size).toBe(8);
    await closeAll();
  } finally {
    await cluster.stop();
  }
});

test('healthCheck and ready', async () => {
  const there = coordinator(shared());
  await there.ready();
  expect(await there.healthCheck()).toBe(true);
  const nowhere = coordinator({ redis: { host: HOST, port: 1 }, connectTimeout: 100, commandTimeout: 100 });
  expect(await rejection(nowhere.ready({ timeout: 100 }))).toMatchObject({
    code: expect.stringMatching(/STORE_UNAVAILABLE|TIMEOUT/),
  });
  expect(await nowhere.healthCheck()).toBe(false);
});

test('close gives back at once what listeners had no time for', async () => {
  const options = shared();
  const slow = coordinator(options);
  const begun: string[] = [];
  slow.on('timer:expired', (({ id }: TimerExpiredEvent) => {
    begun.push(id);
    return new Promise<void>(() => {});
  }) as never);
  await slow.timers.create({ id: 'x', name: 'n', duration: 0 });
  await eventually('the event', () => begun[0]);
  const other = coordinator(options);
  const events = fired(other);
  await slow.close({ timeout: 10 });
  // Much sooner than a claim lapses by itself.
  await eventually('the event elsewhere', () => events[0], { timeoutMs: 15_000 });
  expect(events).toMatchObject([{ id: 'x', occurrence: 1 }]);
});
