import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { startProxy, type TcpProxy } from '../support/proxy';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, freePort } from '../support/system';
import { granted, heard, rejection, usage } from './helpers';

let server: RedisServer;
let proxy: TcpProxy;
let prefix = 0;
const open: TokenBudgetTracker[] = [];

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy(server);
});

afterEach(async () => {
  proxy.setMode('pass');
  await Promise.all(open.splice(0).map(one => one.close({ timeout: 1000 })));
});

afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

/** A tracker with keys of its own, through the proxy. */
function remote(config: BudgetConfig = {}): TokenBudgetTracker {
  prefix += 1;
  const tracker = new TokenBudgetTracker({
    defaultBudget: { hourly: 1000 },
    commandTimeout: 500,
    connectTimeout: 1000,
    ...config,
    redis: { host: proxy.host, port: proxy.port, keyPrefix: `facade-${prefix}`, ...config.redis },
  });
  open.push(tracker);
  return tracker;
}

function now(total: number, more: object = {}) {
  return { ...usage(total), timestamp: new Date(), ...more };
}

describe('on Redis', () => {
  test('every operation, begun before the connection stands', async () => {
    const subject = remote();
    const names: string[] = [];
    for (const name of [
      'store:connected',
      'reservation:created',
      'threshold:50',
      'usage:tracked',
      'reservation:released',
      'override:set',
      'budget:set',
      'override:removed',
    ] as const) {
      subject.on(name, () => names.push(name));
    }
    const [check, reservation] = await Promise.all([
      subject.checkBudget('orch', 10),
      subject.reserveTokens('orch', 400, ['hourly', 'daily']),
    ]);
    expect(check).toMatchObject({ allowed: true, limit: 1000, available: 1000, remaining: 990 });
    expect(reservation).toMatchObject({
      success: true,
      remaining: 600,
      reservation: { periods: ['hourly', 'daily'] },
    });
    expect(await subject.listReservations('orch')).toEqual([reservation.reservation]);

    await subject.trackUsage(now(200, { metadata: { text: 'é😀' }, requestId: 'req-1' }));
    await subject.trackUsage(now(200, { metadata: { text: 'é😀' }, requestId: 'req-1' }));
    await subject.releaseReservation(granted(reservation), 350, {
      promptTokens: 300,
      model: 'modèle',
      sessionId: 's',
    });
    expect(await subject.getUsageStats('orch')).toMatchObject({
      totalUsed: 550,
      reservedTokens: 0,
      remaining: 450,
      breakdown: { promptTokens: 300, unattributedTokens: 250 },
      topModels: [
        { model: 'modèle', tokens: 350 },
        { model: 'model-a', tokens: 200 },
      ],
    });
    expect(await subject.getUsageHistory('orch')).toMatchObject([
      { totalTokens: 350, reservationId: reservation.reservationId },
      { totalTokens: 200, metadata: { text: 'é😀' } },
    ]);

    const override = {
      id: 'mine',
      orchestratorId: 'orch',
      period: 'hourly' as const,
      additionalTokens: 50,
      reason: 'wärum',
      expiresAt: new Date(Date.now() + 60_000),
      createdBy: 'ops',
    };
    await subject.setBudgetOverride(override);
    await subject.setBudget('orch', { hourly: 600 });
    expect(await subject.getBudget('orch')).toEqual({
      base: { hourly: 600 },
      effective: { hourly: 650 },
      source: 'stored',
    });
    expect(await subject.listOverrides('orch')).toEqual([override]);
    expect(await subject.removeOverride('orch', 'mine')).toBe(true);
    await subject.clearThresholdCache();
    expect(names).toEqual([
      'store:connected',
      'reservation:created',
      'threshold:50',
      'usage:tracked',
      'reservation:released',
      'usage:tracked',
      'override:set',
      'budget:set',
      'override:removed',
    ]);
  });

  test('denials, conflicts and unknown reservations look as they do in memory', async () => {
    const subject = remote();
    const denied = heard(subject, 'budget:denied');
    expect(await subject.reserveTokens('orch', 1001)).toMatchObject({
      success: false,
      remaining: 0,
      available: 1000,
      retryable: false,
      period: 'hourly',
      error: 'Would exceed hourly budget (1001 tokens needed, 1000 available)',
      resetsAt: expect.any(Date),
    });
    expect(denied).toMatchObject([[{ tokens: 1001, source: 'reserve' }]]);
    await subject.trackUsage(now(1, { requestId: 'r' }));
    expect(await rejection(subject.trackUsage(now(2, { requestId: 'r' })))).toMatchObject({
      code: 'REQUEST_CONFLICT',
    });
    const id = granted(await subject.reserveTokens('orch', 1));
    await subject.releaseReservation(id, 0);
    expect(await rejection(subject.releaseReservation(id, 0))).toMatchObject({
      code: 'RESERVATION_NOT_FOUND',
      message: `Reservation not found: ${id}`,
    });
  });

  test('a thousand calls of one tick are answered each with its own answer', async () => {
    const subject = remote({ defaultBudget: { hourly: 100_000_000 } });
    const ids = Array.from({ length: 1000 }, (_, index) => `orch-${index % 50}-é😀`);
    await Promise.all(ids.map((orchestratorId, index) => subject.trackUsage(now(index, { orchestratorId }))));
    const stats = await Promise.all(ids.slice(0, 50).map(id => subject.getUsageStats(id)));
    stats.forEach((entry, first) => {
      expect(entry).toMatchObject({
        orchestratorId: ids[first],
        totalUsed: 20 * first + (50 * (19 * 20)) / 2,
      });
    });
  });

  test('reservations expire though nobody calls', async () => {
    const subject = remote();
    const expired = new Promise(done => subject.once('reservation:expired', done));
    const { reservation } = await subject.reserveTokens('orch:1', 5, 'hourly', { ttl: 50 });
    expect(await expired).toEqual(reservation);
  });

  test('a settle after the expiry is recorded, and told as late', async () => {
    const subject = remote();
    const released = heard(subject, 'reservation:released');
    const expired = new Promise(done => subject.once('reservation:expired', done));
    const { reservationId } = await subject.reserveTokens('orch', 5, 'all', { ttl: 30 });
    await expired;
    await subject.releaseReservation(granted({ reservationId }), 4);
    expect(released).toEqual([
      [reservationId, { reserved: 5, actual: 4, overage: 0, late: true, recorded: 4 }],
    ]);
  });

  test('fake timers change nothing', async () => {
    const subject = remote();
    jest.useFakeTimers();
    try {
      expect((await subject.checkBudget('orch', 1)).allowed).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('when the store is away', () => {
  test('TIMEOUT: connected, and no answer in time', async () => {
    const subject = remote({ commandTimeout: 200 });
    await subject.ready();
    proxy.setMode('black-hole');
    const started = Date.now();
    expect(await rejection(subject.checkBudget('orch', 1))).toMatchObject({ code: 'TIMEOUT' });
    expect(Date.now() - started).toBeLessThan(1000);
    expect(await subject.healthCheck()).toBe(false);
  });

  test('STORE_UNAVAILABLE: nobody listens there', async () => {
    const subject = remote({ connectTimeout: 200, redis: { host: '127.0.0.1', port: await freePort() } });
    expect(await rejection(subject.checkBudget('orch', 1))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await rejection(subject.ready({ timeout: 100 }))).toMatchObject({
      code: expect.stringMatching(/^(STORE_UNAVAILABLE|TIMEOUT)$/),
    });
    expect(await subject.healthCheck()).toBe(false);
  });

  test.each([
    ['allow' as const, true],
    ['deny' as const, false],
  ])(`onStoreError: '%s' answers`, async (onStoreError, allowed) => {
    const subject = remote({
      onStoreError,
      connectTimeout: 200,
      redis: { host: '127.0.0.1', port: await freePort() },
    });
    expect(await subject.checkBudget('orch', 5)).toMatchObject({ allowed, storeUnavailable: true });
    const result = await subject.reserveTokens('orch', 5);
    expect(result).toMatchObject({ success: allowed, storeUnavailable: true });
    if (allowed) expect(result.reservation).toMatchObject({ tokens: 5 });
    else expect(result.error).toBe('The store is unavailable; refused by onStoreError');
  });

  test('usage waits, is told as spooled, and is recorded once when the store is back', async () => {
    const subject = remote();
    await subject.ready();
    const spooled = heard(subject, 'usage:spooled');
    const tracked = heard(subject, 'usage:tracked');
    const gone = heard(subject, 'store:disconnected');
    proxy.setMode('cut');
    proxy.cutConnections();
    await eventually('the loss to be told', () => gone[0]);
    const given = now(30);
    await subject.trackUsage(given);
    expect(spooled).toEqual([[given]]);
    expect(tracked).toEqual([]);

    proxy.setMode('pass');
    await eventually('the usage to be recorded', () => tracked[0]);
    expect(tracked).toEqual([[given]]);
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(30);
  });
});

describe('calls in flight', () => {
  test('an abort rejects with its reason, and a grant that comes later is released', async () => {
    const subject = remote();
    await subject.ready();
    const controller = new AbortController();
    const reservation = subject.reserveTokens('orch', 100, 'hourly', { signal: controller.signal });
    const reason = new Error('no longer wanted');
    await Promise.resolve();
    controller.abort(reason);
    expect(await rejection(reservation)).toBe(reason);
    await eventually('the grant to be given back', async () => {
      const stats = await subject.getUsageStats('orch');
      return stats.reservedTokens === 0 ? stats : undefined;
    });
  });

  test('whenever a reservation is aborted, nothing stays held', async () => {
    const subject = remote();
    await subject.ready();
    const ends = Array.from({ length: 600 }, async (_, index) => {
      const controller = new AbortController();
      const reservation = subject.reserveTokens('aborted', 1, 'hourly', { signal: controller.signal });
      // Before it leaves, on its way, while its answer is on its way, and after.
      for (let turn = index % 12; turn > 0; turn--) await new Promise(resolve => setImmediate(resolve));
      controller.abort();
      const { success, reservationId } = await reservation.catch(() => ({
        success: false,
        reservationId: '',
      }));
      if (success) await subject.releaseReservation(String(reservationId), 0);
      return success;
    });
    expect(new Set(await Promise.all(ends)).has(false)).toBe(true);
    await eventually('every grant to be given back', async () => {
      const { activeReservations, reservedTokens } = await subject.getUsageStats('aborted');
      return activeReservations === 0 && reservedTokens === 0 ? true : undefined;
    });
  });

  test('a signal that many operations share has one listener and no warning', async () => {
    const subject = remote();
    await subject.ready();
    const warnings: Error[] = [];
    const hear = (warning: Error) => warnings.push(warning);
    process.on('warning', hear);
    const controller = new AbortController();
    const { signal } = controller;
    await Promise.all(
      Array.from({ length: 20 }, () => subject.checkBudget('shared', 1, 'hourly', { signal })),
    );
    const waiting = Array.from({ length: 20 }, () => subject.checkBudget('shared', 1, 'hourly', { signal }));
    controller.abort(new Error('enough'));
    const results = await Promise.allSettled(waiting);
    expect(results.every(result => result.status === 'rejected')).toBe(true);
    await new Promise(resolve => setImmediate(resolve));
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  test('a server that refuses is answered as onStoreError says', async () => {
    const rights = ['on', '>secret', '~*', '&*', '-@all', '+hello', '+auth', '+ping'];
    await server.command('ACL', 'SETUSER', 'weak', ...rights);
    for (const [onStoreError, allowed] of [
      ['allow', true],
      ['deny', false],
    ] as const) {
      const subject = remote({
        onStoreError,
        redis: { port: server.port, username: 'weak', password: 'secret' },
      });
      expect(await subject.checkBudget('orch', 1)).toMatchObject({ allowed, storeUnavailable: true });
      expect(await subject.reserveTokens('orch', 1)).toMatchObject({
        success: allowed,
        storeUnavailable: true,
      });
    }
  });

  test('more than maxPending are refused at once', async () => {
    const subject = remote({ maxPending: 10 });
    const results = await Promise.allSettled(
      Array.from({ length: 15 }, () => subject.checkBudget('orch', 1)),
    );
    const refused = results.filter(result => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await subject.checkBudget('orch', 1)).allowed).toBe(true);
  });

  test('close finishes what is pending', async () => {
    const subject = remote();
    const pending = [subject.trackUsage(now(5)), subject.checkBudget('orch', 1)];
    const closing = subject.close();
    expect(subject.close()).toBe(closing);
    await closing;
    expect((await Promise.allSettled(pending)).map(result => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
    ]);
    expect(await rejection(subject.checkBudget('orch', 1))).toMatchObject({ code: 'CLOSED' });
  });

  test('close does not wait for ever', async () => {
    const subject = remote({ commandTimeout: 20_000 });
    await subject.ready();
    proxy.setMode('black-hole');
    const pending = rejection(subject.checkBudget('orch', 1));
    const started = Date.now();
    await subject.close({ timeout: 200 });
    expect(Date.now() - started).toBeLessThan(2000);
    expect(await pending).toMatchObject({ code: 'CLOSED' });
  });

  test('a pending promise keeps the process alive, an open tracker does not', () => {
    const script = `
      const { TokenBudgetTracker } = require(${JSON.stringify(resolve(__dirname, '../../dist/index.js'))});
      const tracker = new TokenBudgetTracker({ redis: { port: ${server.port}, host: '127.0.0.1' } });
      tracker.checkBudget('orch', 1).then(check => console.log(check.allowed));
    `;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20_000 })).toBe(
      'true\n',
    );
  });
});
