/** A breaker keeps no process alive. */
import { resolve } from 'node:path';
import { type RedisServer, startRedis } from '../support/redis';
import { HOST, start } from '../support/system';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/timers.js'));

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Runs `body` in a fresh Node, with `CircuitBreaker` and `redis` at hand. */
async function run(body: string): Promise<{ code: number | string; output: string }> {
  const redis = JSON.stringify({ host: HOST, port: server.port });
  const script = `const { CircuitBreaker } = require(${ENTRY}); const redis = ${redis};
    (async () => { ${body} })();`;
  const child = await start(process.execPath, ['-e', script]);
  return { code: await child.ended, output: child.output() };
}

const SAMPLING = "mode: { sampling: { ratio: 0.5, window: '1h' } }";

test.each([
  ['in memory', '{}'],
  ['in memory, sampling', `{ ${SAMPLING} }`],
  ['on Redis', '{ redis }'],
  ['on Redis, sampling', `{ redis, ${SAMPLING} }`],
  ['on Redis, in the I/O thread', '{ redis: { ...redis, ioThread: true } }'],
])('%s: never closed, the process ends by itself, silently', async (_, options) => {
  expect(await run(`new CircuitBreaker('a', ${options});`)).toEqual({ code: 0, output: '' });
  const used = await run(`
    const breaker = new CircuitBreaker('a', ${options});
    await breaker.execute(async () => 1);
    await breaker.execute(async () => { throw new Error('x'); }).catch(() => {});
    await breaker.execute(async () => 1);
    console.log(breaker.state);
  `);
  expect(used).toEqual({ code: 0, output: 'CLOSED\n' });
});

test('open, with a store that went away', async () => {
  const { code, output } = await run(`
    const breaker = new CircuitBreaker('b', { redis: { ...redis, port: 1 }, threshold: 1, commandTimeout: 300 });
    await breaker.execute(async () => { throw new Error('x'); }).catch(() => {});
    await breaker.execute(async () => 1).catch(error => console.log(error.code));
  `);
  expect({ code, output }).toEqual({ code: 0, output: 'CIRCUIT_OPEN\n' });
});
