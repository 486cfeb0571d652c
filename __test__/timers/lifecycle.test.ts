/** When a process with timers ends by itself, and what it leaves behind. */
import { resolve } from 'node:path';
import { type RedisServer, startRedis } from '../support/redis';
import { HOST, start } from '../support/system';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/timers.js'));

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => server.resume());

/** Runs `body` in a fresh Node, with `create` and `redis` at hand. */
async function run(body: string): Promise<{ code: number | string; output: string }> {
  const redis = JSON.stringify({
    host: HOST,
    port: server.port,
    keyPrefix: `life-${process.pid}-${Date.now()}`,
  });
  const script = `const { createTokenCoordinator: create } = require(${ENTRY}); const redis = ${redis};
    (async () => { ${body} })();`;
  const child = await start(process.execPath, ['-e', script]);
  const code = await child.ended;
  return { code, output: child.output() };
}

describe.each([
  ['in memory', '{}'],
  ['on Redis', '{ redis }'],
])('%s', (_where, options) => {
  test('never closed, never used', async () => {
    expect(await run(`create(${options});`)).toEqual({ code: 0, output: '' });
  });

  test('never closed, with a timer that is due in a minute and a listener', async () => {
    const { code, output } = await run(`
      const minoots = create(${options});
      minoots.on('timer:expired', () => console.log('fired'));
      console.log((await minoots.timers.create({ name: 'n', duration: '1m' })).status);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'scheduled\n' });
  });

  test('whoever waits for a timer keeps the process alive', async () => {
    const { code, output } = await run(`
      const minoots = create(${options});
      minoots.on('timer:expired', ({ name }) => console.log('fired', name));
      const { id } = await minoots.timers.create({ name: 'n', duration: 300 });
      console.log((await minoots.timers.waitFor(id)).status);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'fired n\nfired\n' });
  });

  test('a listener that never ends, a webhook that never answers: close ends in time', async () => {
    const { code, output } = await run(`
      const { createServer } = require('node:http');
      const server = createServer((request, response) => {
        console.log('webhook');
        minoots.close({ timeout: 50 }).then(() => {
          console.log('closed');
          server.closeAllConnections();
          server.close();
        });
      }).listen(0, '127.0.0.1', async () => {
        const webhook = 'http://127.0.0.1:' + server.address().port;
        await minoots.timers.create({ name: 'n', duration: 0, events: { on_expire: { webhook } } });
        minoots.timers.create({ name: 'hangs', duration: 0 });
      });
      const minoots = create({ ...${options}, webhooks: { allowPrivateAddresses: true } });
      minoots.on('timer:expired', ({ name }) => name === 'hangs' ? new Promise(() => {}) : undefined);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'webhook\nclosed\n' });
  });

  test('closed once, twice, by await using, and used after it', async () => {
    const { code, output } = await run(`
      const minoots = create(${options});
      const closing = minoots.close();
      console.log(closing === minoots.close());
      await closing;
      await minoots.close();
      await minoots[Symbol.asyncDispose]();
      await minoots.timers.create({ name: 'n', duration: 1 }).catch(error => console.log(error.code));
      console.log(await minoots.healthCheck());
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true\nCLOSED\nfalse\n' });
  });
});

test('nobody there at all: the process ends', async () => {
  const { code, output } = await run(`
    const minoots = create({ redis: { host: '127.0.0.1', port: 1 }, connectTimeout: 200, commandTimeout: 200 });
    await minoots.timers.create({ name: 'n', duration: 1 }).catch(error => console.log(error.code));
  `);
  expect(code).toBe(0);
  expect(output).toMatch(/^(STORE_UNAVAILABLE|TIMEOUT)\n$/);
});

test('in memory, forgotten without close: the collector may take it', async () => {
  const { code, output } = await run(`
    require('node:v8').setFlagsFromString('--expose-gc');
    const collect = require('node:vm').runInNewContext('gc');
    let gone = 0;
    const registry = new FinalizationRegistry(() => gone++);
    for (let round = 0; round < 20; round++) {
      const minoots = create();
      registry.register(minoots);
      await minoots.timers.list();
    }
    const deadline = Date.now() + 10_000;
    while (gone < 15 && Date.now() < deadline) {
      collect();
      await new Promise(done => setTimeout(done, 10));
    }
    console.log(gone >= 15);
  `);
  expect({ code, output }).toEqual({ code: 0, output: 'true\n' });
});
