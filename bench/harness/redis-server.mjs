import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

const START_TIMEOUT_MS = 10_000;

/** Starts a server of its own on a free port in a temporary folder. It writes nothing to disk. */
export async function startRedis({ executable = 'redis-server' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'token-budget-bench-'));
  const port = await freePort();
  const options = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  // DEBUG POPULATE makes millions of foreign keys in seconds.
  const child = spawn(executable, [...options.map(String), '--enable-debug-command', 'yes'], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const stopNow = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  // Also when a figure fails.
  process.once('exit', stopNow);
  const stop = async () => {
    stopNow();
    await ended.catch(() => {});
    process.off('exit', stopNow);
  };
  try {
    await Promise.race([
      answers(port),
      ended.then(code => Promise.reject(new Error(`${executable} ended with ${code}`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

/** What figures need of a server beside the contestants' own connections. */
export async function openAdmin(port) {
  const client = new Redis({ host: '127.0.0.1', port });
  await client.ping();
  return {
    host: '127.0.0.1',
    port,
    client,
    flush: () => client.call('FLUSHALL', 'SYNC'),
    async cpuNs() {
      const info = await client.info('cpu');
      return (infoNumber(info, 'used_cpu_user') + infoNumber(info, 'used_cpu_sys')) * 1e9;
    },
    close: () => client.quit(),
  };
}

/** A number of an INFO answer. */
export function infoNumber(info, name) {
  return Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]);
}

async function answers(port) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  const probe = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => 20 });
  probe.on('error', () => {});
  try {
    while (true) {
      try {
        return await probe.ping();
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  } finally {
    probe.disconnect();
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
