import { connectClient, endClient } from '../../support/client';
import type { TestStore } from '../../support/stores';

/** Writes down every command that the servers get, until `end`. */
export async function watch(store: TestStore): Promise<{ end(): Promise<string> }> {
  let commands = '';
  const monitors = await Promise.all(
    store.servers.map(async server => {
      const client = connectClient(server.clientOptions());
      const monitor = await client.monitor();
      monitor.on('monitor', (_time, args: string[]) => {
        commands += `${args.join(' ')}\n`;
      });
      return { client, monitor };
    }),
  );
  return {
    async end() {
      await Promise.all(monitors.flatMap(({ client, monitor }) => [endClient(monitor), endClient(client)]));
      return commands;
    },
  };
}

const READERS: Readonly<Record<string, (key: string) => [name: string, ...args: (string | number)[]]>> = {
  string: key => ['GET', key],
  hash: key => ['HGETALL', key],
  list: key => ['LRANGE', key, 0, -1],
  set: key => ['SMEMBERS', key],
  zset: key => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
};

/** Every key of every server and what is in it, as text. */
export async function dumpOf(store: TestStore): Promise<string> {
  let dump = '';
  for (const server of store.servers) {
    for (const key of (await server.command('KEYS', '*')) as string[]) {
      const type = String(await server.command('TYPE', key));
      const read = READERS[type];
      if (read === undefined) throw new Error(`${key} is a ${type}`);
      const [name, ...args] = read(key);
      dump += `${key} ${JSON.stringify(await server.command(name, ...args))}\n`;
    }
  }
  return dump;
}
