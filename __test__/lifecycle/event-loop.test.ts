/** Trackers on Redis live in the event loop of their thread: what that must not do to it, nor it to them. */
import { resolve } from 'node:path';
import { type RedisServer, startRedis } from '../support/redis';
import { HOST, start } from '../support/system';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/index.js'));

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Runs `body` in a fresh Node, with `Tracker`, `redis` and `usage` at hand; answers what it prints. */
async function run(redisOptions: object, body: string): Promise<string> {
  const redis = JSON.stringify({ host: HOST, port: server.port, ...redisOptions });
  const script = `const { TokenBudgetTracker: Tracker } = require(${ENTRY}); const redis = ${redis};
    const usage = () => ({ orchestratorId: 'o', sessionId: 's', timestamp: new Date(), promptTokens: 0,
      completionTokens: 0, totalTokens: 7, model: 'm' });
    (async () => { ${body} })();`;
  const child = await start(process.execPath, ['-e', script]);
  const code = await child.ended;
  if (code !== 0) throw new Error(`ended with ${code}: ${child.output()}`);
  return child.output().trim();
}

describe.each([
  ['by default', {}],
  ['looking for answers for a millisecond', { busyPollMicros: 1000 }],
  ['without looking for answers', { busyPollMicros: 0 }],
  ['in the I/O thread', { ioThread: true }],
])('%s', (_where, options) => {
  test('a program that awaits one call after the other does not starve its event loop', async () => {
    const turns = await run(
      options,
      `const tracker = new Tracker({ redis });
       await tracker.ready();
       let turns = 0, running = true;
       const turn = () => { turns++; if (running) setImmediate(turn); };
       setImmediate(turn);
       for (let n = 0; n < 1700; n++) await tracker.checkBudget('o', 1);
       running = false;
       console.log(turns);
       await tracker.close();`,
    );
    // At the very least one turn in 17 calls.
    expect(Number(turns)).toBeGreaterThanOrEqual(100);
  });

  test('an answer that came while the thread was busy is no time-out', async () => {
    const answers = await run(
      options,
      `const tracker = new Tracker({ redis, commandTimeout: 300 });
       const answers = [];
       for (let round = 0; round < 5; round++) {
         await tracker.checkBudget('o', 1);
         const check = tracker.checkBudget('o', 1);
         const tracked = tracker.trackUsage(usage());
         tracker.on('usage:spooled', () => answers.push('spooled'));
         await Promise.resolve();
         await Promise.resolve();
         const until = Date.now() + 500;
         while (Date.now() < until);
         answers.push((await check.catch(error => error)).allowed);
         await tracked;
       }
       console.log(String(answers));
       await tracker.close();`,
    );
    expect(answers).toBe('true,true,true,true,true');
  });

  test('once it is closed the collector takes it', async () => {
    const gone = await run(
      options,
      `require('node:v8').setFlagsFromString('--expose-gc');
       const collect = require('node:vm').runInNewContext('gc');
       let gone = 0;
       const registry = new FinalizationRegistry(() => gone++);
       for (let round = 0; round < 20; round++) {
         const tracker = new Tracker({ redis });
         registry.register(tracker);
         await tracker.checkBudget('o', 1);
         await tracker.close();
       }
       const deadline = Date.now() + 10_000;
       while (gone < 15 && Date.now() < deadline) {
         collect();
         await new Promise(done => setTimeout(done, 10));
       }
       console.log(gone >= 15);`,
    );
    expect(gone).toBe('true');
  });

  test('calls made together, in a row and in between are answered in their order', async () => {
    const order = await run(
      options,
      `const tracker = new Tracker({ redis });
       const order = [];
       const note = name => () => order.push(name);
       await Promise.all([
         tracker.trackUsage(usage()).then(note(1)),
         tracker.checkBudget('o', 1).then(note(2)).then(() => tracker.checkBudget('o', 1)).then(note(4)),
         tracker.getUsageStats('o').then(note(3)),
       ]);
       console.log(String(order));
       await tracker.close();`,
    );
    expect(order).toBe('1,2,3,4');
  });
});
