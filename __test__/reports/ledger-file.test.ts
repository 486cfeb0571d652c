/** The ledger in a file: restarts, kill -9, sharing, and paths that cannot be used. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageReporter } from '@wundr.io/token-budget/budget';
import { run } from '../cli/run';
import { endWithUs } from '../support/reaper';
import { type TemporaryFolder, temporaryFolder } from '../support/system';
import { usage } from './helpers';

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('ledger');
});
afterAll(() => folder.remove());

const time = { startTime: new Date('2026-03-01T00:00:00Z'), endTime: new Date('2026-03-08T00:00:00Z') };
const always = { startTime: new Date(0), endTime: new Date('2100-01-01T00:00:00Z') };

async function idsOf(reporter: UsageReporter): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of reporter.listRecords(always)) ids.push(id);
  return ids;
}

test('what was recorded is there after a restart, with what it cost then', async () => {
  const path = join(folder.path, 'restart.db');
  const first = new UsageReporter({}, { path });
  const record = usage({ toolName: 'shell', metadata: { task: 'lint' }, toolCallId: 'call-1' });
  await first.recordUsage(record);
  const before = await first.getReport({ ...time, granularity: 'daily', groupBy: ['model', 'tool'] });
  await first.close();
  await first.close();
  await expect(first.recordUsage(record)).rejects.toMatchObject({ code: 'CLOSED' });

  const second = new UsageReporter({}, path);
  await second.recordUsage(record);
  const after = await second.getReport({ ...time, granularity: 'daily', groupBy: ['model', 'tool'] });
  expect(after).toEqual(before);
  expect(after.summary.totalRecords).toBe(1);
  const { value: kept } = await second.listRecords(time).next();
  expect(kept).toMatchObject({ ...record, cost: { currency: 'USD' } });
  await second.close();
});

test('two reporters on one file count each id once', async () => {
  const path = join(folder.path, 'shared.db');
  const both = [new UsageReporter({}, path), new UsageReporter({}, path)];
  const records = Array.from({ length: 200 }, () => usage());
  await Promise.all(both.flatMap(reporter => records.map(record => reporter.recordUsage(record))));
  for (const reporter of both) {
    const { summary } = await reporter.getReport({ ...time, granularity: 'hourly' });
    expect(summary).toMatchObject({ totalRecords: 200, totalTokens: 200 * 1200 });
  }
  await Promise.all(both.map(reporter => reporter.close()));
});

test('kill -9 while it records: nothing acknowledged is lost, nothing is there twice', async () => {
  const path = join(folder.path, 'killed.db');
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    acknowledged.push(...(await recordUntilKilled(path, `round-${round}`, 150)));
    const reporter = new UsageReporter({}, path);
    const ids = await idsOf(reporter);
    const known = new Set(ids);
    expect(known.size).toBe(ids.length);
    expect(acknowledged.filter(id => !known.has(id))).toEqual([]);
    const { summary } = await reporter.getReport({ ...always, granularity: 'monthly' });
    expect(summary).toMatchObject({ totalRecords: ids.length, totalTokens: 15 * ids.length });
    await reporter.close();
  }
});

/** What it had acknowledged when it was killed, as far as it could say so. */
function recordUntilKilled(path: string, name: string, count: number): Promise<string[]> {
  const worker = join(__dirname, '../workers/reporter.cjs');
  const child: ChildProcess = spawn(process.execPath, [worker, path, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithUs(child);
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', text => {
    said += text;
    if (said.split('\n').length > count) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('close', (_code, signal) => {
      // The last line may be cut off.
      if (signal === 'SIGKILL') resolve(said.split('\n').slice(0, -1));
      else reject(new Error('the process ended by itself'));
    });
  });
}

const REFUSED: Record<string, (path: string) => string> = {
  'a folder': path => {
    mkdirSync(path);
    return path;
  },
  'in a folder that does not exist': path => join(path, 'usage.db'),
  'missing beside its log': path => {
    writeFileSync(`${path}-wal`, 'what was recorded');
    return path;
  },
  'empty beside its log': path => {
    writeFileSync(path, '');
    writeFileSync(`${path}-wal`, 'what was recorded');
    return path;
  },
  'no database': path => {
    writeFileSync(path, 'Dear diary, '.repeat(1000));
    return path;
  },
};

test.each(Object.keys(REFUSED))('a path that cannot be used, %s: every call says why', async name => {
  const path = REFUSED[name]?.(join(folder.path, name.replaceAll(' ', '-'))) ?? '';
  const reporter = new UsageReporter({}, path);
  const refused = {
    code: expect.stringMatching(/STORE_UNAVAILABLE|INVALID_CONFIG/),
    message: expect.stringContaining(path),
  };
  await expect(reporter.recordUsage(usage())).rejects.toMatchObject(refused);
  await expect(reporter.getReport({ ...time, granularity: 'daily' })).rejects.toMatchObject(refused);
  await reporter.close();
});

test('`token-budget report` reads it', async () => {
  const path = join(folder.path, 'command.db');
  const reporter = new UsageReporter({}, path);
  await reporter.recordUsage(usage());
  await reporter.recordUsage(
    usage({ orchestratorId: 'orchestrator-2', modelId: 'gpt-4o', provider: 'openai' }),
  );
  await reporter.close();
  const asked = ['report', '--ledger', path, '--from', '2026-03-01', '--to', '2026-03-08', '--by', 'model'];
  const table = await run(asked);
  expect(table.stdout).toMatch(/claude-sonnet-4-5/);
  expect(table.stdout).toMatch(/gpt-4o/);
  const json = JSON.parse((await run([...asked, '--json'])).stdout);
  expect(json.summary).toMatchObject({ totalRecords: 2, totalTokens: 2400 });
});
