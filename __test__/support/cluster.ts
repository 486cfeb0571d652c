import { startProxy, type TcpProxy } from './proxy';
import { type RedisServer, startRedis } from './redis';
import { eventually, freePort, HOST } from './system';

export interface ClusterNode {
  server: RedisServer;
  /** The port clients know: the proxy's with `proxied`, else the server's. */
  port: number;
  proxy?: TcpProxy;
  id: string;
  role: 'primary' | 'replica';
  /** First and last slot of a primary. */
  slots?: [number, number];
}

export interface RedisCluster {
  nodes: ClusterNode[];
  primaries: ClusterNode[];
  replicas: ClusterNode[];
  /** The primary that had the slot of `key` at the start. */
  primaryOf(key: string): Promise<ClusterNode>;
  /** The replica that `primary` had at the start. */
  replicaOf(primary: ClusterNode): ClusterNode;
  /** Resolves when `replica` has become a primary and every running node sees all slots served. */
  promoted(replica: ClusterNode): Promise<void>;
  /** Resolves when every running node sees all slots served. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Replicas of each of the three primaries: 1, or 0 where a test needs no failover. */
  replicas?: 0 | 1;
  nodeTimeoutMs?: number;
  /** Clients reach every node through a proxy of its own, which the cluster announces. */
  proxied?: boolean;
  args?: readonly string[];
}

const SLOTS = 16_384;
const PRIMARIES = 3;

/** Three primaries, each with a replica, ready for use. */
export async function startCluster({
  replicas = 1,
  nodeTimeoutMs = 1_500,
  proxied = false,
  args = [],
}: ClusterOptions = {}): Promise<RedisCluster> {
  const nodes: ClusterNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map(node => Promise.all([node.server.stop(), node.proxy?.stop()])));
  };
  try {
    const started = await Promise.allSettled(
      Array.from({ length: PRIMARIES * (1 + replicas) }, async (_, index) => {
        const node = await startNode(index < PRIMARIES ? 'primary' : 'replica', {
          nodeTimeoutMs,
          proxied,
          args,
        });
        nodes.push(node);
        return node;
      }),
    );
    for (const outcome of started) {
      if (outcome.status === 'rejected') {
        throw outcome.reason;
      }
    }
    const primaries = nodes.filter(node => node.role === 'primary');
    const replicaNodes = nodes.filter(node => node.role === 'replica');
    await join(nodes, primaries, replicaNodes);
    const ready = () => waitUntilReady(nodes, primaries.length, replicas);
    await ready();
    return {
      nodes,
      primaries,
      replicas: replicaNodes,
      async primaryOf(key) {
        const slot = Number(await (primaries[0] as ClusterNode).server.command('CLUSTER', 'KEYSLOT', key));
        return primaries.find(({ slots }) => slots && slots[0] <= slot && slot <= slots[1]) as ClusterNode;
      },
      replicaOf: primary => replicaNodes[primaries.indexOf(primary)] as ClusterNode,
      async promoted(replica) {
        await eventually('promotion of a replica', async () => {
          const info = String(await replica.server.command('INFO', 'replication'));
          return info.includes('role:master') || undefined;
        });
        await ready();
      },
      ready,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(
  role: ClusterNode['role'],
  { nodeTimeoutMs, proxied, args }: { nodeTimeoutMs: number; proxied: boolean; args: readonly string[] },
): Promise<ClusterNode> {
  const server = await startRedis({
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
      ...['--cluster-port', String(await freePort()), '--cluster-node-timeout', String(nodeTimeoutMs)],
      ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...args],
    ],
  });
  const id = String(await server.command('CLUSTER', 'MYID'));
  if (!proxied) {
    return { server, port: server.port, id, role };
  }
  const proxy = await startProxy({ port: server.port });
  await server.command('CONFIG', 'SET', 'cluster-announce-port', proxy.port);
  return { server, port: proxy.port, proxy, id, role };
}

async function join(nodes: ClusterNode[], primaries: ClusterNode[], replicas: ClusterNode[]): Promise<void> {
  await Promise.all(
    primaries.map(async (primary, index) => {
      const from = Math.ceil((SLOTS * index) / PRIMARIES);
      const to = Math.ceil((SLOTS * (index + 1)) / PRIMARIES) - 1;
      primary.slots = [from, to];
      await primary.server.command('CLUSTER', 'ADDSLOTSRANGE', from, to);
      await primary.server.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }),
  );
  // Everybody meets everybody: much faster than waiting for gossip.
  const busPorts = await Promise.all(
    nodes.map(
      async ({ server }) =>
        ((await server.command('CONFIG', 'GET', 'cluster-port')) as string[])[1] as string,
    ),
  );
  await Promise.all(
    nodes.flatMap(({ server }, index) =>
      nodes
        .slice(0, index)
        .map((other, at) =>
          server.command('CLUSTER', 'MEET', HOST, other.server.port, busPorts[at] as string),
        ),
    ),
  );
  await Promise.all(
    replicas.map((replica, index) =>
      eventually('a replica that knows its primary', () =>
        replica.server.command('CLUSTER', 'REPLICATE', (primaries[index] as ClusterNode).id),
      ),
    ),
  );
}

async function waitUntilReady(nodes: ClusterNode[], primaries: number, replicasEach: number): Promise<void> {
  const running = nodes.filter(({ server }) => isRunning(server));
  await eventually('a cluster in which every node sees all slots served', async () => {
    const states = await Promise.all(
      running.map(async ({ server }) => {
        const info = String(await server.command('CLUSTER', 'INFO'));
        const shards = (await server.command('CLUSTER', 'SLOTS')) as unknown[][];
        const complete =
          running.length < nodes.length || shards.every(shard => shard.length === 3 + replicasEach);
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_known_nodes:${nodes.length}`) &&
          new Set(shards.map(shard => String(shard[0]))).size === primaries &&
          complete
        );
      }),
    );
    return states.every(Boolean) || undefined;
  });
}

function isRunning(server: RedisServer): boolean {
  try {
    process.kill(server.pid(), 0);
    return true;
  } catch {
    return false;
  }
}
