import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs, removeWithUs } from './reaper';

export const HOST = '127.0.0.1';

/** Repeats `attempt` until it answers something other than `undefined`; throws `what` and the last failure otherwise. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 15_000, everyMs = 20 } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await attempt();
      if (answer !== undefined) {
        return answer;
      }
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: failure });
    }
    await sleep(everyMs);
  }
}

/** A port nobody listens on now. Somebody may take it: those who start servers try again. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export interface TemporaryFolder {
  path: string;
  remove(): Promise<void>;
}

export function temporaryFolder(name: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `token-budget-${name}-`));
  removeWithUs(path);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

export interface GuardedProcess {
  child: ChildProcess;
  pid: number;
  /** Everything written to standard output and standard error so far. */
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  running(): boolean;
  /** Sends `signal` and waits for the end; SIGKILL after five seconds. Does nothing when it has ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program that ends with us. Fails when it cannot be started at all. */
export async function start(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
): Promise<GuardedProcess> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const ended = new Promise<number | string>(resolve => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', error => reject(explain(command, error)));
  });
  endWithUs(child);
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    child,
    pid: child.pid as number,
    output: () => output,
    ended,
    running,
    async end(signal = 'SIGTERM') {
      if (!running()) {
        return;
      }
      child.kill('SIGCONT');
      child.kill(signal);
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(patience);
    },
  };
}

const PACKAGES: Record<string, string> = {
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  openssl: 'openssl',
  initdb: 'postgresql',
  postgres: 'postgresql',
  cc: 'build-essential',
};

function explain(command: string, error: unknown): Error {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
    return error as Error;
  }
  const install = PACKAGES[command] ?? command;
  return new Error(
    `${command} was not found. Install it (Debian: apt-get install ${install}); as root on Debian, ./scripts/test does.`,
  );
}

/** Runs a program to its end and returns what it wrote; throws when it fails. */
export function runToEnd(command: string, args: readonly string[], cwd?: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw explain(command, error);
  }
}
