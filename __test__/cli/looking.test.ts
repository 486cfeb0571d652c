/** `status`, `top --once`, `statusline`, `override` and `release`, on Redis and on a file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, freePort, type TemporaryFolder, temporaryFolder } from '../support/system';
import { type Result, root, startCommand, startProgram } from './run';

let redis: RedisServer;
let url: string;
let folder: TemporaryFolder;
let files = 0;
const trackers: TokenBudgetTracker[] = [];

beforeAll(async () => {
  redis = await startRedis({ password: 'secret-of-redis' });
  url = `redis://:secret-of-redis@${redis.host}:${redis.port}`;
  folder = temporaryFolder('looking');
});
afterEach(async () => {
  for (const tracker of trackers.splice(0)) await tracker.close();
});
afterAll(async () => {
  await redis.stop();
  await folder.remove();
});

/** What the caller's environment names must not decide tests. */
const NO_ENVIRONMENT = Object.fromEntries(
  Object.keys(process.env)
    .filter(name => name.startsWith('TOKEN_BUDGET_'))
    .map(name => [name, '']),
);

function run(args: readonly string[], stdin = '', env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return startCommand(args, { stdin, env: { ...NO_ENVIRONMENT, ...env } }).result;
}

async function json(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { code, stdout, stderr } = await run([...args, '--json'], '', env);
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

function open(config: ConstructorParameters<typeof TokenBudgetTracker>[0]): TokenBudgetTracker {
  const tracker = new TokenBudgetTracker(config);
  trackers.push(tracker);
  return tracker;
}

function track(tracker: TokenBudgetTracker, orchestratorId: string, totalTokens: number) {
  return tracker.trackUsage({
    ...{ orchestratorId, sessionId: 's', timestamp: new Date(), model: 'gpt-5' },
    ...{ promptTokens: totalTokens, completionTokens: 0, totalTokens },
  });
}

/** A prefix of its own, with three orchestrators in it. */
async function fill(keyPrefix: string): Promise<TokenBudgetTracker> {
  const tracker = open({ defaultBudget: { hourly: 1000 }, redis: { url, keyPrefix } });
  await track(tracker, 'busy', 950);
  await track(tracker, 'calm', 100);
  await track(tracker, 'odd:{name}\u001b[31m', 10);
  return tracker;
}

/** A file with one orchestrator in it, closed again. */
async function makeFile(): Promise<string> {
  const path = join(folder.path, `state-${files++}.db`);
  const tracker = new TokenBudgetTracker({ storage: path, defaultBudget: { hourly: 1000 } });
  await track(tracker, 'busy', 420);
  await tracker.close();
  return path;
}

describe('status', () => {
  test('of everybody on the server, however many keys lie beside them', async () => {
    await fill('st*[1]');
    // A pattern that was not escaped, or a prefix that was only compared by its beginning, would find these.
    await redis.command('SET', 'stx1:budget:other:hourly:usage', '1');
    await redis.command('SET', 'st*[1]x:budget:other:hourly:usage', '1');
    await redis.command('EVAL', "for i = 1, 5000 do redis.call('SET', 'foreign:' .. i, 1) end", 0);
    const answer = await json([
      'status',
      '--redis',
      url,
      '--prefix',
      'st*[1]',
      '--budget',
      'hourly=1k,daily=0',
    ]);
    expect(answer).toMatchObject({ storeUp: true, failure: null, leftOut: 0, note: null });
    expect(answer.orchestrators.map((one: { orchestratorId: string }) => one.orchestratorId)).toEqual([
      ...['busy', 'calm', 'odd:{name}\u001b[31m'],
    ]);
    expect(answer.orchestrators[0].windows).toMatchObject([
      { period: 'hourly', usedTokens: 950, limitTokens: 1000, percentUsed: 95, remainingTokens: 50 },
      { period: 'daily', usedTokens: 950, limitTokens: 0 },
      { period: 'monthly', usedTokens: 950, limitTokens: null },
    ]);
  });

  test('the table, without anything that could move a terminal', async () => {
    const tracker = await fill('table');
    await tracker.reserveTokens('calm', 250, 'hourly');
    await tracker.setBudgetOverride({
      ...{ orchestratorId: 'calm', period: 'hourly', additionalTokens: 500, reason: 'a\tb', createdBy: 'me' },
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    const { code, stdout, stderr } = await run([
      'status',
      '--redis',
      url,
      '--prefix',
      'table',
      '--budget',
      'hourly=1000',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^orchestrator +period +used +reserved +limit +left +used % +resets in\n/);
    expect(stdout).toMatch(/\nbusy +hourly +950 +0 +1,000 +50 +95\.0% +(?:\d+m ?)?(?:\d+s)?\n/);
    expect(stdout).toMatch(/\ncalm +hourly +100 +250 +1,500 +1,150 +23\.3% /);
    expect(stdout).toMatch(/\n +monthly +950 +0 +- +- +- +\d/);
    expect(stdout).toContain('odd:{name}\\u001b[31m');
    expect(stdout).toMatch(/\ncalm: \+500 hourly for (?:1h|59m \d+s) by me: a\\u0009b\n/);
    expect([...stdout].filter(character => character < ' ' && character !== '\n')).toEqual([]);
  });

  test('--fail-at tells a script', async () => {
    await fill('failing');
    const args = ['status', '--redis', url, '--prefix', 'failing', '--budget', 'hourly=1000', '--fail-at'];
    expect((await run([...args, '95%'])).code).toBe(3);
    expect((await run([...args, '95.1'])).code).toBe(0);
    expect((await run([...args, '90', 'calm'])).code).toBe(0);
  });

  test('the store and the budgets from a configuration, or from the environment', async () => {
    await fill('configured');
    const config = join(folder.path, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({
        ...{ defaultBudget: { hourly: 2000 }, orchestratorBudgets: { calm: { hourly: 400 }, unused: {} } },
        redis: { url, keyPrefix: 'configured' },
      }),
    );
    const limits = ({
      orchestrators,
    }: {
      orchestrators: Array<{ orchestratorId: string; windows: Array<{ limitTokens: number }> }>;
    }) => Object.fromEntries(orchestrators.map(one => [one.orchestratorId, one.windows[0]?.limitTokens]));
    const expected = { busy: 2000, calm: 400, unused: null, 'odd:{name}\u001b[31m': 2000 };
    expect(limits(await json(['status', '--config', config]))).toEqual(expected);
    expect(limits(await json(['status'], { TOKEN_BUDGET_CONFIG: config }))).toEqual(expected);
    const environment = { TOKEN_BUDGET_REDIS: url, TOKEN_BUDGET_PREFIX: 'configured' };
    expect(limits(await json(['status', 'busy'], environment))).toEqual({ busy: null });
    // An option wins.
    expect(
      limits(await json(['status', 'busy', '--config', config, '--budget', 'hourly=7'], environment)),
    ).toEqual({ busy: 7 });
  });

  test('a file: those who are named, or configured', async () => {
    const storage = await makeFile();
    const named = await json(['status', 'busy', '--storage', storage, '--budget', 'hourly=1000']);
    expect(named.orchestrators[0].windows[0]).toMatchObject({ usedTokens: 420, percentUsed: 42 });
    const unnamed = await run(['status', '--storage', storage]);
    expect([unnamed.code, unnamed.stdout]).toEqual([2, '']);
    expect(unnamed.stderr).toContain('name orchestrators, or --config with them');
    const config = join(folder.path, 'file.json');
    writeFileSync(config, JSON.stringify({ storage, orchestratorBudgets: { busy: { hourly: 500 } } }));
    const { orchestrators, note } = await json(['status', '--config', config]);
    expect(orchestrators).toMatchObject([
      { orchestratorId: 'busy', windows: [{ limitTokens: 500 }, {}, {}] },
    ]);
    expect(note).toBe('those of the configuration');
  });

  test('a file that is not there is not made', async () => {
    const storage = join(folder.path, 'nobody-made-me.db');
    const { code, stderr } = await run(['status', 'a', '--storage', storage]);
    expect([code, stderr]).toEqual([
      1,
      `token-budget: --storage: there is no file ${JSON.stringify(storage)}\n`,
    ]);
  });

  test('a file that another process has open, and a server that is away, are failures in one line', async () => {
    const storage = await makeFile();
    const holder = startProgram(process.execPath, [
      '-e',
      `const { TokenBudgetTracker } = require('./dist/index.js');
       const tracker = new TokenBudgetTracker({ storage: ${JSON.stringify(storage)} });
       tracker.ready().then(() => { console.log('open'); process.stdin.resume(); });`,
    ]);
    await new Promise(resolve => holder.child.stdout?.once('data', resolve));
    const busy = await run(['status', 'a', '--storage', storage, '--timeout', '300ms']);
    expect([busy.code, busy.stdout]).toEqual([1, '']);
    expect(busy.stderr).toMatch(/^token-budget: cannot reach the store at .*\n$/);
    // Not even then does a prompt show an error.
    expect(await run(['statusline', 'a', '--storage', storage, '--timeout', '300ms'])).toEqual({
      ...{ code: 0, stdout: '', stderr: '' },
    });
    holder.child.kill('SIGKILL');
    await holder.result;
    const port = await freePort();
    const away = await run(['status', '--redis', `redis://u:secret@127.0.0.1:${port}`, '--timeout', '500ms']);
    expect([away.code, away.stdout]).toEqual([1, '']);
    expect(away.stderr).toMatch(
      new RegExp(`^token-budget: cannot reach the store at 127.0.0.1:${port}: .*\n$`),
    );
    expect(away.stderr).not.toContain('secret');
  });
});

describe('top', () => {
  test('--once: who uses most comes first', async () => {
    await fill('top');
    const args = ['top', '--once', '--redis', url, '--prefix', 'top', '--budget', 'hourly=1000,daily=10k'];
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('token budgets, tightest  3 orchestrators');
    expect(lines[2]).toMatch(/^busy +hourly +950 +0 +1k +95\.0% +#{19}\. +0 /);
    expect(lines[3]).toMatch(/^calm +hourly +100 +0 +1k +10\.0% +##\.{18} /);
    const daily = await run([...args, '--by', 'daily']);
    expect(daily.stdout).toMatch(/\nbusy +daily +950 +0 +10k +9\.5% /);
  });

  test('without a terminal it asks for --once', async () => {
    const { code, stdout, stderr } = await run(['top', '--redis', url]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--once');
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux('on a terminal: it follows, keys choose and sort, and the terminal is given back', async () => {
    const tracker = await fill('live');
    const command = `stty cols 100 rows 24; '${process.execPath}' bin/token-budget.js top --redis '${url}' --prefix live --budget hourly=1000 --every 100ms`;
    const { child, result } = startProgram('script', ['-qec', command, '/dev/null'], {
      env: { ...NO_ENVIRONMENT, TERM: 'xterm', NO_COLOR: '1' },
    });
    let seen = '';
    child.stdout?.on('data', text => {
      seen += text;
    });
    /** Of what was drawn last, and only in that. */
    const until = (what: string, pattern: RegExp) =>
      eventually(what, () => (pattern.test(seen.split('\u001B[H').at(-1) ?? '') ? true : undefined));
    await until('busy is on top', /orchestrator[^\n]*\n[^\n]*busy +hourly +950/);
    await until('and chosen', /\nbusy: hourly 950 of 1k/);
    await track(tracker, 'calm', 1000);
    await until('calm overtakes', /orchestrator[^\n]*\n[^\n]*calm +hourly +1\.1k/);
    child.stdin?.write('\u001B[B');
    await until('the next one is chosen', /\nbusy: hourly/);
    child.stdin?.write('\u001B[C');
    await until('sorted by hours', /token budgets, hourly/);
    child.stdin?.write('\u001B[C');
    await until('sorted by days', /token budgets, daily/);
    child.stdin?.write('q');
    const { code, stdout } = await result;
    expect(code).toBe(0);
    expect(stdout).toContain('\u001B[?1049h');
    expect(stdout.trimEnd().endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
    expect(stdout).not.toContain('\u001B[3');
    for (const line of stdout.replaceAll('\u001B[H', '\n').split(/\r?\n/)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control is what is looked for
      const text = line.replace(/\u001B\[[?\d]*[A-Za-z]|\r/g, '');
      expect([text, text.length < 100]).toEqual([text, true]);
    }
  });

  onLinux('Ctrl-C ends it, and the terminal is given back', async () => {
    await fill('signal');
    const command = `exec '${process.execPath}' bin/token-budget.js top --redis '${url}' --prefix signal`;
    const { child, result } = startProgram('script', ['-qec', command, '/dev/null'], {
      env: { ...NO_ENVIRONMENT, TERM: 'xterm' },
    });
    let seen = '';
    child.stdout?.on('data', text => {
      seen += text;
    });
    await eventually('it has begun', () => (seen.includes('busy') ? true : undefined));
    child.stdin?.write('\u0003');
    const { stdout } = await result;
    expect(stdout.trimEnd().endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
  });
});

describe('statusline', () => {
  test('one line, of the tightest window what is left', async () => {
    const storage = await makeFile();
    const args = ['statusline', '--storage', storage, '--budget', 'hourly=1000,daily=100k'];
    expect(await run([...args, 'busy'])).toEqual({
      ...{ code: 0, stdout: 'busy: hour 42.0% (580 left), day 0.4%\n', stderr: '' },
    });
    expect((await run(['statusline', 'busy', '--storage', storage])).stdout).toBe(
      'busy: hour 420 used, day 420 used\n',
    );
    expect((await run([...args, '--colour', 'busy'], '', { TERM: 'xterm', NO_COLOR: '' })).stdout).toContain(
      '\u001B[32m42.0%',
    );
  });

  test('a session’s hook tells who it is, and what else to show', async () => {
    const storage = await makeFile();
    const args = ['statusline', '--storage', storage, '--budget', 'hourly=1000'];
    const hook = {
      orchestrator_id: 'busy',
      model: { display_name: 'Opus\u001b[2J' },
      cost: { total_cost_usd: 1.239 },
    };
    expect((await run(args, JSON.stringify(hook))).stdout).toBe(
      'Opus\\u001b[2J | busy: hour 42.0% (580 left), session $1.24\n',
    );
    expect((await run(args, JSON.stringify({ orchestratorId: 'busy', model: 'gpt-5' }))).stdout).toMatch(
      /^gpt-5 \| busy: /,
    );
    // The argument wins, and what is no hook is nothing.
    expect((await run([...args, 'other'], JSON.stringify(hook))).stdout).toMatch(/ other: hour 0\.0% /);
    for (const odd of ['{', 'null', '[]', '"x"', '{"model":7,"cost":null}', `"${'x'.repeat(100_000)}"`]) {
      expect((await run([...args, 'busy'], odd)).stdout).toBe('busy: hour 42.0% (580 left)\n');
    }
    expect((await run(args, '', { TOKEN_BUDGET_ORCHESTRATOR: 'busy' })).stdout).toMatch(/^busy: /);
  });

  test('standard input that stays open and says nothing holds nobody up', async () => {
    const storage = await makeFile();
    const { child, result } = startCommand(['statusline', 'busy', '--storage', storage], {
      env: NO_ENVIRONMENT,
    });
    expect(await result).toMatchObject({ code: 0, stdout: 'busy: hour 420 used, day 420 used\n' });
    child.stdin?.destroy();
  });

  test('whatever is wrong: nothing is written, unless it is asked for', async () => {
    const port = await freePort();
    for (const args of [
      ['a', '--redis', `redis://127.0.0.1:${port}`, '--timeout', '300ms'],
      ['a', '--storage', join(folder.path, 'missing.db')],
      ['a'],
      ['a', 'b', '--nonsense'],
      ['--redis', url],
    ]) {
      expect([args, await run(['statusline', ...args])]).toEqual([args, { code: 0, stdout: '', stderr: '' }]);
      const strict = await run(['statusline', '--strict', ...args]);
      expect([args, strict.code === 1 || strict.code === 2, strict.stdout]).toEqual([args, true, '']);
      expect(strict.stderr).toMatch(/^token-budget: \S/);
    }
  });
});

describe('override', () => {
  test('gives more to every process, is listed, and is removed', async () => {
    const tracker = await fill('override');
    const store = ['--redis', url, '--prefix', 'override'];
    const made = await run([
      ...[
        'override',
        'busy',
        '--period',
        'hourly',
        '--tokens',
        '2k',
        '--reason',
        'an incident',
        '--for',
        '1h',
      ],
      ...['--by', 'ops', ...store],
    ]);
    expect([made.code, made.stderr]).toEqual([0, '']);
    const id = made.stdout.trim();
    expect(await tracker.listOverrides('busy')).toMatchObject([
      { id, period: 'hourly', additionalTokens: 2000, reason: 'an incident', createdBy: 'ops' },
    ]);
    const [{ expiresAt }] = await json(['override', 'busy', '--list', ...store]);
    const leftMs = Date.parse(expiresAt) - Date.now();
    expect(leftMs > 3_000_000 && leftMs <= 3_600_000).toBe(true);
    expect((await tracker.getUsageStats('busy')).limit).toBe(3000);
    expect((await run(['override', 'busy', '--list', ...store])).stdout).toMatch(
      new RegExp(`^id .*\n${id} +hourly +\\+2,000 +\\S.* +ops +an incident\n$`),
    );
    expect((await run(['override', 'busy', '--list', '--period', 'daily', ...store])).stdout).toBe(
      'no override\n',
    );
    expect(await json(['override', 'busy', '--remove', id, ...store])).toEqual({ removed: id });
    expect((await tracker.getUsageStats('busy')).limit).toBe(1000);
    const again = await run(['override', 'busy', '--remove', id, ...store]);
    expect([again.code, again.stderr]).toEqual([1, `token-budget: busy has no override "${id}"\n`]);
  });

  test('on a file it is there for the next process', async () => {
    const storage = await makeFile();
    const given = ['--period', 'daily', '--tokens', '5', '--reason', 'r', '--for', '90s', '--id', 'mine'];
    const made = await json(['override', 'busy', ...given, '--storage', storage]);
    expect(made).toMatchObject({
      orchestratorId: 'busy',
      id: 'mine',
      additionalTokens: 5,
      createdBy: expect.any(String),
    });
    expect(await json(['override', 'busy', '--list', '--storage', storage])).toMatchObject([{ id: 'mine' }]);
  });

  test.each([
    [['--tokens', '5', '--reason', 'r', '--for', '1h'], '--period: expected'],
    [['--period', 'weekly', '--tokens', '5', '--reason', 'r', '--for', '1h'], '--period: expected'],
    [['--period', 'daily', '--reason', 'r', '--for', '1h'], '--tokens or --cost is needed'],
    [['--period', 'daily', '--tokens', '-5', '--reason', 'r', '--for', '1h'], '--tokens'],
    [['--period', 'daily', '--tokens', '5', '--for', '1h'], '--reason is needed'],
    [['--period', 'daily', '--tokens', '5', '--reason', 'r'], '--for is needed'],
    [['--period', 'daily', '--tokens', '5', '--reason', 'r', '--for', 'ever'], '--for: expected a duration'],
    [['--period', 'daily', '--tokens', '5', '--reason', 'r', '--for', '0s'], '--for: expected a duration'],
    [['--list', '--remove', 'x'], 'exclude each other'],
    [['second', '--list'], 'expected one orchestrator, got 2'],
    [['--list', '--redis', 'http://h'], '--redis: expected redis://'],
    [['--list', '--storage', 's'], 'exclude each other'],
    [['--list', '--budget', 'weekly=5'], '--budget: expected a list'],
    [['--list', '--budget', 'daily=x'], '--budget: expected a whole number'],
    [['--list', '--time-zone', 'Mars/Base'], 'timeZone'],
    [['--list', '--timeout', 'soon'], '--timeout: expected a duration'],
  ])('%j is refused, and nothing is written', async (args, message) => {
    const { code, stdout, stderr } = await run(
      ['override', 'refused', ...args, '--redis', url].slice(0, args.includes('--redis') ? -2 : undefined),
    );
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toContain('See token-budget override --help');
  });
});

describe('release', () => {
  test('lists what is held, and ends it with or without usage', async () => {
    const tracker = await fill('release');
    const store = ['--redis', url, '--prefix', 'release'];
    const hold = async (tokens: number) =>
      (await tracker.reserveTokens('calm', tokens, 'all')).reservationId as string;
    const [first, second, third] = [await hold(100), await hold(200), await hold(300)];
    const listed = await json(['release', '--list', 'calm', ...store]);
    expect(listed.map(({ tokens }: { tokens: number }) => tokens).sort()).toEqual([100, 200, 300]);
    expect((await run(['release', '--list', 'calm', '--period', 'daily', ...store])).stdout).toContain(first);
    expect(await run(['release', first, ...store])).toMatchObject({ code: 0, stdout: `released ${first}\n` });
    expect(await run(['release', second, '--used', '150', ...store])).toMatchObject({ code: 0 });
    expect(await tracker.getUsageStats('calm')).toMatchObject({ totalUsed: 250, reservedTokens: 300 });
    const { code, stdout, stderr } = await run(['release', second, third, '--json', ...store]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ released: [third], notFound: [second] });
    expect(stderr).toBe(`token-budget: not found: ${second}\n`);
    expect((await run(['release', '--list', 'calm', ...store])).stdout).toBe('nothing is held\n');
  });

  test.each([
    [[], 'name reservations'],
    [['--list', 'a', 'id'], '--list ends nothing'],
    [['--list', 'a', '--used', '5'], '--list ends nothing'],
    [['id', '--period', 'daily'], '--period needs --list'],
    [['id', '--used', 'some'], '--used: expected a whole number'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await run(['release', ...args, '--redis', url]);
    expect([code, stderr.includes(message)]).toEqual([2, true]);
  });
});

test('a configuration that is none is refused, and none of it repeated', async () => {
  const config = join(folder.path, 'broken.json');
  for (const [text, code, message] of [
    ['{ "redis": { "password": "hunter2" ', 2, 'is not JSON'],
    ['[1]', 2, 'is not a JSON object'],
    ['{}', 2, 'name a store'],
    ['{ "redis": { "password": 7 } }', 2, 'redis.password'],
    ['{ "redis": {}, "defaultBudget": { "weekly": 5 } }', 2, 'defaultBudget.weekly'],
  ] as const) {
    writeFileSync(config, text);
    const answer = await run(['status', 'a', '--config', config]);
    expect([text, answer.code, answer.stdout]).toEqual([text, code, '']);
    expect(answer.stderr).toContain(message);
    expect(answer.stderr).not.toContain('hunter2');
  }
  const missing = await run(['status', 'a', '--config', join(folder.path, 'missing.json')]);
  expect([missing.code, missing.stderr.startsWith('token-budget: --config: ENOENT')]).toEqual([1, true]);
  const variable = await run(['status', 'a'], '', { TOKEN_BUDGET_REDIS: 'http://u:hunter2@h' });
  expect([variable.code, variable.stderr.startsWith('token-budget: TOKEN_BUDGET_REDIS: ')]).toEqual([
    2,
    true,
  ]);
  expect(variable.stderr).not.toContain('hunter2');
});

const COMMANDS = ['status', 'top', 'statusline', 'override', 'release', 'report', 'serve'];

test.each(COMMANDS)('%s --help: every option, within 80 columns', async command => {
  const { code, stdout, stderr } = await run([command, '--help']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.startsWith(`Usage: token-budget ${command}`)).toBe(true);
  expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
  const { OPTIONS } = require(join(root, `dist/cli/${command}/command.js`));
  const { TARGET_OPTIONS } = require(join(root, 'dist/cli/target.js'));
  const names = Object.keys(command === 'report' ? OPTIONS : { ...TARGET_OPTIONS, ...OPTIONS });
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter(name => !stdout.includes(`--${name}`))).toEqual([]);
  expect((await run(['--help'])).stdout).toContain(`\n  ${command} `);
});

test('colours on a terminal only, and not with NO_COLOR', async () => {
  const { paintFor } = require(join(root, 'dist/cli/text.js')) as typeof import('../../facade/cli/text');
  expect(paintFor({ isTTY: true }, { TERM: 'xterm' })('x', 'red')).toBe('\u001B[31mx\u001B[0m');
  for (const [stream, env] of [
    [{ isTTY: true }, { NO_COLOR: '1' }],
    [{ isTTY: true }, { TERM: 'dumb' }],
    [{ isTTY: false }, {}],
    [{}, {}],
  ] as const) {
    expect(paintFor(stream, env)('x', 'red')).toBe('x');
  }
});
