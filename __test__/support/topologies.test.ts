import { Cluster } from 'ioredis';
import { connectClient, endClient } from './client';
import { startCluster } from './cluster';
import { startSentinelTrio } from './sentinel';

test('sentinels promote the replica when the primary is killed', async () => {
  const trio = await startSentinelTrio({ downAfterMs: 500, password: 'secret' });
  const redis = connectClient({ sentinels: trio.nodes, name: trio.primaryName, password: 'secret' });
  try {
    expect(await redis.set('a', '1')).toBe('OK');
    expect(await trio.primaryPort()).toBe(trio.primary.port);
    await trio.primary.kill();
    await trio.promoted(trio.replica);
    expect(await trio.primaryPort()).toBe(trio.replica.port);
  } finally {
    await endClient(redis);
    await trio.stop();
  }
}, 60_000);

test('a cluster behind proxies takes writes, and a replica takes over', async () => {
  const cluster = await startCluster({ proxied: true });
  const client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[0]?.port as number }]);
  client.on('error', () => {});
  try {
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      expect(await client.set(key, key)).toBe('OK');
    }
    const primary = await cluster.primaryOf('a');
    expect(primary.proxy?.requestBytes()).toBeGreaterThan(0);
    expect(await primary.server.command('GET', 'a')).toBe('a');
    await primary.server.kill();
    const replica = cluster.replicaOf(primary);
    await cluster.promoted(replica);
    expect(await replica.server.command('GET', 'a')).toBe('a');
  } finally {
    await endClient(client);
    await cluster.stop();
  }
}, 60_000);
