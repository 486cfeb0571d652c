/** `token-budget replay --redis`. */
import { createServer } from 'node:net';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, freePort } from '../support/system';
import { report, run, startCommand, trace } from './run';

let redis: RedisServer;
let url: string;

beforeAll(async () => {
  redis = await startRedis();
  url = `redis://${redis.host}:${redis.port}`;
});

/** Servers of single tests. */
const others: RedisServer[] = [];

afterEach(() => Promise.all(others.splice(0).map(server => server.stop())));
afterAll(() => redis.stop());

async function startOther(options = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  others.push(server);
  return server;
}

const ROW = '2023-11-16 18:00:00,60,40';

test('the sample is counted exactly, and every key is left to expire', async () => {
  const embedded = await report([]);
  const answer = await report(['--redis', url]);
  expect(answer).toMatchObject({
    store: 'redis',
    address: `${redis.host}:${redis.port}`,
    requests: 500,
    admitted: 500,
    denied: 0,
    failed: 0,
    promptTokens: embedded.promptTokens,
    completionTokens: embedded.completionTokens,
    selfCheck: { agrees: true, differences: [] },
    operations: 1000,
    failure: null,
  });
  expect(answer.keyPrefix).toMatch(/^token-budget-replay:[0-9a-f]{8}$/);
  expect(answer.windows.map((window: { period: string }) => window.period)).toEqual([
    'hourly',
    'daily',
    'monthly',
  ]);
  expect(Math.abs(Date.parse(answer.lastAt) + answer.rebasedByMs - Date.now())).toBeLessThan(60_000);
  // The index of orchestrators that hold something belongs to a prefix and lives as long as it has entries.
  const keys = ((await redis.command('KEYS', `${answer.keyPrefix}:*`)) as string[]).filter(
    key => !key.endsWith(':budget:expiring'),
  );
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) {
    expect([key, Number(await redis.command('PTTL', key)) > 0]).toEqual([key, true]);
  }
});

test('a limit holds with many requests in flight', async () => {
  const csv = trace(...Array.from({ length: 500 }, () => ROW));
  for (const concurrency of ['1', '64', '1000']) {
    const answer = await report(
      ['-', '--redis', url, '--monthly', '10k', '--estimate', 'exact', '--concurrency', concurrency],
      csv,
    );
    expect(answer).toMatchObject({
      admitted: 100,
      denied: 400,
      totalTokens: 10_000,
      deniedTotalTokens: 40_000,
    });
    expect(answer.deniedBy).toEqual({ hourly: 0, daily: 0, monthly: 400 });
    expect(answer.selfCheck.agrees).toBe(true);
  }
});

test('thresholds have the time of the row that crossed them, and the same rebased', async () => {
  const rows = Array.from({ length: 10 }, (_, minute) => `2023-11-16 18:0${minute}:00,60,40`);
  const before = Date.now();
  const { thresholds, rebasedByMs } = await report(
    [
      '-',
      '--redis',
      url,
      '--monthly',
      '1000',
      '--threshold',
      '50%,100%',
      '--estimate',
      'exact',
      '--concurrency',
      '1',
    ],
    trace(...rows),
  );
  expect(thresholds).toHaveLength(2);
  expect(thresholds).toMatchObject([
    {
      threshold: 0.5,
      period: 'monthly',
      traceAt: '2023-11-16T18:04:00.000Z',
      usedTokens: 500,
      limitTokens: 1000,
    },
    {
      threshold: 1,
      period: 'monthly',
      traceAt: '2023-11-16T18:09:00.000Z',
      usedTokens: 1000,
      limitTokens: 1000,
    },
  ]);
  for (const { traceAt, rebasedAt, storeAt } of thresholds) {
    expect(Date.parse(rebasedAt) - Date.parse(traceAt)).toBe(rebasedByMs);
    expect(Date.parse(storeAt)).toBeGreaterThan(before - 1000);
  }
});

test('a prefix is shared by those who name it, and the table says so', async () => {
  const args = [
    'replay',
    '-',
    '--redis',
    url,
    '--prefix',
    'shared',
    '--monthly',
    '150',
    '--estimate',
    'exact',
  ];
  const first = await run(args, trace(ROW));
  expect(first.stdout).not.toContain('held tokens before');
  const second = await run(args, trace(ROW, '2023-11-16 18:00:01,30,20'));
  expect(second.code).toBe(0);
  expect(second.stdout).toMatch(/\n {2}denied +1\n/);
  expect(second.stdout).toMatch(/\n {2}monthly \d{4}-\d\d +90 +60 +150 +100\.0%\n/);
  expect(second.stdout).toContain('held tokens before the replay');
  expect(second.stdout).toContain('the tracker counted exactly what was settled');
  expect(second.stdout).toContain('shared:* (left to expire)');
});

test('a server that is not there is a failure in one line, without the password', async () => {
  const port = await freePort();
  const { code, stdout, stderr } = await run(['replay', '--redis', `redis://user:secret@127.0.0.1:${port}`]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(new RegExp(`^token-budget: cannot reach Redis at 127.0.0.1:${port}: .*\n$`));
  expect(stderr).not.toContain('secret');
});

test('a server that goes away stops the replay with the figures so far', async () => {
  const own = await startOther();
  const { child, result } = startCommand([
    'replay',
    '-',
    '--json',
    '--redis',
    `redis://${own.host}:${own.port}`,
  ]);
  child.stdin?.write(trace(ROW, 'nonsense'));
  // The row is counted once its tokens are on the server.
  await eventually('the first row is counted', async () => {
    const counters = (await own.command('KEYS', '*:hourly:usage')) as string[];
    return counters[0];
  });
  await own.stop();
  child.stdin?.end(`${ROW}\n`);
  const { code, stdout, stderr } = await result;
  expect(code).toBe(1);
  expect(stderr).toContain('token-budget replay: stopped: ');
  const answer = JSON.parse(stdout);
  expect(answer).toMatchObject({ requests: 2, admitted: 1, failed: 1, totalTokens: 100 });
  expect(answer.failure).toEqual(expect.any(String));
  expect(answer.selfCheck.agrees).toBe(false);
});

test('Ctrl-C ends it with the report so far, also while it still connects', async () => {
  const { child, result } = startCommand(['replay', '-', '--json', '--redis', url]);
  child.stdin?.write(trace(ROW, 'nonsense'));
  await new Promise(resolve => child.stderr?.once('data', resolve));
  child.kill('SIGINT');
  const { code, stdout } = await result;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ interrupted: true, requests: 1, selfCheck: { agrees: true } });

  // A server that takes connections and never says a word.
  const silent = createServer(socket => {
    socket.on('error', () => {}).resume();
    early.child.kill('SIGINT');
  });
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const early = startCommand(['replay', '--redis', `redis://127.0.0.1:${port}`]);
  expect(await early.result).toEqual({ code: 130, stdout: '', stderr: '' });
  await new Promise(resolve => silent.close(resolve));
});

const testWithClock = process.platform === 'linux' ? test : test.skip;

testWithClock('windows that begin anew meanwhile are told and not compared', async () => {
  const own = await startOther({ clock: true });
  const { child, result } = startCommand([
    ...['replay', '-', '--json', '--redis', `redis://${own.host}:${own.port}`],
  ]);
  child.stdin?.write(trace(ROW, 'nonsense'));
  await new Promise(resolve => child.stderr?.once('data', resolve));
  await eventually('the first row', async () =>
    ((await own.command('KEYS', '*:monthly:usage')) as string[]).length > 0 ? true : undefined,
  );
  // The same day an hour later would do, but a month later everything has turned, whenever this runs.
  own.clock?.shift(32 * 86_400_000);
  child.stdin?.end(`${ROW}\n`);
  const { code, stdout } = await result;
  expect(code).toBe(0);
  const answer = JSON.parse(stdout);
  expect(answer).toMatchObject({ requests: 2, admitted: 2, totalTokens: 200, selfCheck: { agrees: true } });
  expect(answer.notes).toEqual(
    ['hourly', 'daily', 'monthly'].map(
      period => `a new ${period} window began during the replay; its tokens are those since then`,
    ),
  );
  expect(answer.windows.map((window: { totalTokens: number }) => window.totalTokens)).toEqual([
    100, 100, 100,
  ]);
  await own.stop();
});
