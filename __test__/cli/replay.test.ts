/** `token-budget replay` on the embedded store. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/system';
import { report, root, run, startProgram, trace } from './run';

const SAMPLE = join(root, 'samples/llm-trace-synthetic.csv');

/** The sums of the sample, counted here and not by the command. */
function sampleSums() {
  const rows = readFileSync(SAMPLE, 'utf8').trim().split('\n').slice(1);
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row.split(',')[column]), 0);
  return { requests: rows.length, promptTokens: sum(1), completionTokens: sum(2) };
}

test('without arguments it replays the sample', async () => {
  const { code, stdout, stderr } = await run(['replay']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Trace +the synthetic sample of the package\n/);
  expect(stdout).toMatch(/\nRequests +500\n/);
  expect(stdout).toContain('  hourly 2024-02-01 00:00');
  expect(stdout).toContain('  monthly 2024-02');
  expect(stdout).toContain('the tracker counted exactly what was settled');
  expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
});

test('--json has every documented field', async () => {
  const answer = await report([]);
  const { stdout: help } = await run(['replay', '--help']);
  for (const field of Object.keys(answer)) {
    expect(help).toMatch(new RegExp(`\\b${field}\\b`));
  }
  expect(answer).toMatchObject({
    ...sampleSums(),
    trace: 'the synthetic sample of the package',
    firstAt: '2024-01-31T22:05:27.999Z',
    store: 'embedded',
    address: null,
    keyPrefix: null,
    rebasedByMs: null,
    orchestratorId: 'replay',
    timeZone: 'UTC',
    estimate: 'p90',
    limits: { hourly: null, daily: null, monthly: null },
    admitted: 500,
    denied: 0,
    deniedBy: { hourly: 0, daily: 0, monthly: 0 },
    failed: 0,
    malformedRows: 0,
    malformed: [],
    outOfOrderRows: 0,
    deniedTotalTokens: 0,
    thresholds: [],
    selfCheck: { agrees: true, differences: [] },
    notes: [],
    operations: 1000,
    interrupted: false,
    failure: null,
  });
  expect(answer.totalTokens).toBe(answer.promptTokens + answer.completionTokens);
  expect(answer.operationsPerSecond).toBeGreaterThan(0);
  expect(answer.durationMs).toBeGreaterThan(0);
});

test('windows turn over with the clock of the trace', async () => {
  const csv = trace(
    '2023-12-31 22:59:59.9999999,10,1',
    '2023-12-31 23:00:00.0000000,20,2',
    '2023-12-31 23:59:59.0000000,30,3',
    '2024-01-01 05:00:00.0000000,40,4',
  );
  const { windows } = await report(['-'], csv);
  expect(
    windows.map((w: Record<string, unknown>) => [w.period, w.startsAt, w.endsAt, w.totalTokens]),
  ).toEqual([
    ['hourly', '2023-12-31T22:00:00.000Z', '2023-12-31T23:00:00.000Z', 11],
    ['hourly', '2023-12-31T23:00:00.000Z', '2024-01-01T00:00:00.000Z', 55],
    ['hourly', '2024-01-01T05:00:00.000Z', '2024-01-01T06:00:00.000Z', 44],
    ['daily', '2023-12-31T00:00:00.000Z', '2024-01-01T00:00:00.000Z', 66],
    ['daily', '2024-01-01T00:00:00.000Z', '2024-01-02T00:00:00.000Z', 44],
    ['monthly', '2023-12-01T00:00:00.000Z', '2024-01-01T00:00:00.000Z', 66],
    ['monthly', '2024-01-01T00:00:00.000Z', '2024-02-01T00:00:00.000Z', 44],
  ]);
  const inBerlin = await report(['-', '--time-zone', 'Europe/Berlin'], csv);
  const daily = inBerlin.windows.filter((w: { period: string }) => w.period === 'daily');
  expect(daily.map((w: Record<string, unknown>) => [w.startsAt, w.totalTokens])).toEqual([
    ['2023-12-30T23:00:00.000Z', 11],
    ['2023-12-31T23:00:00.000Z', 99],
  ]);
});

test('a limit denies what does not fit, until the window turns', async () => {
  const csv = trace(
    '2023-11-16 18:00:00,400,100',
    '2023-11-16 18:10:00,400,100',
    '2023-11-16 18:20:00,0,1',
    '2023-11-16 19:00:00,300,200',
  );
  const answer = await report(['-', '--hourly', '1k', '--daily=1_400', '--estimate', 'exact'], csv);
  expect(answer).toMatchObject({
    limits: { hourly: 1000, daily: 1400, monthly: null },
    requests: 4,
    admitted: 2,
    denied: 2,
    deniedBy: { hourly: 1, daily: 1, monthly: 0 },
    promptTokens: 800,
    completionTokens: 200,
    totalTokens: 1000,
    deniedPromptTokens: 300,
    deniedCompletionTokens: 201,
    deniedTotalTokens: 501,
    reservedTokens: 1000,
    overageTokens: 0,
    operations: 6,
    selfCheck: { agrees: true },
  });
  const { stdout } = await run(['replay', '-', '--hourly', '1k', '--estimate', 'exact'], csv);
  expect(stdout).toMatch(/\n {2}denied +1\n {4}by the hourly limit +1\n/);
});

test('thresholds are told with the time of the trace, again in each window', async () => {
  const csv = trace(
    '2023-11-16 18:00:00.1234567,500,0',
    '2023-11-16 18:10:00.0000000,200,100',
    '2023-11-16 19:20:00.0000000,450,50',
  );
  const { thresholds } = await report(
    ['-', '--hourly', '1000', '--threshold', '80%,0.5', '--estimate', 'exact'],
    csv,
  );
  expect(thresholds).toEqual([
    crossing(0.5, '2023-11-16T18:00:00.123Z', 500),
    crossing(0.8, '2023-11-16T18:10:00.000Z', 800),
    crossing(0.5, '2023-11-16T19:20:00.000Z', 500),
  ]);
  function crossing(threshold: number, at: string, usedTokens: number) {
    return {
      threshold,
      period: 'hourly',
      traceAt: at,
      rebasedAt: null,
      storeAt: at,
      usedTokens,
      reservedTokens: 0,
      limitTokens: 1000,
    };
  }
});

test('malformed rows are told with their line, and nothing else is lost', async () => {
  const csv = [
    '\uFEFFGeneratedTokens,"TIMESTAMP",Extra,ContextTokens\r\n',
    '1,2023-11-16 18:00:00.1234567,x,10\r\n',
    '1,not a time,x,10\r\n',
    '\r\n',
    '-1,2023-11-16 18:00:01,x,10\r\n',
    '1.0,2023-11-16 18:00:01,x,10\r\n',
    '1,2023-11-16 18:00:01,x,9007199254740992\r\n',
    '1,2023-11-16 18:00:01,x,9007199254740991\r\n',
    '1,2023-11-16 18:00:01,x\r\n',
    '1,"2023-11-16 18:00:01,x,10\r\n',
    '"2","2023-11-16 18:00:02","a ""quoted"", field","20"\r\n',
    `${'7'.repeat(100_000)}\r\n`,
    '1,2023-11-16 18:00:03,\u001B[31m,\u001B[31m\r\n',
    '3,2023-11-16 18:00:03,x,30',
  ].join('');
  const { code, stdout, stderr } = await run(['replay', '-', '--json'], csv);
  expect(code).toBe(0);
  const answer = JSON.parse(stdout);
  expect(answer).toMatchObject({ requests: 3, promptTokens: 60, completionTokens: 6, malformedRows: 9 });
  expect(answer.malformed.map((row: { line: number }) => row.line)).toEqual([3, 5, 6, 7, 8, 9, 10, 12, 13]);
  const lines = stderr.trim().split('\n');
  expect(lines).toEqual(
    answer.malformed.map((row: { line: number; reason: string }) => `line ${row.line}: ${row.reason}`),
  );
  expect(lines[0]).toBe('line 3: TIMESTAMP: expected such as 2023-11-16 18:15:46.6805900, got "not a time"');
  expect(lines[1]).toBe('line 5: GeneratedTokens: expected a whole number from 0 to 2^53 - 1, got "-1"');
  expect(lines[4]).toBe('line 8: ContextTokens and GeneratedTokens add up to more than 2^53 - 1');
  expect(lines[5]).toBe('line 9: expected 4 fields, got 3');
  expect(lines[6]).toBe('line 10: a quote is not closed or not alone');
  expect(stderr).not.toContain('\u001B');
});

test('--strict fails when rows were malformed, after the whole trace', async () => {
  const csv = trace('nonsense', '2023-11-16 18:00:00,1,2');
  const { code, stdout } = await run(['replay', '-', '--strict', '--json'], csv);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ requests: 1, totalTokens: 3, malformedRows: 1 });
  expect((await run(['replay', '--strict'])).code).toBe(0);
});

test('a row earlier than one before counts at the latest time so far', async () => {
  const csv = trace('2023-11-16 19:00:00,1,0', '2023-11-16 18:59:59,2,0', '2023-11-16 19:00:00,4,0');
  const answer = await report(['-'], csv);
  expect(answer).toMatchObject({ outOfOrderRows: 1, totalTokens: 7, firstAt: '2023-11-16T18:59:59.000Z' });
  expect(answer.windows[0]).toMatchObject({ startsAt: '2023-11-16T19:00:00.000Z', totalTokens: 7 });
});

test('rows of no tokens are requests', async () => {
  expect(await report(['-'], trace('2023-11-16 19:00:00,0,0'))).toMatchObject({
    admitted: 1,
    totalTokens: 0,
  });
});

test('a trace of nothing but its header is an empty report', async () => {
  const { code, stdout } = await run(['replay', '-'], trace());
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nRequests +0\n/);
});

test.each([
  ['', 'the trace is empty'],
  ['a,b,c\n1,2,3\n', 'line 1: the header has no column TIMESTAMP, only "a,b,c"'],
  ['TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n', 'names ContextTokens twice'],
])('no trace: %j', async (csv, message) => {
  const { code, stdout, stderr } = await run(['replay', '-'], csv);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
});

test('files that cannot be read', async () => {
  for (const [path, reason] of [
    ['missing.csv', 'no such file'],
    [root, 'directory'],
  ] as const) {
    const { code, stderr } = await run(['replay', path]);
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(stderr).toContain(reason);
  }
});

test('a trace in a file, also with a name that begins with a dash', async () => {
  const folder = temporaryFolder('trace');
  const path = join(folder.path, '-odd name.csv');
  writeFileSync(path, trace('2023-11-16 19:00:00,5,6'));
  expect(await report([path])).toMatchObject({ trace: path, totalTokens: 11 });
  await folder.remove();
});

test('a reader that goes away is no failure', async () => {
  const { result } = startProgram(
    'sh',
    [
      '-c',
      `${process.execPath} bin/token-budget.js replay --json | head -n 1; ${process.execPath} bin/token-budget.js --help | true`,
    ],
    { stdin: '' },
  );
  expect(await result).toEqual({ code: 0, stdout: '{\n', stderr: '' });
});
