/**
 * Servers change their roles, passwords and scripts under load, and no process restarts.
 *
 * Redis replicates after it has answered: what a killed primary had acknowledged and not yet sent is
 * gone, whatever a client does. Where a test kills a primary it therefore compares within bounds: all
 * that was replicated before is there, and nothing counts twice. Where servers hand over in order the
 * totals are exact.
 */
import type { UsageStats } from '@wundr.io/token-budget';
import { connectClient, endClient } from '../support/client';
import { endProcesses, openProcesses, type RemoteProcess } from '../support/fleet';
import { type RedisServer, startRedis } from '../support/redis';
import { startStore, type TestStore } from '../support/stores';
import { eventually, HOST } from '../support/system';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const ID = 'loaded';

let processes: RemoteProcess[] = [];
let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  await endProcesses(processes.splice(0));
  await stop?.();
  stop = undefined;
});

async function beginLoad(redis: object): Promise<void> {
  processes = await openProcesses(2, {
    defaultBudget: { hourly: 1_000_000_000 },
    commandTimeout: 2000,
    spoolLimit: 100_000,
    redis,
  });
  await Promise.all(processes.map(one => one.call('ready', { timeout: 20_000 })));
  await Promise.all(processes.map(one => one.beginLoad(ID)));
  await progress();
}

const progress = (operations = 50) => Promise.all(processes.map(one => one.progress(operations)));

/** The most one operation of the load reports. */
const MOST = 7;

/**
 * Ends the load, waits until every spooled report was delivered or refused, and compares.
 * `unknown`: how many settles were refused because the reservation went with a killed primary.
 */
async function endLoad() {
  const reports = await Promise.all(processes.map(one => one.endLoad()));
  const reported = reports.reduce((sum, report) => sum + report.reported, 0);
  const heard = async (name: string) =>
    (await Promise.all(processes.map(one => one.heard(name)))).flat().map(({ args }) => args[0]);
  const refused = () => heard('error');
  const recorded = async () =>
    (await heard('usage:tracked')).reduce((sum, { totalTokens }) => sum + totalTokens, 0);
  await eventually('every report to be recorded or refused', async () =>
    (await recorded()) + MOST * (await refused()).length >= reported ? true : undefined,
  );
  const errors = await refused();
  expect(errors.filter(({ code }) => code !== 'RESERVATION_NOT_FOUND')).toEqual([]);
  if (errors.length === 0) expect(await recorded()).toBe(reported);
  const stats = await (processes[0] as RemoteProcess).call<UsageStats>('getUsageStats', ID, 'monthly');
  return { reported, unknown: errors.length, stats };
}

async function expectExactTotals(): Promise<void> {
  const { reported, unknown, stats } = await endLoad();
  expect(unknown).toBe(0);
  expect(stats.totalUsed).toBe(reported);
  const reserved = stats.activeReservations * 10;
  expect(stats.reservedTokens).toBe(reserved);
}

test('SCRIPT FLUSH again and again under load: exact totals', async () => {
  const store = await startStore('standalone');
  stop = store.stop;
  await beginLoad(store.redis);
  for (let round = 0; round < 40; round++) {
    await store.servers[0]?.command('SCRIPT', 'FLUSH');
    await progress(10);
  }
  const { reported, stats } = await endLoad();
  expect(stats).toMatchObject({ totalUsed: reported, reservedTokens: 0 });
  for (const one of processes) expect(await one.heard('store:disconnected')).toEqual([]);
}, 60_000);

test('a password that is rotated, with every connection killed, and restored: exact totals', async () => {
  const server = await startRedis({ password: 'first' });
  stop = () => server.stop();
  await beginLoad({ host: HOST, port: server.port, password: 'first' });
  for (let round = 0; round < 2; round++) {
    await server.command('CONFIG', 'SET', 'requirepass', 'second');
    const rotated = { ...server.clientOptions(), password: 'second' };
    const admin = connectClient(rotated);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all(processes.map(one => one.hears('store:disconnected', round + 1)));
    // Refused at least once while the password is another one.
    await admin.call('ACL', 'LOG', 'RESET');
    await eventually('a refused password', async () =>
      String(await admin.call('ACL', 'LOG')).includes('auth') ? true : undefined,
    );
    await admin.call('CONFIG', 'SET', 'requirepass', 'first');
    await endClient(admin);
    await Promise.all(processes.map(one => one.hears('store:connected', round + 2)));
    await progress();
  }
  await expectExactTotals();
}, 60_000);

test('a demotion (READONLY) and the way back: exact totals', async () => {
  const [primary, other] = (await Promise.all([
    startRedis({ args: DURABLE }),
    startRedis({ args: ['--repl-diskless-sync-delay', '0'] }),
  ])) as [RedisServer, RedisServer];
  stop = async () => {
    await Promise.all([primary.stop(), other.stop()]);
  };
  await beginLoad({ host: HOST, port: primary.port });
  // A replica that follows it refuses writes and serves the same data; then roles come back.
  await other.command('REPLICAOF', HOST, primary.port);
  const inStep = () =>
    eventually('a replica in step', async () => {
      const [info, copy] = await Promise.all(
        [primary, other].map(async server => String(await server.command('INFO', 'replication'))),
      );
      const offset = (text = '') => /(?:master|slave)_repl_offset:(\d+)/.exec(text)?.[1];
      return copy?.includes('master_link_status:up') && offset(info) === offset(copy) ? true : undefined;
    });
  await eventually('a replica that is connected', async () =>
    String(await other.command('INFO', 'replication')).includes('master_link_status:up') ? true : undefined,
  );
  await primary.command('CLIENT', 'PAUSE', 60_000, 'WRITE');
  await inStep();
  await other.command('REPLICAOF', 'NO', 'ONE');
  await primary.command('REPLICAOF', HOST, other.port);
  await primary.command('CLIENT', 'UNPAUSE');
  await eventually('a write that is refused', async () =>
    String(await primary.command('SET', 'probe', 1).catch((error: Error) => error.message)).includes(
      'READONLY',
    )
      ? true
      : undefined,
  );
  await Promise.all(processes.map(one => one.hears('store:disconnected')));
  await eventually('the demoted server to have all data', async () =>
    String(await primary.command('INFO', 'replication')).includes('master_link_status:up') ? true : undefined,
  );
  await primary.command('REPLICAOF', 'NO', 'ONE');
  await progress();
  await expectExactTotals();
}, 60_000);

describe('through Sentinel', () => {
  let store: TestStore;

  beforeEach(async () => {
    store = await startStore('sentinel');
    stop = store.stop;
  }, 60_000);

  test('the primary is killed: what was replicated stays, nothing counts twice', async () => {
    const trio = store.trio as NonNullable<TestStore['trio']>;
    await beginLoad(store.redis);
    const settled = await replicated(
      trio.primary,
      trio.replica,
      store.key('orchestrator', ID, 'monthly:usage'),
    );
    await trio.primary.kill();
    await trio.promoted(trio.replica);
    await progress();
    const { reported, stats } = await endLoad();
    expect(stats.totalUsed).toBeGreaterThan(settled);
    expect(stats.totalUsed).toBeLessThanOrEqual(reported);
  }, 90_000);
});

describe('on a cluster', () => {
  let store: TestStore;

  beforeEach(async () => {
    store = await startStore('cluster', { replicas: 1 });
    stop = store.stop;
  }, 60_000);

  test('a replica takes over in order (CLUSTER FAILOVER): exact totals', async () => {
    const cluster = store.cluster as NonNullable<TestStore['cluster']>;
    await beginLoad(store.redis);
    const primary = await cluster.primaryOf(store.key('orchestrator', ID, 'state'));
    const replica = cluster.replicaOf(primary);
    await replica.server.command('CLUSTER', 'FAILOVER');
    await cluster.promoted(replica);
    await progress();
    await primary.server.command('CLUSTER', 'FAILOVER');
    await cluster.promoted(primary);
    await progress();
    await expectExactTotals();
  }, 90_000);

  test('a primary is killed and its replica takes over: what was replicated stays', async () => {
    const cluster = store.cluster as NonNullable<TestStore['cluster']>;
    await beginLoad(store.redis);
    const key = store.key('orchestrator', ID, 'monthly:usage');
    const primary = await cluster.primaryOf(key);
    const replica = cluster.replicaOf(primary);
    const settled = await replicated(primary.server, replica.server, key);
    await primary.server.kill();
    await cluster.promoted(replica);
    await progress();
    const { reported, stats } = await endLoad();
    expect(stats.totalUsed).toBeGreaterThan(settled);
    expect(stats.totalUsed).toBeLessThanOrEqual(reported);
  }, 90_000);
});

/** Tokens recorded by now, once the replica has them, too. */
async function replicated(primary: RedisServer, replica: RedisServer, key: string): Promise<number> {
  const recorded = Number(await primary.command('GET', key));
  const offset = Number(
    /master_repl_offset:(\d+)/.exec(String(await primary.command('INFO', 'replication')))?.[1],
  );
  await eventually('a replica in step', async () => {
    const info = String(await replica.command('INFO', 'replication'));
    return Number(/slave_repl_offset:(\d+)/.exec(info)?.[1]) >= offset ? true : undefined;
  });
  return recorded;
}
