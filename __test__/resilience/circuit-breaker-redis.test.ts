/** A breaker on Redis: what it costs, what it says while the store is away, and what when it is back. */
import { type CircuitBreakerOptions, createTokenCoordinator } from '@wundr.io/token-budget/timers';
import { type RedisServer, startRedis } from '../support/redis';
import { startStore, type TestStore } from '../support/stores';
import { eventually } from '../support/system';
import { breaker, changes, closeAll, fails, failTimes, OPENED, outcome, works } from './breaker-helpers';

let store: TestStore;
let server: RedisServer;
let services = 0;

beforeAll(async () => {
  store = await startStore('standalone', { proxied: true });
  server = store.servers[0] as RedisServer;
}, 60_000);
afterEach(async () => {
  store.proxies[0]?.setMode('pass');
  await closeAll();
});
afterAll(() => store?.stop());

const options = (more: CircuitBreakerOptions = {}): CircuitBreakerOptions => ({
  redis: store.redis,
  commandTimeout: 10_000,
  ...more,
});

const service = () => `service-${++services}`;

/** Scripts that the server has run. */
async function scripts(): Promise<number> {
  const text = String(await server.command('INFO', 'commandstats'));
  const counts = [...text.matchAll(/cmdstat_(?:evalsha|eval|fcall)[a-z_]*:calls=(\d+)/g)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

test('it opens exactly at its threshold, however fast calls follow each other', async () => {
  const one = breaker(service(), options({ threshold: 5 }));
  expect(await failTimes(one, 7)).toEqual([...Array(5).fill('ServiceError'), 'CIRCUIT_OPEN', 'CIRCUIT_OPEN']);
  expect([one.state, one.failures]).toEqual(['OPEN', 5]);
});

test('calls that succeed cost no round trip', async () => {
  const one = breaker(service(), options());
  await one.ready();
  const before = await scripts();
  for (let index = 0; index < 1000; index++) await one.execute(works);
  expect(await scripts()).toBe(before);
  await failTimes(one, 1);
  for (let index = 0; index < 1000; index++) await one.execute(works);
  await eventually('the failure and one success are told', async () =>
    (await scripts()) >= before + 2 ? true : undefined,
  );
  await eventually('nothing is left to tell', () => (one.failures === 0 ? true : undefined));
  expect((await scripts()) - before).toBeLessThanOrEqual(4);
});

test('successes of a sample are told together', async () => {
  const mode = { sampling: { ratio: 0.5, minimum: 10, window: '2s' } };
  const one = breaker(service(), options({ mode }));
  await one.ready();
  const before = await scripts();
  for (let index = 0; index < 500; index++) await one.execute(works);
  await eventually('they are told', async () => ((await one.export()).successes > 0 ? true : undefined));
  expect((await scripts()) - before).toBeLessThan(100);
});

test('two objects hear of each other', async () => {
  const name = service();
  const [one, two] = [breaker(name, options({ threshold: 2 })), breaker(name, options({ threshold: 2 }))];
  const heard = changes(two);
  await Promise.all([one.ready(), two.ready()]);
  await failTimes(one, 2);
  await eventually('the other is open', () => (two.state === 'OPEN' ? true : undefined));
  await two.reset();
  await eventually('the first is closed', () => (one.state === 'CLOSED' ? true : undefined));
  expect(heard).toEqual([OPENED, 'OPEN>CLOSED']);
});

test('what is exported from memory is restored on Redis, for all', async () => {
  const name = service();
  const own = breaker(name, { threshold: 1 });
  await failTimes(own, 1);
  const [one, two] = [breaker(name, options()), breaker(name, options())];
  await two.ready();
  await one.restore(await own.export());
  expect(one.state).toBe('OPEN');
  await eventually('the other has heard', () => (two.state === 'OPEN' ? true : undefined));
  expect(await one.export()).toEqual(await own.export());
});

test('a lost reply never counts a failure twice', async () => {
  const one = breaker(service(), options({ threshold: 10 }));
  await one.ready();
  const dropped = store.proxies[0]?.dropReplyTo('EVALSHA');
  await one.onFailure();
  await dropped;
  expect((await one.export()).failures).toBe(1);
});

describe('while the store is away', () => {
  test('it goes on by itself, and throws nothing of the store', async () => {
    const one = breaker(service(), options({ threshold: 3, resetAfter: 200, commandTimeout: 500 }));
    await one.ready();
    await failTimes(one, 1);
    store.proxies[0]?.setMode('cut');
    store.proxies[0]?.cutConnections();
    const heard = changes(one);
    const ended = await failTimes(one, 2);
    expect(ended).toEqual(['ServiceError', 'ServiceError']);
    expect(await outcome(one.execute(works))).toBe('CIRCUIT_OPEN');
    expect(one.state).toBe('OPEN');
    await eventually('a probe is let through', async () =>
      (await outcome(one.execute(works))) === 'answer' ? true : undefined,
    );
    expect(heard).toEqual([OPENED, 'OPEN>HALF_OPEN', 'HALF_OPEN>CLOSED']);
    for (const byHand of [() => one.trip(), () => one.isolate(), () => one.reset()]) {
      await expect(byHand()).rejects.toMatchObject({
        code: expect.stringMatching(/STORE_UNAVAILABLE|TIMEOUT/),
      });
    }
    expect(one.state).toBe('CLOSED');
    expect((await one.export()).state).toBe('CLOSED');
  });

  test('one that never reached its store works all the same', async () => {
    store.proxies[0]?.setMode('cut');
    const one = breaker(service(), options({ threshold: 2, commandTimeout: 300, connectTimeout: 300 }));
    expect(await outcome(one.execute(works))).toBe('answer');
    await failTimes(one, 2);
    expect(one.state).toBe('OPEN');
  });

  test('a server that does not answer holds up nothing but what waits for a probe', async () => {
    const one = breaker(service(), options({ threshold: 2, resetAfter: '10m', commandTimeout: 500 }));
    await one.ready();
    server.pause();
    try {
      expect(await failTimes(one, 2)).toEqual(['ServiceError', 'ServiceError']);
      expect(await outcome(one.execute(works))).toBe('CIRCUIT_OPEN');
    } finally {
      server.resume();
    }
  });

  test('when it is back, what is open here is open for all', async () => {
    const name = service();
    const one = breaker(name, options({ threshold: 2, commandTimeout: 500 }));
    await one.ready();
    store.proxies[0]?.setMode('cut');
    store.proxies[0]?.cutConnections();
    await failTimes(one, 2);
    expect(await outcome(one.execute(works))).toBe('CIRCUIT_OPEN');
    // What the server had is gone as well.
    await server.command('FLUSHALL');
    store.proxies[0]?.setMode('pass');
    const two = breaker(name, {
      ...options({ threshold: 2 }),
      redis: { host: '127.0.0.1', port: server.port },
    });
    await eventually('the store knows', async () =>
      (await two.export()).state === 'OPEN' ? true : undefined,
    );
    expect(one.state).toBe('OPEN');
  });

  test('when it is back, what it knows counts', async () => {
    const name = service();
    const one = breaker(name, options({ threshold: 5, commandTimeout: 500 }));
    await one.ready();
    store.proxies[0]?.setMode('cut');
    store.proxies[0]?.cutConnections();
    await failTimes(one, 1);
    const two = breaker(name, { ...options(), redis: { host: '127.0.0.1', port: server.port } });
    await two.isolate();
    store.proxies[0]?.setMode('pass');
    await eventually('the first knows', () => (one.state === 'OPEN' ? true : undefined));
    expect(one.retryAt).toBeUndefined();
  });
});

describe('a coordinator', () => {
  test('makes one timer for the reset, whoever sees it open', async () => {
    const redis = { ...store.redis, keyPrefix: `coordinator-${process.pid}` };
    const all = [1, 2, 3].map(() => createTokenCoordinator({ redis, run: false, commandTimeout: 10_000 }));
    const first = all[0] as (typeof all)[0];
    try {
      const schedule = { webhook: 'https://your-app.com/reset-circuit/openai' };
      const given = { threshold: 3, resetAfter: '5m', schedule };
      const breakers = all.map(one => one.circuitBreaker('openai', given));
      const one = breakers[0] as (typeof breakers)[0];
      expect(first.circuitBreaker('openai')).toBe(one);
      await Promise.all(breakers.map(each => each.ready()));
      for (const each of breakers) await each.onFailure();
      await eventually('all are open', () =>
        breakers.every(each => each.state === 'OPEN') ? true : undefined,
      );
      const timers = await eventually('the timer', async () => {
        const { timers: found } = await first.timers.list({});
        return found.length > 0 ? found : undefined;
      });
      expect(timers).toHaveLength(1);
      expect(timers[0]).toMatchObject({
        name: 'Circuit Breaker Reset: openai',
        endTime: one.retryAt,
        events: { on_expire: { webhook: schedule.webhook } },
      });
      await one.reset();
      await eventually('it is cancelled', async () => {
        const { timers: left } = await first.timers.list({ status: 'scheduled' });
        return left.length === 0 ? true : undefined;
      });
    } finally {
      await Promise.all(all.map(one => one.close({ timeout: 0 })));
    }
  });
});

test('an error of the function is never hidden by one of the store', async () => {
  const one = breaker(service(), options({ commandTimeout: 300 }));
  store.proxies[0]?.setMode('black-hole');
  expect(await outcome(one.execute(fails))).toBe('ServiceError');
});
