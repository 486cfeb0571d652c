/** `token-budget report` over a stand-in of the ledger. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageReporter } from '@wundr.io/token-budget/budget';
import type { Report, Reporter, ReportQuery } from '../../facade/cli/report/reporter';
import { usage } from '../reports/helpers';
import { temporaryFolder } from '../support/system';
import { root, startCommand } from './run';

const { run } = require(
  join(root, 'dist/cli/report/command.js'),
) as typeof import('../../facade/cli/report/command');

const HOUR_MS = 3_600_000;

interface StandIn extends Reporter {
  asked: ReportQuery[];
  exported: object[];
  closed: number;
  path: string;
}

function standIn(report: Partial<Report> = {}, pieces: readonly string[] = []): StandIn {
  return {
    ...{ asked: [], exported: [], closed: 0, path: '' },
    async getReport(query) {
      this.asked.push(query);
      return {
        summary: {
          ...{ totalInputTokens: 4000, totalOutputTokens: 1000, totalTokens: 5000, totalRecords: 12 },
          ...{ uniqueOrchestrators: 2, uniqueSessions: 3 },
        },
        breakdown: [
          {
            key: 'gpt-5',
            type: 'model',
            inputTokens: 1000,
            outputTokens: 0,
            totalTokens: 1000,
            percentage: 20,
            recordCount: 2,
          },
          {
            ...{
              key: 'evil\u001b[2J',
              type: 'model',
              inputTokens: 3000,
              outputTokens: 1000,
              totalTokens: 4000,
            },
            ...{ percentage: 80, recordCount: 10, cost: 1.239 },
          },
        ],
        timeSeries: [
          {
            ...{
              start: new Date('2026-01-31T00:00:00Z'),
              end: new Date('2026-02-01T00:00:00Z'),
              cost: { amount: '1.50' },
            },
            ...{ inputTokens: 4000, outputTokens: 1000, totalTokens: 5000, records: 12 },
          },
        ],
        costEstimate: { totalCost: 1.5, currency: 'EUR' },
        ...report,
      };
    },
    async *exportRecords(query) {
      this.exported.push(query);
      yield* pieces;
    },
    async close() {
      this.closed += 1;
    },
  };
}

/** What it writes, and what it answers. */
async function tell(reporter: StandIn, ...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation(((
    chunk: string,
    done?: () => void,
  ) => {
    text += chunk;
    done?.();
    return true;
  }) as never);
  try {
    const code = await run(['--ledger', 'a.db', ...args], path => {
      reporter.path = path;
      return reporter;
    });
    return { code, text };
  } finally {
    write.mockRestore();
  }
}

test('the last seven days by model and day, when nothing else is said', async () => {
  const reporter = standIn();
  const { code, text } = await tell(reporter);
  expect([code, reporter.closed, reporter.path]).toEqual([0, 1, 'a.db']);
  const [query] = reporter.asked;
  expect(query).toMatchObject({ granularity: 'daily', groupBy: ['model'], includeAnomalies: false });
  expect(Number(query?.endTime) - Number(query?.startTime)).toBe(7 * 24 * HOUR_MS - 1);
  expect(text).toMatch(/^usage from \S+Z to \S+Z\n/);
  expect(text).toMatch(/\n {2}tokens +5,000\n/);
  expect(text).toMatch(/\n {2}cost +1\.50 EUR\n/);
  expect(text).toMatch(
    /\nmodel +input +output +tokens +share +records +cost EUR\nevil\\u001b\[2J +3,000 +1,000 +4,000 +80\.0% +10 +1\.24\ngpt-5 +1,000 .* 20\.0% +2 +-\n/,
  );
  expect(text).toMatch(/\ndaily +input .*\n2026-01-31 +4,000 +1,000 +5,000 +12 +1\.50\n$/);
});

test('what is asked for is handed on', async () => {
  const reporter = standIn({
    anomalies: [
      { timestamp: new Date(0), severity: 'high', orchestratorId: 'a', description: 'three times as much' },
    ],
  });
  const { text } = await tell(
    reporter,
    ...['--from', '2026-01-01', '--to', '2026-01-31T12:00', '--by', 'model,tool', '--by', 'session'],
    ...['--granularity', 'hourly', '--orchestrator', 'a', '--session', 's', '--anomalies'],
  );
  expect(reporter.asked).toEqual([
    {
      ...{ startTime: new Date('2026-01-01T00:00:00Z'), endTime: new Date('2026-01-31T11:59:59.999Z') },
      ...{ granularity: 'hourly', groupBy: ['model', 'tool', 'session'], includeAnomalies: true },
      ...{ orchestratorId: 'a', sessionId: 's' },
    },
  ]);
  expect(text).toMatch(/^usage from 2026-01-01T00:00:00.000Z to 2026-01-31T12:00:00.000Z\n/);
  expect(text).toContain('\n  1970-01-01T00:00:00.000Z high a: three times as much\n');
});

test('--json is the report, --csv and --ndjson are the records, piece by piece', async () => {
  const json = await tell(standIn(), '--json');
  expect(JSON.parse(json.text)).toMatchObject({
    summary: { totalTokens: 5000 },
    timeSeries: [{ records: 12 }],
  });
  for (const format of ['csv', 'ndjson']) {
    const reporter = standIn({}, ['a,b\r\n', '1,2\r\n']);
    const { text } = await tell(
      reporter,
      `--${format}`,
      '--from',
      '2026-01-01',
      '--to',
      '2026-01-02',
      '--orchestrator',
      'x',
    );
    expect(text).toBe('a,b\r\n1,2\r\n');
    expect(reporter.exported).toEqual([
      {
        ...{ format, startTime: new Date('2026-01-01'), endTime: new Date('2026-01-01T23:59:59.999Z') },
        orchestratorId: 'x',
      },
    ]);
    expect([reporter.asked, reporter.closed]).toEqual([[], 1]);
  }
});

test('a ledger that fails is closed all the same', async () => {
  const reporter = standIn();
  reporter.getReport = () => Promise.reject(new Error('broken'));
  await expect(tell(reporter)).rejects.toThrow('broken');
  expect(reporter.closed).toBe(1);
});

test.each([
  [['--from', 'yesterday'], '--from: expected an instant'],
  [['--from', '2026-02-30T99:00'], '--from: expected an instant'],
  [['--from', '2026-02-30'], '--from: expected an instant'],
  [['--to', '2025-02-29T12:00Z'], '--to: expected an instant'],
  [['--from', '2026-01-01', '--to', '2026-01-01'], '--from: expected an instant before --to'],
  [['--from', '1d', '--to', '2d'], '--from: expected an instant before --to'],
  [['--by', 'colour'], '--by: expected orchestrator, session, model, tool'],
  [['--granularity', 'yearly'], '--granularity: expected'],
  [['--csv', '--json'], 'exclude each other'],
  [['word'], 'expected options only'],
])('%j is refused before anything is opened', async (args, message) => {
  const reporter = standIn();
  await expect(tell(reporter, ...args)).rejects.toThrow(message);
  expect(reporter.path).toBe('');
});

test('without a ledger, and with one that is not there', async () => {
  const none = await startCommand(['report'], { stdin: '', env: { TOKEN_BUDGET_LEDGER: '' } }).result;
  expect([none.code, none.stdout]).toEqual([2, '']);
  expect(none.stderr).toContain('--ledger is needed');
  const missing = await startCommand(['report'], { stdin: '', env: { TOKEN_BUDGET_LEDGER: '/nowhere/a.db' } })
    .result;
  expect([missing.code, missing.stderr]).toEqual([
    1,
    'token-budget: --ledger: there is no file "/nowhere/a.db"\n',
  ]);
});

test('--anomalies has its section, whatever was found', async () => {
  const section = async (report: Partial<Report>) => {
    const { text } = await tell(standIn(report), '--anomalies');
    return text.slice(text.indexOf('\n\nanomalies\n') + 2);
  };
  expect(await section({})).toBe('anomalies\n  not looked for: detection is off\n');
  const search = {
    startTime: new Date(0),
    endTime: new Date(1),
    orchestrators: 3,
    notLookedAt: 0,
    leftOut: 0,
  };
  expect(await section({ anomalies: [], anomalySearch: search })).toBe('anomalies\n  none\n');
  expect(await section({ anomalies: [], anomalySearch: { ...search, notLookedAt: 1200 } })).toBe(
    'anomalies\n  none\n  not looked at: 1,200 orchestrators that have used less\n',
  );
  const anomaly = { timestamp: new Date(0), severity: 'high', orchestratorId: 'a', description: 'more' };
  const many = await section({ anomalies: Array(53).fill(anomaly), anomalySearch: search });
  expect(many.split('\n').slice(0, 2)).toEqual(['anomalies', '  3 earlier ones']);
  expect(await tell(standIn({ anomalies: [] }))).toMatchObject({
    text: expect.not.stringContaining('anomalies'),
  });
});

test('costs that are guessed are marked', async () => {
  const estimate = {
    ...{ totalCost: 3.5, currency: 'USD' },
    breakdown: [
      { modelId: 'gpt-5', totalCost: 1.25, isEstimate: true },
      { modelId: 'gpt-4o', totalCost: 2.25 },
    ],
  };
  const row = {
    type: 'model',
    inputTokens: 1,
    outputTokens: 0,
    totalTokens: 1,
    percentage: 50,
    recordCount: 1,
  } as const;
  const breakdown = [
    { ...row, key: 'gpt-5', cost: 1.25 },
    { ...row, key: 'gpt-4o', cost: 2.25 },
  ];
  const { text } = await tell(standIn({ costEstimate: estimate, breakdown }));
  expect(text).toMatch(/cost +3\.50 USD\n +~ guessed of it +1\.25 USD\n/);
  expect(text).toMatch(/^gpt-5 .* ~1\.25$/m);
  expect(text).toMatch(/^gpt-4o .* 2\.25$/m);
});

test('a real ledger: --to is not included, anomalies are looked for, and a damaged one is a failure', async () => {
  const folder = temporaryFolder('report');
  const path = join(folder.path, 'usage.db');
  const reporter = new UsageReporter({}, path);
  const at = (iso: string, inputTokens = 1000) =>
    reporter.recordUsage(usage({ timestamp: new Date(iso), inputTokens, outputTokens: 0 }));
  for (let hour = 0; hour < 20; hour += 1) {
    await at(`2026-03-02T${String(hour).padStart(2, '0')}:00:00Z`, hour === 9 ? 90_000 : 1000 + hour);
  }
  await at('2026-03-03T00:00:00Z');
  await reporter.close();
  const args = ['report', '--ledger', path, '--from', '2026-03-02', '--to', '2026-03-03'];
  const report = await startCommand([...args, '--json'], { stdin: '' }).result;
  expect(JSON.parse(report.stdout).summary.totalRecords).toBe(20);
  const table = await startCommand([...args, '--anomalies'], { stdin: '' }).result;
  expect(table.stdout).toMatch(
    /\n\nanomalies\n {2}2026-03-02T09:00:00\.000Z \w+ orchestrator-1: Token usage spike .*\n$/,
  );
  writeFileSync(path, 'this is no database, and it is long enough to be looked at as if it were one');
  const damaged = await startCommand(args, { stdin: '' }).result;
  expect([damaged.code, damaged.stdout]).toEqual([1, '']);
  expect(damaged.stderr).toMatch(/^token-budget: --ledger: .* is not a ledger\n$/);
  await folder.remove();
});
