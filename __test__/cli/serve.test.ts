/** `token-budget serve` as a process. */
import { join } from 'node:path';
import { TokenBudgetTracker, UsageReporter } from '@wundr.io/token-budget/budget';
import { usage } from '../reports/helpers';
import { ask } from '../serve/helpers';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, freePort, temporaryFolder } from '../support/system';
import { type Command, startCommand } from './run';

let redis: RedisServer;
let url: string;
const running: Command[] = [];

beforeAll(async () => {
  redis = await startRedis();
  url = `redis://${redis.host}:${redis.port}`;
});
afterEach(async () => {
  for (const { child, result } of running.splice(0)) {
    child.kill('SIGKILL');
    await result;
  }
});
afterAll(() => redis.stop());

/** Its address, once it has written it. */
async function serve(...args: string[]): Promise<Command & { address: string }> {
  const command = startCommand(['serve', '--redis', url, ...args], {
    stdin: '',
    env: { TOKEN_BUDGET_TOKEN: '' },
  });
  running.push(command);
  let text = '';
  command.child.stdout?.on('data', chunk => {
    text += chunk;
  });
  const address = await eventually('its address', () => /^(http:\S+)\n/.exec(text)?.[1]);
  return { ...command, address };
}

test('shows whoever is on the server, newcomers too, and ends by a signal', async () => {
  const tracker = new TokenBudgetTracker({ redis: { url, keyPrefix: 'served' } });
  const track = (orchestratorId: string) =>
    tracker.trackUsage({
      ...{ orchestratorId, sessionId: 's', timestamp: new Date(), model: 'gpt-5' },
      ...{ promptTokens: 70, completionTokens: 0, totalTokens: 70 },
    });
  await track('first');
  const { address, child, result } = await serve('--prefix', 'served', '--budget', 'hourly=100');
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  const names = async () =>
    JSON.parse((await ask(`${address}api/snapshot`)).text).orchestrators.map(
      (one: { orchestratorId: string }) => one.orchestratorId,
    );
  expect(await names()).toEqual(['first']);
  expect((await ask(`${address}metrics`)).text).toContain(
    'token_budget_used_ratio{orchestrator="first",period="hourly"} 0.7\n',
  );
  expect((await ask(address)).text).toContain('<title>Token budgets</title>');
  await track('second');
  await eventually('the newcomer', async () => ((await names()).length === 2 ? true : undefined));
  await tracker.close();
  child.kill('SIGTERM');
  expect(await result).toEqual({ code: 143, stdout: `${address}\n`, stderr: '' });
});

test('with a ledger it reports what is recorded there, also meanwhile', async () => {
  const folder = temporaryFolder('served-ledger');
  const path = join(folder.path, 'usage.db');
  const reporter = new UsageReporter({}, path);
  const now = () => usage({ timestamp: new Date(Date.now() - 1000) });
  await reporter.recordUsage(now());
  const { address, child, result } = await serve('--ledger', path);
  expect(JSON.parse((await ask(`${address}api/features`)).text)).toMatchObject({ report: true });
  const report = async (days: number) => JSON.parse((await ask(`${address}api/report?days=${days}`)).text);
  const one = await report(1);
  expect(one.summary).toMatchObject({ totalRecords: 1, totalTokens: 1200, uniqueOrchestrators: 1 });
  expect(one.costEstimate.totalCost).toBeGreaterThan(0);
  expect(one.breakdown.map(({ key }: { key: string }) => key)).toEqual(
    expect.arrayContaining(['claude-sonnet-4-5', 'orchestrator-1']),
  );
  await Promise.all([reporter.recordUsage(now()), reporter.recordUsage(now())]);
  expect((await report(2)).summary).toMatchObject({ totalRecords: 3, totalTokens: 3600 });
  child.kill('SIGTERM');
  expect(await result).toEqual({ code: 143, stdout: `${address}\n`, stderr: '' });
  // It only reads: whoever records goes on.
  await reporter.recordUsage(now());
  await reporter.close();
  folder.remove();
});

test('a token, from the environment as well, and other names', async () => {
  const token = 'correct-horse-battery-staple';
  const guarded = await serve('--host', '0.0.0.0', '--token', token);
  const { port } = new URL(guarded.address);
  expect((await ask(`http://127.0.0.1:${port}/`)).status).toBe(401);
  expect(
    (await ask(`http://127.0.0.1:${port}/`, { headers: { authorization: `Bearer ${token}` } })).status,
  ).toBe(200);
  const named = await serve('--allow-host', 'budget.example');
  expect((await ask(named.address, { headers: { host: 'budget.example' } })).status).toBe(200);
  expect((await ask(named.address, { headers: { host: 'other.example' } })).status).toBe(421);
});

test.each([
  [['--host', '0.0.0.0'], 2, '--host: any but a loopback address needs --token'],
  [['--port', '70000'], 2, '--port: expected a whole number'],
  [
    ['--token', 'short-secret'],
    2,
    'token: expected 16 to 1024 printable ASCII characters without spaces, got 12 characters',
  ],
  [['--ledger', '/nowhere/a.db'], 1, '--ledger: there is no file'],
] as const)('%j is refused', async (args, code, message) => {
  const { result } = startCommand(['serve', '--redis', url, ...args], {
    stdin: '',
    env: { TOKEN_BUDGET_TOKEN: '' },
  });
  const answer = await result;
  expect([answer.code, answer.stdout]).toEqual([code, '']);
  expect(answer.stderr).toContain(message);
  expect(answer.stderr).not.toContain('short-secret');
});

test('a port that is taken, and a server that is away, are failures in one line', async () => {
  const { address } = await serve();
  const taken = await startCommand(['serve', '--redis', url, '--port', new URL(address).port], { stdin: '' })
    .result;
  expect(taken.stderr).toMatch(/^token-budget: --port: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)\n$/);
  expect(taken.code).toBe(1);
  const port = await freePort();
  const away = await startCommand(['serve', '--redis', `redis://127.0.0.1:${port}`, '--timeout', '300ms'], {
    stdin: '',
  }).result;
  expect([away.code, away.stdout]).toEqual([1, '']);
});
