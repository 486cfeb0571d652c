/** When a process ends by itself, and with what. */
import { join, resolve } from 'node:path';
import { type RedisServer, startRedis } from '../support/redis';
import { HOST, start, type TemporaryFolder, temporaryFolder } from '../support/system';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/index.js'));
const USAGE = `{ orchestratorId: 'o', sessionId: 's', timestamp: new Date(), promptTokens: 0,
  completionTokens: 0, totalTokens: 7, model: 'm' }`;

let server: RedisServer;
let folder: TemporaryFolder;
let files = 0;

beforeAll(async () => {
  folder = temporaryFolder('process-exit');
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});
afterEach(() => server.resume());

/** Runs `body` in a fresh Node, with `Tracker`, `redis` and `storage` (a file of its own) at hand. */
async function run(
  body: string,
  ...flags: string[]
): Promise<{ code: number | string; output: string; ms: number }> {
  const redis = JSON.stringify({ host: HOST, port: server.port });
  const script = `const { TokenBudgetTracker: Tracker } = require(${ENTRY}); const redis = ${redis};
    const storage = ${JSON.stringify(join(folder.path, `state-${files++}.db`))};
    const usage = () => (${USAGE}); (async () => { ${body} })();`;
  const began = Date.now();
  const child = await start(process.execPath, [...flags, '-e', script]);
  const code = await child.ended;
  return { code, output: child.output(), ms: Date.now() - began };
}

describe.each([
  ['in memory', '{}'],
  ['on disk', '{ storage }'],
  ['on Redis', '{ redis }'],
  ['on Redis, in the I/O thread', '{ redis: { ...redis, ioThread: true } }'],
])('%s', (_where, config) => {
  test('never closed, never used: the process ends by itself, silently', async () => {
    expect(await run(`new Tracker(${config});`)).toMatchObject({ code: 0, output: '' });
  });

  test('never closed, with a reservation still held', async () => {
    const { code, output } = await run(`
      const tracker = new Tracker(${config});
      const { success } = await tracker.reserveTokens('o', 5, 'all');
      await tracker.trackUsage(usage());
      console.log(success, (await tracker.getUsageStats('o', 'daily')).totalUsed > 0);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true true\n' });
  });

  test('closed once, twice, and used after it', async () => {
    const { code, output } = await run(`
      const tracker = new Tracker(${config});
      await tracker.checkBudget('o', 5);
      const closing = tracker.close();
      console.log(closing === tracker.close(), closing === tracker.disconnect());
      await closing;
      await tracker.close();
      await tracker.reserveTokens('o', 1).catch(error => console.log(error.code));
      console.log(await tracker.healthCheck());
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true true\nCLOSED\nfalse\n' });
  });

  test('a hundred trackers, none closed', async () => {
    const { code, output } = await run(`
      const trackers = Array.from({ length: 100 }, () => new Tracker(${config}));
      const checks = await Promise.all(trackers.map(tracker => tracker.checkBudget('o', 1)));
      console.log(checks.every(({ allowed }) => allowed));
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true\n' });
  });

  test('process.exit in the middle of calls', async () => {
    const { code, output } = await run(`
      const tracker = new Tracker(${config});
      await tracker.checkBudget('o', 1);
      for (let n = 0; n < 1000; n++) tracker.trackUsage(usage());
      setImmediate(() => process.exit(9));
    `);
    expect({ code, output }).toEqual({ code: 9, output: '' });
  });

  test('an error that nobody catches ends the process as ever', async () => {
    const { code, output } = await run(`
      const tracker = new Tracker(${config});
      await tracker.checkBudget('o', 1);
      throw new Error('not ours');
    `);
    expect(code).toBe(1);
    expect(output).toContain('not ours');
  });
});

test('in memory, forgotten without close: the collector may take it', async () => {
  const { code, output } = await run(`
    require('node:v8').setFlagsFromString('--expose-gc');
    const collect = require('node:vm').runInNewContext('gc');
    let gone = 0;
    const registry = new FinalizationRegistry(() => gone++);
    for (let round = 0; round < 20; round++) {
      const tracker = new Tracker();
      registry.register(tracker);
      await tracker.checkBudget('o', 1);
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

describe('on Redis that is silent', () => {
  test('a promise that is awaited keeps the process alive until it is answered', async () => {
    const answered = run(`
      const tracker = new Tracker({ redis, commandTimeout: 20_000 });
      await tracker.ready();
      process.kill(${server.pid()}, 'SIGSTOP');
      const check = tracker.checkBudget('o', 1);
      require('node:child_process').spawn('sh', ['-c', 'sleep 0.7; kill -CONT ${server.pid()}'],
        { detached: true, stdio: 'ignore' }).unref();
      console.log((await check).allowed);
    `);
    expect(await answered).toMatchObject({ code: 0, output: 'true\n' });
  });

  test('an awaited promise that is never answered ends with its deadline, and so does the process', async () => {
    server.pause();
    const { code, output, ms } = await run(`
      const tracker = new Tracker({ redis, connectTimeout: 300, commandTimeout: 400 });
      await tracker.checkBudget('o', 1).catch(error => console.log(error.code));
    `);
    expect(code).toBe(0);
    expect(output).toMatch(/^(STORE_UNAVAILABLE|TIMEOUT)\n$/);
    expect(ms).toBeLessThan(10_000);
  });

  test('a spool that is not empty does not keep the process alive', async () => {
    server.pause();
    const { code, output } = await run(`
      const tracker = new Tracker({ redis, connectTimeout: 200, commandTimeout: 200 });
      tracker.on('usage:spooled', () => console.log('spooled'));
      await tracker.trackUsage(usage());
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'spooled\n' });
  });

  test('await close() with a spool ends in time, and says what is lost', async () => {
    server.pause();
    const { code, output, ms } = await run(`
      const tracker = new Tracker({ redis, connectTimeout: 200, commandTimeout: 200 });
      tracker.on('store:warning', ({ message }) => console.log(message));
      await tracker.trackUsage(usage());
      await tracker.close({ timeout: 300 });
    `);
    expect({ code, output }).toEqual({ code: 0, output: '1 reported usages could not be delivered\n' });
    expect(ms).toBeLessThan(10_000);
  });

  test('nobody there at all: never closed, and the process ends', async () => {
    const { code, output } = await run(`
      const tracker = new Tracker({ redis: { host: '127.0.0.1', port: 1 } });
      tracker.on('store:disconnected', () => {});
    `);
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });
});
