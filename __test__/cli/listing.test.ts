/** How the command line finds out who is on a server. */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import * as fc from 'fast-check';
import { startRedis } from '../support/redis';
import { root } from './run';

const { scanOrchestrators } = require(
  join(root, 'dist/cli/known/scan.js'),
) as typeof import('../../facade/cli/known/scan');
const { readReply } = require(
  join(root, 'dist/cli/known/resp.js'),
) as typeof import('../../facade/cli/known/resp');

test('every name comes back as it was, over TLS, with a password and a database', async () => {
  const server = await startRedis({ tls: true, password: 'secret' });
  const ca = server.certificates?.ca as string;
  const redis = { url: `rediss://:secret@localhost:${server.port}/3`, tls: { ca }, keyPrefix: 'p:{q}[*]' };
  const tracker = new TokenBudgetTracker({ redis });
  const names = ['plain', 'a:b', '{}', '*', 'ü日', '%3A', ' ', 'x'.repeat(256)];
  try {
    for (const orchestratorId of names) await tracker.reserveTokens(orchestratorId, 1);
    expect(await scanOrchestrators(redis, 5000)).toEqual({ names: [...names].sort(), complete: true });
    expect(await scanOrchestrators({ ...redis, keyPrefix: 'p:{q}' }, 5000)).toEqual({
      names: [],
      complete: true,
    });
    await expect(
      scanOrchestrators({ ...redis, url: redis.url.replace('secret', 'wrong') }, 5000),
    ).rejects.toThrow(/WRONGPASS|invalid/i);
    await expect(scanOrchestrators({ url: redis.url }, 5000)).rejects.toThrow(/certificate/);
  } finally {
    await tracker.close();
    await server.stop();
  }
});

test('a cluster and a Sentinel cannot be asked', async () => {
  expect(await scanOrchestrators({ cluster: true }, 100)).toBeNull();
  expect(await scanOrchestrators({ name: 'primary', sentinels: [{ host: 'h' }] }, 100)).toBeNull();
});

test('a server that is silent, talks nonsense or hangs up', async () => {
  const sockets = new Set<Socket>();
  for (const [answer, message] of [
    [() => {}, 'it took too long'],
    [(socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'not that of a Redis server'],
    [(socket: Socket) => socket.end(), 'was closed'],
    [(socket: Socket) => socket.write('-NOPERM no\r\n'), 'NOPERM no'],
  ] as const) {
    const server = createServer(socket => {
      sockets.add(socket.on('error', () => {}));
      socket.once('data', () => answer(socket));
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await expect(scanOrchestrators({ host: '127.0.0.1', port }, 500)).rejects.toThrow(message);
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => server.close(resolve));
  }
});

test('a walk that takes too long answers what it has found', async () => {
  const key = 'orchestrator:budget:found:hourly:usage';
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}));
    // The first step is answered, the second never.
    socket.once('data', () => socket.write(`*2\r\n$1\r\n7\r\n*1\r\n$${key.length}\r\n${key}\r\n`));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  expect(await scanOrchestrators({ host: '127.0.0.1', port }, 500)).toEqual({
    names: ['found'],
    complete: false,
  });
  for (const socket of sockets) socket.destroy();
  await new Promise(resolve => server.close(resolve));
});

test('an answer is read the same however it is cut', () => {
  const reply: fc.Arbitrary<unknown> = fc.letrec(tie => ({
    reply: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'grapheme' }),
      fc.maxSafeInteger(),
      fc.constant(null),
      fc.array(tie('reply'), { maxLength: 4 }),
    ),
  })).reply;
  const encode = (value: unknown): string => {
    if (value === null) return '$-1\r\n';
    if (typeof value === 'number') return `:${value}\r\n`;
    if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
    return `*${(value as unknown[]).length}\r\n${(value as unknown[]).map(encode).join('')}`;
  };
  fc.assert(
    fc.property(reply, fc.nat(), (value, cut) => {
      const bytes = Buffer.from(encode(value));
      expect(readReply(bytes, 0)).toEqual({ reply: value, end: bytes.length });
      expect(readReply(bytes.subarray(0, cut % bytes.length), 0)).toBeNull();
    }),
    { numRuns: 500 },
  );
});
