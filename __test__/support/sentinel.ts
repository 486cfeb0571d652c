import { type RedisServer, startRedis } from './redis';
import { eventually, HOST } from './system';

export interface SentinelTrio {
  primaryName: string;
  primary: RedisServer;
  replica: RedisServer;
  sentinels: RedisServer[];
  /** Addresses of the three sentinels. */
  nodes: { host: string; port: number }[];
  /** The port of the primary according to the first sentinel. */
  primaryPort(): Promise<number>;
  /** Resolves when the sentinels agree that `server` is the primary and it takes writes. */
  promoted(server: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  /** After how long without an answer a server counts as down. */
  downAfterMs?: number;
  password?: string;
}

/** A primary, its replica and three sentinels that fail over, with a quorum of two. */
export async function startSentinelTrio({
  downAfterMs = 700,
  password,
}: SentinelOptions = {}): Promise<SentinelTrio> {
  const primaryName = 'main';
  const secret = password === undefined ? {} : { password };
  const masterAuth = password === undefined ? [] : ['--masterauth', password];
  const fast = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...masterAuth];
  const servers: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map(server => server.stop()));
  };
  const add = async (starting: Promise<RedisServer>) => {
    const server = await starting;
    servers.push(server);
    return server;
  };
  try {
    const primary = await add(startRedis({ ...secret, args: fast }));
    const replica = await add(
      startRedis({ ...secret, args: [...fast, '--replicaof', `${HOST} ${primary.port}`] }),
    );
    const sentinels = await Promise.all([1, 2, 3].map(() => add(startRedis({ sentinel: true }))));
    await Promise.all(
      sentinels.map(async sentinel => {
        await sentinel.command('SENTINEL', 'MONITOR', primaryName, HOST, primary.port, 2);
        const set = (name: string, value: string | number) =>
          sentinel.command('SENTINEL', 'SET', primaryName, name, value);
        await set('down-after-milliseconds', downAfterMs);
        await set('failover-timeout', 3_000);
        if (password !== undefined) {
          await set('auth-pass', password);
        }
      }),
    );
    await eventually('sentinels that know each other and the replica', async () => {
      const known = await Promise.all(
        sentinels.map(async sentinel => {
          const about = pairs(await sentinel.command('SENTINEL', 'MASTER', primaryName));
          return about['num-other-sentinels'] === '2' && about['num-slaves'] === '1';
        }),
      );
      const info = String(await replica.command('INFO', 'replication'));
      return (known.every(Boolean) && info.includes('master_link_status:up')) || undefined;
    });

    const portOf = async (sentinel: RedisServer) => {
      const address = (await sentinel.command(
        'SENTINEL',
        'GET-MASTER-ADDR-BY-NAME',
        primaryName,
      )) as string[];
      return Number(address[1]);
    };
    return {
      primaryName,
      primary,
      replica,
      sentinels,
      nodes: sentinels.map(({ host, port }) => ({ host, port })),
      primaryPort: () => portOf(sentinels[0] as RedisServer),
      async promoted(server) {
        await eventually(`promotion of the server on port ${server.port}`, async () => {
          const ports = await Promise.all(sentinels.map(portOf));
          const info = String(await server.command('INFO', 'replication'));
          return (ports.every(port => port === server.port) && info.includes('role:master')) || undefined;
        });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function pairs(answer: unknown): Record<string, string> {
  const flat = answer as string[];
  return Object.fromEntries(
    flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] as string]] : [])),
  );
}
