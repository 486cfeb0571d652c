/** What is on the server: names, and how often it is asked. */
import { type BudgetConfig, type ReservationResult, TokenBudgetTracker } from '@wundr.io/token-budget';
import { connectClient, endClient } from '../support/client';
import { withinOneHour } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

beforeAll(() => withinOneHour(45_000), 60_000);

const open: TokenBudgetTracker[] = [];
let store: TestStore;

function tracker(config: BudgetConfig = {}): TokenBudgetTracker {
  const made = new TokenBudgetTracker({
    defaultBudget: { hourly: 1_000_000 },
    commandTimeout: 10_000,
    ...config,
    redis: { ...store.redis, ...config.redis },
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(one => one.close()));
});
afterAll(() => store?.stop());

const used = (orchestratorId: string, totalTokens: number, more: object = {}) => ({
  orchestratorId,
  sessionId: 's',
  timestamp: new Date(),
  promptTokens: 0,
  completionTokens: 0,
  totalTokens,
  model: 'm',
  ...more,
});

const HOSTILE = [
  'a',
  'A',
  'a:b',
  'a:b:hourly',
  'a:b:hourly:usage',
  '{a}',
  '{a',
  'a}',
  '{}a',
  '{',
  '}',
  '*',
  '?',
  '[a]',
  '\\',
  '%',
  '%3A',
  '%253A',
  ':',
  '::',
  ' ',
  'a ',
  ' a',
  'a\n',
  'a\r\n',
  'a\0',
  '\u007f',
  '\u00e9',
  'e\u0301',
  '\ud800',
  '\udc00',
  '\udc00\ud800',
  '\ud83d\ude00',
  '\ufffd',
  'events',
  'expiring',
  'budget',
  '__proto__',
  'constructor',
  'limits',
  'x'.repeat(256),
  'x'.repeat(255),
  ':'.repeat(256),
  'é'.repeat(128),
];

describe.each<Topology>(['standalone', 'cluster'])('on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology);
  }, 60_000);

  test('orchestrators never share state, however hostile their names', async () => {
    const subject = tracker({ redis: { keyPrefix: 'hostile' } });
    await Promise.all(HOSTILE.map((id, index) => subject.trackUsage(used(id, 1 + index))));
    const reserved = await Promise.all(
      HOSTILE.map((id, index) => subject.reserveTokens(id, 1000 + index, 'all')),
    );
    await Promise.all(HOSTILE.map((id, index) => subject.setBudget(id, { hourly: 2_000_000 + index })));
    for (const [index, id] of HOSTILE.entries()) {
      const stats = await subject.getUsageStats(id);
      expect([id, stats.orchestratorId, stats.totalUsed, stats.reservedTokens, stats.limit]).toEqual([
        id,
        id,
        1 + index,
        1000 + index,
        2_000_000 + index,
      ]);
      expect(await subject.listReservations(id)).toMatchObject([{ id: reserved[index]?.reservationId }]);
    }
    const released: string[] = [];
    subject.on('usage:tracked', usage => released.push(usage.orchestratorId));
    await Promise.all(reserved.map(({ reservationId = '' }) => subject.releaseReservation(reservationId, 1)));
    expect(released.sort()).toEqual([...HOSTILE].sort());
    for (const [index, id] of HOSTILE.entries()) {
      expect(await subject.getUsageStats(id)).toMatchObject({ totalUsed: 2 + index, reservedTokens: 0 });
    }
  });

  test('257 bytes are refused, in characters of one byte and of more', async () => {
    const subject = tracker();
    for (const id of ['x'.repeat(257), `${'é'.repeat(128)}x`, '']) {
      await expect(subject.checkBudget(id, 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  test('ordinary ids: the keys are called as documented, and live as long as documented', async () => {
    const subject = tracker();
    const id = 'orchestrator-1';
    const reservation: ReservationResult = await subject.reserveTokens(id, 100, 'all');
    await subject.trackUsage(used(id, 50));
    await subject.setBudgetOverride({
      id: 'incident-7',
      orchestratorId: id,
      period: 'hourly',
      additionalTokens: 5,
      reason: 'r',
      expiresAt: new Date(Date.now() + 600_000),
      createdBy: 'c',
    });
    const key = (rest: string) => store.key('orchestrator', id, rest);
    for (const period of ['hourly', 'daily', 'monthly'] as const) {
      expect(await store.read('GET', key(`${period}:usage`))).toBe('50');
      expect(await store.read('GET', key(`${period}:reservations:total`))).toBe('100');
      expect(await store.read('EXISTS', key(`${period}:reservations:${reservation.reservationId}`))).toBe(1);
      const [record] = (await store.read('LRANGE', key(`${period}:metadata:history`), 0, -1)) as string[];
      expect(JSON.parse(record ?? '')).toMatchObject({ totalTokens: 50, sessionId: 's', model: 'm' });
      const { periodEnd } = await subject.getUsageStats(id, period);
      for (const name of ['usage', 'metadata:history']) {
        expect(await store.read('PEXPIRETIME', key(`${period}:${name}`))).toBe(periodEnd.getTime());
      }
    }
    expect(await store.read('EXISTS', key('hourly:overrides:incident-7'))).toBe(1);
  });

  test('every key belongs to the prefix, and in a cluster to the slot of its orchestrator', async () => {
    const subject = tracker({ redis: { keyPrefix: 'of:mine' } });
    await subject.trackUsage(used('a{b}c', 1));
    await subject.reserveTokens('a{b}c', 1);
    const servers = store.cluster?.primaries.map(({ server }) => server) ?? store.servers;
    const names = (await Promise.all(servers.map(server => server.command('KEYS', 'of:mine:*')))).flat();
    const own = names.filter(name => name !== 'of:mine:budget:expiring');
    const encoded = topology === 'cluster' ? '{a%7Bb%7Dc}' : 'a%7Bb%7Dc';
    expect(own.length).toBeGreaterThan(3);
    for (const name of own) expect(String(name)).toContain(`of:mine:budget:${encoded}:`);
  });
});

describe('what the server is asked', () => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore('standalone');
  }, 60_000);

  test('one round trip per operation, and never KEYS or SCAN', async () => {
    const subject = tracker();
    // The script is known and the connection stands.
    await subject.trackUsage(used('warm', 1));
    await subject.reserveTokens('warm', 1);
    const [server] = store.servers;
    const watcher = connectClient(server?.clientOptions() ?? {});
    const monitor = await watcher.monitor();
    const seen: { args: string[]; source: string }[] = [];
    monitor.on('monitor', (_time: string, args: string[], source: string) => seen.push({ args, source }));

    const id = 'counted';
    const marker = async (name: string) => {
      await server?.command('ECHO', name);
      await eventually('the marker', () => seen.some(({ args }) => args[1] === name) || undefined);
    };
    const asked = async (operation: () => Promise<unknown>) => {
      seen.length = 0;
      await operation();
      await marker(`after-${Math.random()}`);
      return seen
        .filter(({ args, source }) => source !== 'lua' && args.some(arg => arg.includes(`budget:${id}:`)))
        .map(({ args }) => args[0]?.toLowerCase());
    };
    let reservationId = '';
    const override = {
      id: 'o',
      orchestratorId: id,
      period: 'hourly' as const,
      additionalTokens: 1,
      reason: '',
      createdBy: '',
      expiresAt: new Date(Date.now() + 60_000),
    };
    const commands = new Set<string>();
    const operations: [string, () => Promise<unknown>][] = [
      ['checkBudget', () => subject.checkBudget(id, 1)],
      ['trackUsage', () => subject.trackUsage(used(id, 1))],
      [
        'reserveTokens',
        async () => {
          reservationId = (await subject.reserveTokens(id, 1, 'all')).reservationId ?? '';
        },
      ],
      ['listReservations', () => subject.listReservations(id)],
      ['releaseReservation', () => subject.releaseReservation(reservationId, 1)],
      ['getUsageStats', () => subject.getUsageStats(id)],
      ['getUsageHistory', () => subject.getUsageHistory(id)],
      ['setBudget', () => subject.setBudget(id, { hourly: 10 })],
      ['getBudget', () => subject.getBudget(id)],
      ['setBudgetOverride', () => subject.setBudgetOverride(override)],
      ['removeOverride', () => subject.removeOverride(id, 'o')],
      ['listOverrides', () => subject.listOverrides(id)],
      ['clearThresholdCache', () => subject.clearThresholdCache(id)],
      [
        'a hundred calls of one tick',
        () => Promise.all(Array.from({ length: 100 }, () => subject.trackUsage(used(id, 1)))),
      ],
    ];
    try {
      for (const [name, operation] of operations) {
        expect([name, ...(await asked(operation))]).toEqual([name, 'evalsha']);
        for (const { args } of seen) commands.add(args[0]?.toLowerCase() ?? '');
      }
    } finally {
      monitor.disconnect();
      await endClient(watcher);
    }
    for (const forbidden of ['keys', 'scan', 'hscan', 'sscan', 'zscan', 'hgetall', 'smembers']) {
      expect(commands).not.toContain(forbidden);
    }
  });
});
