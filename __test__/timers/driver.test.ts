/** What one process does about what it has claimed, over a store and a sender that the test plays. */
import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import type {
  CoordinationBackend,
  TimerOperation,
  TimersAnswer,
  WireDelivery,
  WireTimer,
} from '../../facade/backend/coordination';
import type { SendResult } from '../../facade/timers/outgoing';
import { advance, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

const dist = resolve(__dirname, '../../dist/timers');
const load = <T>(name: string): T => require(join(dist, `${name}.js`)) as T;
const { Driver } = load<typeof import('../../facade/timers/driver')>('driver');
const { TimerStore } = load<typeof import('../../facade/timers/store')>('store');
const { Announcer } = load<typeof import('../../facade/timers/announcer')>('announcer');
const { HostQueues } = load<typeof import('../../facade/timers/host-queues')>('host-queues');

useFakeTime();

type Play = (operation: TimerOperation) => Partial<TimersAnswer> | undefined;

const HELD_MS = 30_000;

/** A driver over a store that answers as `play` says, and otherwise that there is nothing. */
function drive(play: Play, send: (url: string) => Promise<SendResult> = () => new Promise(() => {})) {
  const asked: TimerOperation[] = [];
  const backend = {
    async timers(_shard: string, operation: TimerOperation): Promise<TimersAnswer> {
      asked.push(operation);
      const answer = { outcome: defaultOutcome(operation), nowMs: Date.now(), nextDueMs: null };
      return { ...answer, ...play(operation) } as TimersAnswer;
    },
    now: () => Date.now(),
  } as unknown as CoordinationBackend;
  const emitter = new EventEmitter();
  const sent: string[] = [];
  const driver = new Driver({
    store: new TimerStore(backend, 1),
    holder: 'me',
    announcer: new Announcer(emitter),
    onFired: () => {},
    sender: () => ({
      send: ({ url }) => {
        sent.push(url);
        return send(url);
      },
      retryInMs: () => 1000,
      close: async () => {},
    }),
    concurrency: 8,
    idleMs: SECOND,
  });
  drivers.add(driver);
  const of = <K extends TimerOperation['is']>(kind: K) =>
    asked.filter(operation => operation.is === kind) as Array<Extract<TimerOperation, { is: K }>>;
  return { driver, emitter, sent, of };
}

const drivers = new Set<InstanceType<typeof Driver>>();
afterEach(async () => {
  await Promise.all([...drivers].map(driver => driver.close(0)));
  drivers.clear();
});

function defaultOutcome(operation: TimerOperation): TimersAnswer['outcome'] {
  switch (operation.is) {
    case 'claim':
      return { is: 'claimed', with: { timers: [], deliveries: [] } };
    case 'fired':
      return { is: 'fired', with: { wasHeld: true, delivery: null } };
    case 'renew':
      return { is: 'renewed', with: operation.with.timers.length + operation.with.deliveries.length };
    default:
      return { is: 'done', with: true };
  }
}

const timer = (id: string, more: Partial<WireTimer> = {}): WireTimer => ({
  ...{ id, name: 'n', owner: '', documentJson: '{}', recurrenceJson: '', nonce: `0-${id}`, fingerprint: 'f' },
  ...{ status: 'scheduled', createdAtMs: NOON, startedAtMs: NOON, fireAtMs: NOON, occurrence: 0 },
  ...{ endedAtMs: 0, holder: 'me', claimedUntilMs: Date.now() + HELD_MS, ...more },
});

const delivery = (id: string, endpoint: string): WireDelivery => ({
  ...{
    id,
    timerId: 't',
    endpoint,
    documentJson: '{}',
    createdAtMs: NOON,
    attempts: 0,
    nextAttemptAtMs: NOON,
  },
  ...{ isDead: false, error: '', isDisabled: false, holder: 'me', claimedUntilMs: Date.now() + HELD_MS },
});

/** What is claimed first, once. */
function once(timers: WireTimer[], deliveries: WireDelivery[] = []): Play {
  let isTaken = false;
  return operation => {
    if (operation.is !== 'claim' || isTaken) return undefined;
    isTaken = true;
    return { outcome: { is: 'claimed', with: { timers, deliveries } }, nextDueMs: Date.now() + HELD_MS };
  };
}

test('claims of listeners that take long are renewed, and no others', async () => {
  const { driver, emitter, of } = drive(once([timer('slow'), timer('quick')]));
  let end = () => {};
  emitter.on('timer:expired', ({ id }: { id: string }) =>
    id === 'slow'
      ? new Promise<void>(done => {
          end = done;
        })
      : undefined,
  );
  driver.wake();
  await advance(MINUTE);
  expect(of('fired').map(({ with: { id } }) => id)).toEqual(['quick']);
  const renewed = of('renew');
  expect(renewed.length).toBeGreaterThanOrEqual(3);
  for (const { with: renewal } of renewed) {
    expect(renewal).toEqual({ holder: 'me', leaseMs: HELD_MS, timers: ['slow'], deliveries: [] });
  }
  end();
  await advance(MINUTE);
  expect(of('fired').map(({ with: { id } }) => id)).toEqual(['quick', 'slow']);
  expect(of('renew').length).toBeLessThanOrEqual(renewed.length + 1);
});

test('a claim that is lost while listeners run: they run once here, and the end is told all the same', async () => {
  const lost = timer('slow');
  let claims = 0;
  const { driver, emitter, of } = drive(operation => {
    // Something is always due.
    if (operation.is === 'get') return { nextDueMs: Date.now() };
    if (operation.is === 'renew') return { outcome: { is: 'renewed', with: 0 } };
    if (operation.is === 'fired')
      return { outcome: { is: 'fired', with: { wasHeld: false, delivery: null } } };
    if (operation.is !== 'claim') return undefined;
    claims += 1;
    // Lapsed, and claimed by the same process again.
    const timers = claims === 1 || claims === 20 ? [{ ...lost, claimedUntilMs: Date.now() + HELD_MS }] : [];
    return { outcome: { is: 'claimed', with: { timers, deliveries: [] } } };
  });
  let heard = 0;
  let end = () => {};
  emitter.on('timer:expired', () => {
    heard += 1;
    return new Promise<void>(done => {
      end = done;
    });
  });
  driver.wake();
  await advance(MINUTE);
  expect(claims).toBeGreaterThan(20);
  expect(heard).toBe(1);
  end();
  await advance(1);
  expect(of('fired')).toHaveLength(1);
});

test('what was told, and whose end the store does not know, is not told again here', async () => {
  let claims = 0;
  const { driver, emitter, of } = drive(operation => {
    if (operation.is === 'get') return { nextDueMs: Date.now() };
    // Kept until the store is back, and lost with it.
    if (operation.is === 'fired') return claims === 1 ? { outcome: undefined } : undefined;
    if (operation.is !== 'claim') return undefined;
    claims += 1;
    return { outcome: { is: 'claimed', with: { timers: claims <= 2 ? [timer('x')] : [], deliveries: [] } } };
  });
  let heard = 0;
  emitter.on('timer:expired', () => {
    heard += 1;
  });
  driver.wake();
  await advance(MINUTE);
  expect(heard).toBe(1);
  expect(of('fired')).toHaveLength(2);
});

test('a store that does not answer is asked ever less often, and at once when it is back', async () => {
  const { driver, of } = drive(operation => {
    if (operation.is === 'claim') throw new Error('away');
    return undefined;
  });
  driver.wake();
  await advance(MINUTE);
  const count = of('claim').length;
  expect(count).toBeGreaterThan(5);
  expect(count).toBeLessThan(40);
  driver.wake();
  await advance(0);
  expect(of('claim')).toHaveLength(count + 1);
});

test('when nothing is due it is asked once a second, without writing', async () => {
  const { driver, of } = drive(() => undefined);
  driver.wake();
  await advance(MINUTE);
  expect(of('claim')).toHaveLength(1);
  expect(of('get').length).toBeGreaterThanOrEqual(58);
  expect(of('get').length).toBeLessThanOrEqual(61);
});

test('what turns out to be due when it is asked is claimed at once', async () => {
  let isThere = false;
  const { driver, emitter, of } = drive(operation => {
    if (operation.is === 'get' && isThere) return { nextDueMs: Date.now() };
    if (operation.is !== 'claim' || !isThere) return undefined;
    isThere = false;
    return { outcome: { is: 'claimed', with: { timers: [timer('x')], deliveries: [] } } };
  });
  let heard = 0;
  emitter.on('timer:expired', () => {
    heard += 1;
  });
  driver.wake();
  await advance(MINUTE);
  isThere = true;
  await advance(2 * SECOND);
  expect(heard).toBe(1);
  expect(of('claim')).toHaveLength(2);
});

describe('listeners that keep the thread busy', () => {
  /** Each look at the clock takes as long as a slow listener. */
  function busy(): void {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => {
      now += 20;
      return now;
    });
  }
  afterEach(() => jest.restoreAllMocks());

  const many = () => Array.from({ length: 20 }, (_, n) => timer(`t${n}`));

  test('make breaks, and each timer fires once', async () => {
    busy();
    const { driver, emitter, of } = drive(once(many()));
    const heard: string[] = [];
    emitter.on('timer:expired', ({ id }: { id: string }) => heard.push(id));
    driver.wake();
    await advance(0);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThan(20);
    await advance(100);
    expect(heard).toEqual(many().map(({ id }) => id));
    expect(of('fired')).toHaveLength(20);
    expect(of('renew')).toEqual([]);
  });

  test('what was lost meanwhile is left to whoever has it', async () => {
    busy();
    const { driver, emitter } = drive(once(many()));
    const heard: string[] = [];
    emitter.on('timer:expired', ({ id }: { id: string }) => {
      heard.push(id);
      if (heard.length === 5) jest.setSystemTime(Date.now() + HELD_MS);
    });
    driver.wake();
    await advance(1000);
    expect(heard.length).toBeGreaterThanOrEqual(5);
    expect(heard.length).toBeLessThan(10);
  });

  test('what is left at close is given back', async () => {
    busy();
    const { driver, emitter, of } = drive(once(many()));
    const heard: string[] = [];
    emitter.on('timer:expired', ({ id }: { id: string }) => heard.push(id));
    driver.wake();
    await advance(0);
    const closing = driver.close(100);
    await advance(200);
    await closing;
    const given = of('release').flatMap(({ with: { timers } }) => timers);
    expect([...heard, ...given].sort()).toEqual(
      many()
        .map(({ id }) => id)
        .sort(),
    );
    expect(given.length).toBeGreaterThan(0);
  });
});

test('a recurrence that cannot be read is told by error, and stays', async () => {
  const broken = timer('x', { recurrenceJson: '{"cron":"what","timeZone":"Mars"}' });
  const { driver, emitter, of } = drive(once([broken, timer('y')]));
  const errors: Error[] = [];
  emitter.on('error', error => errors.push(error));
  driver.wake();
  await advance(SECOND);
  expect(errors.map(({ message }) => message)).toEqual([
    'The timer "x" cannot be fired: its recurrence cannot be read',
  ]);
  expect(of('fired').map(({ with: { id } }) => id)).toEqual(['y']);
});

test('documents that nobody here wrote say nothing', async () => {
  const documents = ['', '[]', 'null', '{', '{"webhook":5,"metadata":[],"message":{}}'];
  const { driver, emitter, of } = drive(
    once(documents.map((documentJson, n) => timer(`${n}`, { documentJson }))),
  );
  const events: object[] = [];
  emitter.on('timer:expired', event => events.push(event));
  driver.wake();
  await advance(SECOND);
  expect(events).toHaveLength(documents.length);
  for (const event of events) expect(event).toMatchObject({ metadata: {} });
  for (const { with: end } of of('fired')) expect(end.delivery).toBeNull();
});

describe('webhooks', () => {
  const good = async (): Promise<SendResult> => ({ ok: true, status: 204 });

  test('a host that hangs keeps neither timers nor other hosts waiting', async () => {
    const slow = Array.from({ length: 300 }, (_, n) => delivery(`0-s${n}.0`, `https://slow.example/${n}`));
    const quick = Array.from({ length: 100 }, (_, n) => delivery(`0-q${n}.0`, `https://quick.example/${n}`));
    const play = once([timer('x')], [...slow, ...quick]);
    const { driver, emitter, sent, of } = drive(play, url =>
      url.includes('slow') ? new Promise(() => {}) : good(),
    );
    let heard = 0;
    emitter.on('timer:expired', () => {
      heard += 1;
    });
    driver.wake();
    await advance(SECOND);
    expect(heard).toBe(1);
    // A quarter of eight.
    expect(sent.filter(url => url.includes('slow'))).toHaveLength(2);
    expect(of('delivered')).toHaveLength(100);
    await advance(MINUTE);
    expect(of('renew').at(-1)?.with.deliveries).toHaveLength(300);
  });

  test('a failure is told with the time of the next attempt, the last one as dead', async () => {
    let attempt = 0;
    const { driver, emitter, of } = drive(once([], [delivery('0-a.0', 'https://a.example/')]), async () => {
      attempt += 1;
      return { ok: false, error: 'status 500', status: 500, isPermanent: attempt > 1, isGone: false };
    });
    const events: Array<[string, object]> = [];
    for (const name of ['timer:delivery-failed', 'timer:dead', 'timer:delivered']) {
      emitter.on(name, event => events.push([name, event]));
    }
    driver.wake();
    await advance(1);
    expect(of('undelivered')).toMatchObject([
      { with: { id: '0-a.0', holder: 'me', error: 'status 500', retryInMs: 1000, disable: false } },
    ]);
    expect(events).toMatchObject([
      [
        'timer:delivery-failed',
        { attempts: 1, status: 500, retryAt: new Date(NOON + 1000), webhook: 'https://a.example/' },
      ],
    ]);
  });

  test('410 disables the address', async () => {
    const { driver, emitter, of } = drive(once([], [delivery('0-a.0', 'https://a.example/')]), async () => ({
      ok: false,
      error: 'status 410',
      status: 410,
      isPermanent: true,
      isGone: true,
    }));
    const names: string[] = [];
    for (const name of ['timer:delivery-failed', 'timer:dead', 'endpoint:disabled']) {
      emitter.on(name, () => names.push(name));
    }
    driver.wake();
    await advance(1);
    expect(of('undelivered')).toMatchObject([{ with: { retryInMs: null, disable: true } }]);
    expect(names).toEqual(['timer:delivery-failed', 'endpoint:disabled', 'timer:dead']);
  });

  test('one whose claim is over is not sent', async () => {
    const { driver, sent } = drive(
      once([], [{ ...delivery('0-a.0', 'https://a.example/'), claimedUntilMs: NOON }]),
      good,
    );
    driver.wake();
    await advance(SECOND);
    expect(sent).toEqual([]);
  });

  test('one whose claim is lost while it waits is not sent', async () => {
    const urls = Array.from({ length: 4 }, (_, n) => `https://slow.example/${n}`);
    const ends: Array<() => void> = [];
    const play = once(
      [],
      urls.map((url, n) => delivery(`0-s${n}.0`, url)),
    );
    const { driver, sent } = drive(
      operation => (operation.is === 'renew' ? { outcome: { is: 'renewed', with: 0 } } : play(operation)),
      () =>
        new Promise(done => {
          ends.push(() => done({ ok: true, status: 200 }));
        }),
    );
    driver.wake();
    await advance(MINUTE);
    for (const end of ends) end();
    await advance(SECOND);
    expect(sent).toEqual(urls.slice(0, 2));
  });

  test('a sender that throws has failed', async () => {
    const { driver, of } = drive(once([], [delivery('0-a.0', 'https://a.example/')]), async () => {
      throw new Error('no network');
    });
    driver.wake();
    await advance(1);
    expect(of('undelivered')).toMatchObject([{ with: { error: 'no network', retryInMs: 1000 } }]);
  });
});

test('close gives back what is left', async () => {
  const { driver, emitter, of } = drive(once([timer('slow')], [delivery('0-a.0', 'https://a.example/')]));
  emitter.on('timer:expired', () => new Promise(() => {}));
  driver.wake();
  await advance(1);
  const closing = driver.close(100);
  await advance(200);
  await closing;
  expect(of('release')).toMatchObject([{ with: { holder: 'me', timers: ['slow'], deliveries: ['0-a.0'] } }]);
  const claims = of('claim').length;
  driver.wake();
  await advance(MINUTE);
  expect(of('claim')).toHaveLength(claims);
});

test('turns of hosts', () => {
  const queues = new HostQueues<number>(4, 2);
  for (const n of [1, 2, 3, 4]) queues.add('a', n);
  queues.add('b', 5);
  const next = () => queues.next()?.item;
  expect([next(), next(), next(), next()]).toEqual([1, 5, 2, undefined]);
  expect(queues.waiting('a')).toBe(2);
  expect(queues.held('a')).toBe(4);
  queues.done('b');
  expect(next()).toBeUndefined();
  queues.done('a');
  expect(next()).toBe(3);
  expect(queues.remove('a', 4)).toBe(true);
  expect(queues.remove('a', 4)).toBe(false);
  queues.add('a', 6);
  queues.clear();
  queues.done('a');
  queues.done('a');
  expect(next()).toBeUndefined();
});

test('hosts that take all they can leave something to another one', () => {
  const queues = new HostQueues<number>(64, 16);
  for (let host = 0; host < 10; host += 1) for (let n = 0; n < 64; n += 1) queues.add(`slow${host}`, n);
  let begun = 0;
  while (queues.next() !== undefined) begun += 1;
  expect(begun).toBeGreaterThan(50);
  queues.add('quick', 1);
  expect(queues.next()?.host).toBe('quick');
});

test('what is beyond the share of a host is put off, without claiming all the time', async () => {
  // As a store does it: what is due first is claimed first, and comes back when its claim is over.
  const endpoint = 'https://slow.example/';
  const waiting = new Map(Array.from({ length: 13_000 }, (_, n) => [`0-s${n}.0`, 0]));
  const { driver, of } = drive(operation => {
    if (operation.is === 'renew') {
      for (const id of operation.with.deliveries) waiting.set(id, Date.now() + operation.with.leaseMs);
    }
    const next = () => ({ nextDueMs: Math.min(...waiting.values()) });
    if (operation.is !== 'claim') {
      const renewed = operation.is === 'renew' ? { outcome: defaultOutcome(operation) } : {};
      return { ...renewed, ...next() };
    }
    const ids = [...waiting].filter(([, atMs]) => atMs <= Date.now()).slice(0, operation.with.deliveries);
    for (const [id] of ids) waiting.set(id, Date.now() + HELD_MS);
    const deliveries = ids.map(([id]) => delivery(id, endpoint));
    return { outcome: { is: 'claimed', with: { timers: [], deliveries } }, ...next() };
  });
  driver.wake();
  await advance(2 * SECOND);
  // Half of the places are left to others.
  const first = of('claim').length;
  expect(first).toBeLessThan(60);
  await advance(MINUTE);
  const held = new Set(
    of('renew')
      .filter(({ with: { leaseMs } }) => leaseMs === HELD_MS)
      .at(-1)?.with.deliveries,
  );
  expect(held.size).toBeGreaterThan(0);
  expect((of('claim').length - first) / 60).toBeLessThan(20);
});
