/** Worker threads: they share what they name, and come and go without harm. */
import { join, resolve } from 'node:path';
import { withinOneHour } from '../support/fleet';
import { type RedisServer, startRedis } from '../support/redis';
import { start, type TemporaryFolder, temporaryFolder } from '../support/system';

const SCRIPT = resolve(__dirname, '../workers/threads.cjs');

let server: RedisServer;
let folder: TemporaryFolder;
let files = 0;

beforeAll(async () => {
  folder = temporaryFolder('threads');
  await withinOneHour(45_000);
  server = await startRedis();
}, 60_000);
afterAll(async () => {
  await server.stop();
  await folder.remove();
});
beforeEach(() => server.command('FLUSHALL'));

async function run(scenario: string, port: string) {
  const child = await start(process.execPath, [SCRIPT, scenario, port]);
  const code = await child.ended;
  if (code !== 0) throw new Error(`ended with ${code}:\n${child.output()}`);
  return JSON.parse(child.output());
}

describe.each([
  ['memory with a name', () => ''],
  ['disk', () => `disk:${join(folder.path, `state-${files++}.db`)}`],
  ['Redis', () => String(server.port)],
  ['Redis, in the I/O thread', () => `${server.port}/io-thread`],
])('%s', (_where, port) => {
  test('eight workers and the main thread share one budget, and are granted exactly what fits', async () => {
    const answer = await run('share', port());
    // 10,000 tokens in portions of 10; half of what was granted is settled with 4 of 10, and by then
    // others may have taken what came free.
    expect(answer.codes).toEqual(Array(8).fill(0));
    expect(answer.totalUsed).toBe(answer.settled * 4);
    expect(answer.activeReservations).toBe(answer.granted - answer.settled);
    expect(answer.reservedTokens).toBe((answer.granted - answer.settled) * 10);
    expect(answer.granted).toBeGreaterThanOrEqual(1000);
    expect(answer.totalUsed + answer.reservedTokens).toBeLessThanOrEqual(10_000);
  });

  test('workers terminated with calls in flight leave the others working', async () => {
    expect(await run('terminate', port())).toEqual({ totalUsed: 5 });
  });

  test('200 workers come and go, each counted, none closing its tracker', async () => {
    expect(await run('comeAndGo', port())).toEqual({ bad: 0, codes: [0], totalUsed: 200 });
  }, 60_000);
});

test.each(['', '/io-thread'])('a worker whose call is never answered can be terminated%s', async home => {
  server.pause();
  try {
    expect(await run('hang', `${server.port}${home}`)).toEqual({ code: 1 });
  } finally {
    server.resume();
  }
});
