/** Budgets in money, as `status`, `top`, `statusline`, `override` and `release` show and change them. */
import { join } from 'node:path';
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { type TemporaryFolder, temporaryFolder } from '../support/system';
import { type Result, root, startCommand } from './run';

let folder: TemporaryFolder;
let files = 0;

beforeAll(() => {
  folder = temporaryFolder('money');
});
afterAll(() => folder.remove());

/** What the caller's environment names must not decide tests. */
const NO_ENVIRONMENT = Object.fromEntries(
  Object.keys(process.env)
    .filter(name => name.startsWith('TOKEN_BUDGET_'))
    .map(name => [name, '']),
);

function run(args: readonly string[], storage: string): Promise<Result> {
  const env = { ...NO_ENVIRONMENT };
  return startCommand([...args, '--storage', storage], { stdin: '', env }).result;
}

async function json(args: readonly string[], storage: string) {
  const { code, stdout, stderr } = await run([...args, '--json'], storage);
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

const usd = (amount: string) => ({ amount, currency: 'USD' });

/** `spender` has used 1.40 and holds 0.05 of 1.50 a day, and little of its tokens; `talker` most of its tokens. */
async function makeFile(): Promise<{ storage: string; held: string }> {
  const storage = join(folder.path, `state-${files++}.db`);
  const tracker = new TokenBudgetTracker({ storage });
  await tracker.setBudget('spender', { daily: 1000, dailyCost: usd('1.50') });
  await tracker.setBudget('talker', { daily: 1000 });
  const usage = { sessionId: 's', timestamp: new Date(), model: 'gpt-5', completionTokens: 0 };
  const tokens = (total: number) => ({ promptTokens: total, totalTokens: total });
  await tracker.trackUsage({ ...usage, ...tokens(100), orchestratorId: 'spender', cost: usd('1.40') });
  await tracker.trackUsage({ ...usage, ...tokens(800), orchestratorId: 'talker', cost: usd('0.10') });
  const { reservationId } = await tracker.reserveTokens('spender', 10, 'daily', { cost: usd('0.05') });
  await tracker.close();
  return { storage, held: reservationId as string };
}

/** A tracker on the file, closed again. */
async function within<T>(storage: string, work: (tracker: TokenBudgetTracker) => Promise<T>): Promise<T> {
  const tracker = new TokenBudgetTracker({ storage });
  try {
    return await work(tracker);
  } finally {
    await tracker.close();
  }
}

test('status: --fail-at looks at money too, and both are shown', async () => {
  const { storage } = await makeFile();
  const status = ['status', 'spender', 'talker'];
  expect((await run([...status, '--fail-at', '96'], storage)).code).toBe(3);
  expect((await run([...status, '--fail-at', '97'], storage)).code).toBe(0);
  const { stdout } = await run(status, storage);
  expect(stdout).toMatch(/resets in +cost +cost held +cost limit +cost %\n/);
  expect(stdout).toMatch(/\n +daily +100 +10 +1,000 +890 +11\.0% +\S.* +1\.40 USD +0\.05 +1\.50 +96\.7%\n/);
  // Another process may have a limit of its own: it is not said that there is none.
  expect(stdout).toMatch(/\ntalker +hourly .* +0\.10 USD +0\.00 +unknown +-\n/);
  const { orchestrators } = await json(status, storage);
  expect(orchestrators[0].windows[1]).toMatchObject({
    percentUsed: 11,
    tightest: { by: 'cost', percentUsed: expect.closeTo(96.67, 2) },
    cost: { used: usd('1.40'), reserved: usd('0.05'), limit: usd('1.50'), remaining: usd('0.05') },
  });
  expect(orchestrators[0].reservations).toMatchObject([{ tokens: 10, cost: usd('0.05') }]);
  expect(orchestrators[1].windows[1].tightest).toEqual({ by: 'tokens', percentUsed: 80 });
  expect(orchestrators[1].windows[0].tightest).toBeNull();
});

test('top: who has used most of tokens or money comes first, with the bar of that', async () => {
  const { storage } = await makeFile();
  const { stdout } = await run(['top', '--once', 'talker', 'spender'], storage);
  const lines = stdout.split('\n');
  expect(lines[2]).toMatch(
    /^spender +daily +100 +10 +1k +1\.40 \+ 0\.05 of 1\.50 USD +96\.7% of cost +#{19}\. +1 /,
  );
  expect(lines[3]).toMatch(/^talker +daily +800 +0 +1k +0\.10 USD +80\.0% +#{16}\.{4} +0 /);
});

test('top: of the chosen one the money of every window, and what is held', async () => {
  const { storage } = await makeFile();
  const { renderTop } = require(join(root, 'dist/cli/top/render.js'));
  const snapshot = await json(['status', 'spender'], storage);
  const view = { by: 'tightest', selected: 0, columns: 200, rows: 24, nowMs: Date.now() };
  const text = renderTop(snapshot, view, (line: string) => line).join('\n');
  expect(text).toContain(
    '  cost: hourly 1.40 USD, limit unknown; daily 1.40 + 0.05 of 1.50 USD; monthly 1.40 USD, limit unknown\n',
  );
  expect(text).toMatch(/ held: 10 and 0\.05 USD for \d/);
});

test('statusline: a share for each limit, and what is left of the tightest', async () => {
  const { storage } = await makeFile();
  expect((await run(['statusline', 'spender'], storage)).stdout).toBe(
    'spender: day 11.0%, day cost 96.7% (0.05 USD left), today 1.40 USD\n',
  );
  expect((await run(['statusline', 'talker'], storage)).stdout).toBe(
    'talker: day 80.0% (200 left), today 0.10 USD\n',
  );
});

test('override: more money, which is listed as money', async () => {
  const { storage } = await makeFile();
  const given = ['--period', 'daily', '--reason', 'r', '--for', '1h', '--by', 'ops', '--id', 'mine'];
  const made = await json(['override', 'spender', '--cost', '0.50', ...given], storage);
  expect(made).toMatchObject({ id: 'mine', additionalTokens: 0, additionalCost: usd('0.50') });
  expect((await run(['override', 'spender', '--list'], storage)).stdout).toMatch(
    /^id +period +more .*\nmine +daily +\+0\.50 USD +\S.* +ops +r\n$/,
  );
  expect((await run(['status', 'spender'], storage)).stdout).toMatch(
    /\nspender: \+0\.50 USD daily for (?:1h|59m \d+s) by ops: r\n/,
  );
  const limit = await within(
    storage,
    async tracker => (await tracker.getUsageStats('spender', 'daily')).cost?.limit,
  );
  expect(limit).toEqual(usd('2.00'));
});

test('release: what is held is listed with its money, and ends with what it cost', async () => {
  const { storage, held } = await makeFile();
  const list = ['release', '--list', 'spender'];
  expect(await json(list, storage)).toMatchObject([{ id: held, tokens: 10, cost: usd('0.05') }]);
  const { stdout } = await run(list, storage);
  expect(stdout).toMatch(/^id +tokens +cost +periods +expires in\n\S+ +10 +0\.05 USD +daily +/);
  expect((await run(['release', held, '--used', '7', '--cost', '0.03'], storage)).code).toBe(0);
  const stats = await within(storage, tracker => tracker.getUsageStats('spender', 'daily'));
  expect(stats).toMatchObject({ totalUsed: 107, cost: { used: usd('1.43'), reserved: usd('0.00') } });
});

test('a store that counts in another currency: no rate is needed, and an amount tells the currency', async () => {
  const eur = (amount: string) => ({ amount, currency: 'EUR' });
  const storage = join(folder.path, 'euro.db');
  const NONE = { reserveMicros: () => null, usageMicros: () => null };
  const tracker = new TokenBudgetTracker({ storage, currency: 'EUR', priceSource: NONE });
  await tracker.setBudget('o', { dailyCost: eur('1.50') });
  const { reservationId } = await tracker.reserveTokens('o', 10, 'daily', { cost: eur('0.50') });
  await tracker.close();
  const given = ['--period', 'daily', '--reason', 'r', '--for', '1h'];
  const made = await json(['override', 'o', '--cost', '1.00EUR', ...given], storage);
  expect(made.additionalCost).toEqual(eur('1.00'));
  const list = await json(['release', '--list', 'o', '--currency', 'EUR'], storage);
  expect(list).toMatchObject([{ id: reservationId, cost: eur('0.50') }]);
  await json(['release', reservationId as string, '--used', '7', '--cost', '0.03EUR'], storage);
  const { orchestrators } = await json(['status', 'o', '--currency', 'eur'], storage);
  expect(orchestrators[0].windows[1].cost).toMatchObject({ used: eur('0.03'), limit: eur('2.50') });
  for (const command of [
    ['top', 'o', '--once'],
    ['statusline', 'o', '--strict'],
  ]) {
    const { code, stdout } = await run([...command, '--currency', 'EUR'], storage);
    expect([command[0], code, stdout.includes('EUR')]).toEqual([command[0], 0, true]);
  }
});

describe('--budget and --currency', () => {
  const limitOf = async (storage: string, ...args: string[]) => {
    const { orchestrators } = await json(['status', 'somebody', ...args], storage);
    return orchestrators[0].windows.map(
      (window: { limitTokens: number | null; cost: { limit: object } | null }) => [
        window.limitTokens,
        window.cost?.limit ?? null,
      ],
    );
  };

  test('tokens and money in one list, the currency once, or beside it', async () => {
    const { storage } = await makeFile();
    const nothing = [null, null];
    const eur = (amount: string) => ({ amount, currency: 'EUR' });
    expect(await limitOf(storage, '--budget', 'hourly=1k, dailyCost=25.00')).toEqual([
      ...[[1000, null], [null, usd('25.00')], nothing],
    ]);
    expect(await limitOf(storage, '--budget', 'dailyCost=2.5EUR,monthlyCost=30')).toEqual([
      ...[nothing, [null, eur('2.50')], [null, eur('30.00')]],
    ]);
    expect(await limitOf(storage, '--budget', 'hourlyCost=1', '--currency', 'eur')).toEqual([
      ...[[null, eur('1.00')], nothing, nothing],
    ]);
  });

  test.each([
    [['status', 'a', '--budget', 'dailyCost=much'], '--budget: expected an amount of money'],
    [['status', 'a', '--budget', 'dailyCost=-1'], '--budget: expected an amount of money'],
    [['status', 'a', '--budget', 'weeklyCost=5'], '--budget: expected a list'],
    [['status', 'a', '--budget', 'dailyCost=1EUR', '--currency', 'USD'], 'no rate is known of "EUR"'],
    [['status', 'a', '--currency', 'money'], 'currency'],
    [['override', 'a', '--cost', '1', '--tokens', '1'], '--tokens and --cost exclude each other'],
    [['override', 'a', '--cost', '0'], '--cost: expected an amount above 0'],
    [['override', 'a', '--cost', '5k'], '--cost: expected an amount of money'],
    [['release', '--list', 'a', '--cost', '1'], '--list ends nothing'],
    [['release', 'id', '--cost', 'some'], '--cost: expected an amount of money'],
  ])('%j is refused', async (args, message) => {
    const { storage } = await makeFile();
    const { code, stdout, stderr } = await run(args, storage);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});
