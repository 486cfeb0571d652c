import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { eventually, freePort, type GuardedProcess, HOST, start, temporaryFolder } from './system';

export interface PostgresServer {
  /** What a `Pool` of `pg` is made with. */
  options: { host: string; port: number; user: string; database: string };
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again in the same folder. */
  restart(): Promise<void>;
  /** Ends the server and removes its folder. May be called again. */
  stop(): Promise<void>;
}

const PORT_ATTEMPTS = 5;
const READY_TIMEOUT_MS = 30_000;
const USER = 'postgres';

/** A PostgreSQL of one's own on a free port, in a temporary folder, that ends with us. */
export async function startPostgres(): Promise<PostgresServer> {
  const temporary = temporaryFolder('postgres');
  const data = join(temporary.path, 'data');
  const who = unprivileged();
  mkdirSync(data);
  chmodSync(temporary.path, 0o755);
  chmodSync(data, 0o700);
  if (who !== undefined) chownSync(data, who.uid, who.gid);
  const initdb = ['--pgdata', data, '--auth', 'trust', '--username', USER, '--encoding', 'UTF8', '--no-sync'];
  execFileSync(program('initdb'), initdb, { cwd: data, stdio: ['ignore', 'pipe', 'pipe'], ...who });
  let port = 0;
  let server: GuardedProcess;
  const options = () => ({ host: HOST, port, user: USER, database: 'postgres' });

  async function launch(): Promise<void> {
    // Processes are killed here, and no machines: what was written need not be on the disk.
    const settings = {
      listen_addresses: HOST,
      port,
      unix_socket_directories: '',
      max_connections: 50,
      fsync: 'off',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    server = await start(program('postgres'), ['-D', data, ...args], { cwd: data, ...who });
    await eventually(
      `PostgreSQL on port ${port}`,
      async () => {
        if (!server.running()) return 'ended';
        const client = new Client(options());
        try {
          await client.connect();
          return (await client.query('SELECT 1')).rowCount === 1 ? 'ready' : undefined;
        } finally {
          await client.end().catch(() => {});
        }
      },
      { timeoutMs: READY_TIMEOUT_MS },
    );
    if (!server.running()) throw new Error(`PostgreSQL ended at once:\n${server.output()}`);
  }

  for (let attempt = 1; ; attempt++) {
    port = await freePort();
    try {
      await launch();
      break;
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !/Address already in use/.test(String(error))) {
        await temporary.remove();
        throw error;
      }
    }
  }
  return {
    options: options(),
    // Without a checkpoint, as in a crash; after SIGKILL its children would be in the way of the next one.
    kill: () => server.end('SIGQUIT'),
    restart: launch,
    async stop() {
      await server.end('SIGQUIT');
      await temporary.remove();
    },
  };
}

/** PostgreSQL refuses to run as root: it runs as its own user then, or as nobody. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  for (const name of [USER, 'nobody']) {
    try {
      const id = (kind: string) =>
        Number(execFileSync('id', [kind, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no such user.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody');
}

/** Debian keeps the programs outside of the path. */
function program(name: string): string {
  const folder = '/usr/lib/postgresql';
  const versions = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map(version => join(folder, version, 'bin', name)).find(existsSync);
  return found ?? name;
}
