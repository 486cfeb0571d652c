/** The programs around the package: Jest, two module systems, listeners that fail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { type RedisServer, startRedis } from '../support/redis';
import { HOST, start, type TemporaryFolder, temporaryFolder } from '../support/system';

const ROOT = resolve(__dirname, '../..');
const ENTRY = join(ROOT, 'dist/index.js');

let server: RedisServer;
let folder: TemporaryFolder;

beforeAll(async () => {
  server = await startRedis();
  folder = temporaryFolder('host');
});
afterAll(async () => {
  await folder.remove();
  await server.stop();
});

const used = (totalTokens: number) => ({
  orchestratorId: 'o',
  sessionId: 's',
  timestamp: new Date(),
  promptTokens: 0,
  completionTokens: 0,
  totalTokens,
  model: 'm',
});

describe('a Jest project with --detectOpenHandles', () => {
  async function runJest(name: string, body: string) {
    const project = join(folder.path, name);
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{}');
    writeFileSync(
      join(project, 'it.test.js'),
      `const { TokenBudgetTracker, TokenBudgetError } = require(${JSON.stringify(ENTRY)});
       const storage = ${JSON.stringify(join(folder.path, `${name}.db`))};
       const redis = { host: '${HOST}', port: ${server.port}, keyPrefix: '${name}' };
       const usage = () => ({ orchestratorId: 'o', sessionId: 's', timestamp: new Date(), promptTokens: 0,
         completionTokens: 0, totalTokens: 7, model: 'm' });
       ${body}`,
    );
    const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
    const env = { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '0' };
    const args = [jest, '--rootDir', project, '--detectOpenHandles', '--runInBand', '--watchman=false'];
    const child = await start(process.execPath, args, { cwd: project, env });
    const code = await child.ended;
    return { code, output: child.output() };
  }

  async function expectClean(name: string, body: string) {
    const { code, output } = await runJest(name, body);
    expect(output).not.toMatch(/open handle|did not exit|worker process has failed|console\./i);
    expect(output).toMatch(/Tests: +\d+ passed/);
    expect(code).toBe(0);
  }

  test.each([
    ['memory', '{}'],
    ['redis', '{ redis }'],
    ['storage', '{ storage }'],
  ])(
    '%s: a tracker that is closed, and one that is left open',
    async (name, config) => {
      await expectClean(
        name,
        `let tracker;
       beforeEach(() => { tracker = new TokenBudgetTracker(${config}); });
       test('left open', async () => {
         expect((await tracker.reserveTokens('o', 5)).success).toBe(true);
       });
       test('closed', async () => {
         await tracker.trackUsage(usage());
         await tracker.close();
         await expect(tracker.checkBudget('o', 1)).rejects.toBeInstanceOf(TokenBudgetError);
         await expect(tracker.checkBudget('o', 1)).rejects.toBeInstanceOf(Error);
       });`,
      );
    },
    60_000,
  );

  test.each([
    ['Redis', '{ redis }'],
    ['disk', '{ storage }'],
  ])(
    'fake timers do not hang operations on %s, legacy or modern',
    async (where, config) => {
      await expectClean(
        `timers-${where}`,
        `for (const options of [{}, { legacyFakeTimers: true }, { doNotFake: [] }]) {
         test('with ' + JSON.stringify(options), async () => {
           jest.useFakeTimers(options);
           try {
             const tracker = new TokenBudgetTracker(${config});
             const { reservationId } = await tracker.reserveTokens('o', 5, 'all');
             await tracker.releaseReservation(reservationId, 3);
             await Promise.all([tracker.trackUsage(usage()), tracker.checkBudget('o', 1)]);
             expect(await tracker.healthCheck()).toBe(true);
             await tracker.close();
           } finally {
             jest.useRealTimers();
           }
         });
       }`,
      );
    },
    60_000,
  );

  test.each([
    ['redis', '{ redis }'],
    ['disk', '{ storage }'],
  ])(
    '%s: module registries that are reset load the package again',
    async (where, config) => {
      await expectClean(
        `registries-${where}`,
        `test('again and again', async () => {
         for (let round = 0; round < 5; round++) {
           jest.resetModules();
           const again = require(${JSON.stringify(ENTRY)}).TokenBudgetTracker;
           const tracker = new again(${config});
           await tracker.trackUsage(usage());
           expect((await tracker.getUsageStats('o')).totalUsed % 7).toBe(0);
         }
       });`,
      );
    },
    60_000,
  );
});

test('loaded as CommonJS and as an ES module, the classes are the same', async () => {
  const script = `
    import { createRequire } from 'node:module';
    import * as esm from ${JSON.stringify(join(ROOT, 'dist/index.mjs'))};
    import * as sub from ${JSON.stringify(join(ROOT, 'dist/budget.mjs'))};
    const cjs = createRequire(${JSON.stringify(ENTRY)})(${JSON.stringify(ENTRY)});
    const tracker = new esm.TokenBudgetTracker();
    const error = await tracker.checkBudget('', 1).catch(error => error);
    console.log(JSON.stringify([
      esm.TokenBudgetTracker === cjs.TokenBudgetTracker,
      Object.values(sub).includes(cjs.TokenBudgetTracker),
      tracker instanceof cjs.TokenBudgetTracker,
      error instanceof cjs.TokenBudgetError && error instanceof esm.TokenBudgetError,
    ]));`;
  const child = await start(process.execPath, ['--input-type=module', '-e', script]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe('[true,true,true,true]\n');
});

describe('listeners that fail', () => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])('one that %s breaks no operation on Redis', async (_how, listener) => {
    const tracker = new TokenBudgetTracker({
      defaultBudget: { hourly: 100 },
      redis: { host: HOST, port: server.port, keyPrefix: `listener-${_how}` },
    });
    const names = [
      'usage:tracked',
      'reservation:created',
      'reservation:released',
      'reservation:expired',
      'budget:denied',
      'threshold:50',
      'budget:exceeded',
      'store:connected',
      'override:set',
      'budget:set',
    ] as const;
    for (const name of names) tracker.on(name, listener as () => void);
    const { reservationId = '' } = await tracker.reserveTokens('o', 5);
    await tracker.releaseReservation(reservationId, 5);
    await tracker.trackUsage(used(95));
    expect(await tracker.reserveTokens('o', 5)).toMatchObject({ success: false });
    await tracker.setBudget('o', { hourly: 200 });
    // With somebody who listens for it, the failure is told there.
    const told: unknown[] = [];
    tracker.on('error', error => told.push(error));
    await tracker.trackUsage(used(1));
    await Promise.resolve();
    expect(told).toMatchObject([{ message: 'listener' }]);
    expect((await tracker.getUsageStats('o')).totalUsed).toBe(101);
    await tracker.close();
  });
});
