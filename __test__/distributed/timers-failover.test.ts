/** Replicas take over while timers are due. */
import type { CoordinatorOptions } from '@wundr.io/token-budget/timers';
import type { ClusterNode } from '../support/cluster';
import type { RedisServer } from '../support/redis';
import { startStore, type TestStore } from '../support/stores';
import { eventually } from '../support/system';
import {
  allEnded,
  allFired,
  killTimers,
  type Made,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const PROCESSES = 3;
const TIMERS = 2_000;
const WITHIN_MS = 8_000;

let store: TestStore;
let all: TimerProcess[];
let made: Made[];

afterEach(async () => {
  await killTimers();
  await store?.stop();
});

async function begin(): Promise<void> {
  const options: CoordinatorOptions = { redis: store.redis, commandTimeout: 5_000, connectTimeout: 20_000 };
  all = await Promise.all(Array.from({ length: PROCESSES }, () => openTimers(options)));
  made = await (all[0] as TimerProcess).create(spread(TIMERS, WITHIN_MS, 1_000));
}

const goesOn = (count = 50) => Promise.race(all.map(one => one.fires(one.firings.length + count)));

/** What a replica had not been told of fires again, in the same name. */
async function expectAll(): Promise<void> {
  await allFired(
    made.map(({ id }) => id),
    all,
    60_000,
  );
  const { doubles, ...rest } = tally(all, made);
  expect(rest).toEqual({ timers: TIMERS, early: [], unstable: [] });
  await allEnded(all[0] as TimerProcess);
}

/** Everything that has been created so far is on the replica, too. */
async function inStep(primary: RedisServer, replica: RedisServer): Promise<void> {
  const of = async (server: RedisServer) => String(await server.command('INFO', 'replication'));
  const offset = Number(/master_repl_offset:(\d+)/.exec(await of(primary))?.[1]);
  await eventually('a replica in step', async () =>
    Number(/slave_repl_offset:(\d+)/.exec(await of(replica))?.[1]) >= offset ? true : undefined,
  );
}

test('Sentinel: the primary is killed', async () => {
  store = await startStore('sentinel');
  await begin();
  const trio = store.trio as NonNullable<TestStore['trio']>;
  await inStep(trio.primary, trio.replica);
  await goesOn();
  await trio.primary.kill();
  await trio.promoted(trio.replica);
  await goesOn();
  await expectAll();
}, 120_000);

test('Sentinel: the primary stops for as long as the failover takes, and comes back as a replica', async () => {
  store = await startStore('sentinel');
  await begin();
  const trio = store.trio as NonNullable<TestStore['trio']>;
  await inStep(trio.primary, trio.replica);
  await goesOn();
  trio.primary.pause();
  await trio.promoted(trio.replica);
  await goesOn();
  trio.primary.resume();
  await expectAll();
}, 120_000);

test('a cluster: primaries are killed one after the other, and replaced in order', async () => {
  store = await startStore('cluster', { replicas: 1 });
  await begin();
  const cluster = store.cluster as NonNullable<TestStore['cluster']>;
  const [orderly, killed] = cluster.primaries as [ClusterNode, ClusterNode];
  await Promise.all(cluster.primaries.map(node => inStep(node.server, cluster.replicaOf(node).server)));
  await goesOn();
  const replica = cluster.replicaOf(orderly);
  await replica.server.command('CLUSTER', 'FAILOVER');
  await cluster.promoted(replica);
  await goesOn();
  await killed.server.kill();
  await cluster.promoted(cluster.replicaOf(killed));
  await goesOn();
  await expectAll();
}, 120_000);
