import type { RedisOptions } from '@wundr.io/token-budget';
import { type RedisCluster, startCluster } from './cluster';
import { startProxy, type TcpProxy } from './proxy';
import { type RedisServer, startRedis } from './redis';
import { type SentinelTrio, startSentinelTrio } from './sentinel';
import { HOST } from './system';

export type Topology = 'standalone' | 'standalone, I/O thread' | 'cluster' | 'sentinel';

/** Servers of one kind, looked at the same way whatever the kind. */
export interface TestStore {
  topology: Topology;
  /** What a tracker is configured with. */
  redis: RedisOptions;
  /** Every server that holds data. */
  servers: RedisServer[];
  /** What stands between trackers and those servers, with `proxied`. */
  proxies: TcpProxy[];
  cluster?: RedisCluster;
  trio?: SentinelTrio;
  /** The name of a key of an ordinary orchestrator, as documented. */
  key(prefix: string, orchestratorId: string, rest: string): string;
  /** One command about `key`, on the server that has it. */
  read(command: string, key: string, ...args: (string | number)[]): Promise<unknown>;
  stop(): Promise<void>;
}

export interface StoreOptions {
  proxied?: boolean;
  args?: readonly string[];
  /** Of each primary of a cluster. */
  replicas?: 0 | 1;
}

export async function startStore(topology: Topology, options: StoreOptions = {}): Promise<TestStore> {
  if (topology === 'cluster') return clusterStore(options);
  if (topology === 'sentinel') return sentinelStore();
  const store = await standaloneStore(options);
  if (topology === 'standalone') return store;
  return { ...store, topology, redis: { ...store.redis, ioThread: true } };
}

async function standaloneStore({ proxied = false, args = [] }: StoreOptions): Promise<TestStore> {
  const server = await startRedis({ args });
  const proxy = proxied ? await startProxy(server) : undefined;
  return {
    topology: 'standalone',
    redis: { host: HOST, port: proxy?.port ?? server.port },
    servers: [server],
    proxies: proxy ? [proxy] : [],
    key: (prefix, id, rest) => `${prefix}:budget:${id}:${rest}`,
    read: (command, key, ...more) => server.command(command, key, ...more),
    async stop() {
      await proxy?.stop();
      await server.stop();
    },
  };
}

async function clusterStore({ proxied = false, args = [], replicas = 0 }: StoreOptions): Promise<TestStore> {
  const cluster = await startCluster({ replicas, proxied, args });
  return {
    topology: 'cluster',
    redis: { cluster: cluster.primaries.map(({ port }) => ({ host: HOST, port })) },
    servers: cluster.nodes.map(({ server }) => server),
    proxies: cluster.nodes.flatMap(({ proxy }) => proxy ?? []),
    cluster,
    key: (prefix, id, rest) => `${prefix}:budget:{${id}}:${rest}`,
    async read(command, key, ...more) {
      return (await cluster.primaryOf(key)).server.command(command, key, ...more);
    },
    stop: () => cluster.stop(),
  };
}

async function sentinelStore(): Promise<TestStore> {
  const trio = await startSentinelTrio();
  return {
    topology: 'sentinel',
    redis: { sentinels: trio.nodes, name: trio.primaryName },
    servers: [trio.primary, trio.replica],
    proxies: [],
    trio,
    key: (prefix, id, rest) => `${prefix}:budget:${id}:${rest}`,
    read: (command, key, ...more) => trio.primary.command(command, key, ...more),
    stop: () => trio.stop(),
  };
}
