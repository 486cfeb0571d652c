import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisOptions } from 'ioredis';
import { connectClient, endClient } from './client';
import { makeServerClock, type ServerClock } from './server-clock';
import { eventually, freePort, type GuardedProcess, HOST, start, temporaryFolder } from './system';
import { type Certificates, makeCertificates } from './tls';

export interface RedisServerOptions {
  /** More arguments of redis-server, e.g. `['--maxmemory', '2mb']`. */
  args?: readonly string[];
  password?: string;
  /** TLS on `port`, nothing else; a client certificate is optional. */
  tls?: boolean;
  /** A wall clock that the test can make jump. */
  clock?: boolean;
  /** Starts as a Sentinel. */
  sentinel?: boolean;
}

export interface RedisServer {
  host: string;
  port: number;
  folder: string;
  certificates?: Certificates;
  clock?: ServerClock;
  pid(): number;
  /** The server's log so far. */
  log(): string;
  /** Options of an ioredis client for this server. */
  clientOptions(): RedisOptions;
  /** One command over a connection of its own. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** The server stops answering, its connections stay (SIGSTOP). */
  pause(): void;
  resume(): void;
  /** SIGKILL; the port stays reserved for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port, in the same folder, with the same arguments. */
  restart(): Promise<void>;
  /** Ends the server and removes its folder. May be called again. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 10_000;
const PORT_ATTEMPTS = 5;
const SENTINEL_FILE = 'sentinel.conf';

/** A redis-server of one's own on a free port, in a temporary folder, that ends with us. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const temporary = temporaryFolder('redis');
  const folder = temporary.path;
  const data = join(folder, 'data');
  mkdirSync(data);
  if (options.sentinel) {
    // A Sentinel wants a configuration file it can write to.
    writeFileSync(join(data, SENTINEL_FILE), '');
  }
  const certificates = options.tls ? makeCertificates(folder) : undefined;
  const clock = options.clock ? makeServerClock(folder) : undefined;
  let port = 0;
  let server: GuardedProcess;

  const client = (): RedisOptions => ({
    host: HOST,
    port,
    ...(options.password !== undefined && { password: options.password }),
    ...(certificates && { tls: { ca: certificates.ca } }),
  });
  const command = (name: string, ...args: (string | number)[]) => oneCommand(client(), name, args);

  async function launch(): Promise<void> {
    server = await start('redis-server', serverArguments(options, port, data, certificates), {
      cwd: data,
      env: { ...process.env, ...clock?.env },
    });
    await eventually(
      `redis-server on port ${port}`,
      async () => {
        if (!server.running()) {
          return 'ended';
        }
        return (await command('PING')) === 'PONG' ? 'ready' : undefined;
      },
      { timeoutMs: READY_TIMEOUT_MS },
    );
    if (!server.running()) {
      throw new Error(`redis-server ended at once:\n${server.output()}`);
    }
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
    host: HOST,
    port,
    folder,
    ...(certificates && { certificates }),
    ...(clock && { clock }),
    pid: () => server.pid,
    log: () => server.output(),
    clientOptions: client,
    command,
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    kill: () => server.end('SIGKILL'),
    async restart() {
      await server.end('SIGKILL');
      await launch();
    },
    async stop() {
      await server.end('SIGKILL');
      await temporary.remove();
    },
  };
}

function serverArguments(
  options: RedisServerOptions,
  port: number,
  data: string,
  certificates: Certificates | undefined,
): string[] {
  const args = ['--bind', HOST, '--dir', data, '--daemonize', 'no'];
  if (certificates) {
    const { ca, serverCert, serverKey } = certificates.files;
    args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'optional');
    args.push('--tls-ca-cert-file', ca, '--tls-cert-file', serverCert, '--tls-key-file', serverKey);
  } else {
    args.push('--port', String(port));
  }
  if (options.password !== undefined) {
    args.push('--requirepass', options.password);
  }
  if (options.sentinel) {
    return [join(data, SENTINEL_FILE), '--sentinel', ...args, ...(options.args ?? [])];
  }
  return [...args, '--save', '', '--appendonly', 'no', ...(options.args ?? [])];
}

async function oneCommand(options: RedisOptions, name: string, args: (string | number)[]): Promise<unknown> {
  const redis = connectClient({
    ...options,
    lazyConnect: true,
    connectTimeout: 2_000,
    enableReadyCheck: false,
  });
  try {
    await redis.connect();
    return await redis.call(name, ...args);
  } finally {
    await endClient(redis);
  }
}
