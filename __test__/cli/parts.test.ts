/** The parts of the command that need no addon, each by itself. */
import { join } from 'node:path';
import { root } from './run';

const cli = (path: string) => require(join(root, 'dist/cli', path));
const { readAmount } = cli('amount.js');
const { splitCsv } = cli('replay/csv.js');
const { LineSplitter, LINE_MAX_CHARACTERS } = cli('replay/lines.js');
const { readTimestamp } = cli('replay/timestamp.js');
const { RunningQuantile } = cli('replay/quantile.js');
const { makeEstimator } = cli('replay/estimate.js');
const { renderProgress, ProgressBar } = cli('replay/progress.js');
const { formatCount, alignColumns } = cli('format.js');
const { Gate } = cli('replay/gate.js');

test.each([
  ['5000000', 5_000_000],
  ['5_000_000', 5_000_000],
  ['5M', 5_000_000],
  ['200k', 200_000],
  ['2.5m', 2_500_000],
  ['1G', 1e9],
  ['0', 0],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('an amount %s', (text, tokens) => {
  expect(readAmount(text, '--hourly')).toBe(tokens);
});

test.each(['', '-5', '1.5', '1.2345k', '5MM', '9007199254740992', '1e6', 'NaN', '0x10', '_5'])(
  'no amount %s',
  text => {
    expect(() => readAmount(text, '--hourly')).toThrow(/^--hourly: expected/);
  },
);

test('CSV with quotes', () => {
  expect(splitCsv('a, b ,c')).toEqual(['a', 'b', 'c']);
  expect(splitCsv('"a","b ""c"", d",')).toEqual(['a', 'b "c", d', '']);
  expect(splitCsv('"a"b,c')).toBeNull();
  expect(splitCsv('a,"b')).toBeNull();
  expect(splitCsv('')).toEqual(['']);
});

test('lines are cut the same, however the chunks fall', () => {
  const text = 'a\r\n\nbc\nlast';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const lines: unknown[] = [];
    const splitter = new LineSplitter((line: string | null, number: number) => lines.push([number, line]));
    splitter.push(text.slice(0, cut));
    splitter.push(text.slice(cut));
    splitter.end();
    expect(lines).toEqual([
      [1, 'a'],
      [2, ''],
      [3, 'bc'],
      [4, 'last'],
    ]);
  }
});

test('a line that is too long is skipped as a whole, and only it', () => {
  const lines: unknown[] = [];
  const splitter = new LineSplitter((line: string | null) => lines.push(line));
  for (let i = 0; i < 5; i += 1) {
    splitter.push('x'.repeat(LINE_MAX_CHARACTERS - 1));
  }
  splitter.push('tail\nnext\n');
  splitter.end();
  expect(lines).toEqual([null, 'next']);
});

test.each([
  ['2023-11-16 18:15:46.6805900', '2023-11-16T18:15:46.680Z'],
  ['2023-11-16 18:15:46.9999999', '2023-11-16T18:15:46.999Z'],
  ['2023-11-16T18:15:46', '2023-11-16T18:15:46.000Z'],
  ['2023-11-16T18:15:46.5Z', '2023-11-16T18:15:46.500Z'],
  ['2023-11-16T18:15:46+01:00', '2023-11-16T17:15:46.000Z'],
  ['2024-02-29 00:00:00', '2024-02-29T00:00:00.000Z'],
])('the instant %s', (text, iso) => {
  expect(new Date(readTimestamp(text)).toISOString()).toBe(iso);
});

test.each([
  '',
  '2023-02-29 00:00:00',
  '2023-11-16',
  '2023-11-16 24:00:00',
  '2023-13-01 00:00:00',
  '2023-11-16 18:60:00',
  '1969-12-31 23:59:59',
  '0001-01-01 00:00:00',
  'yesterday',
  '2023-11-16 18:15:46.',
  '2023-11-16 18:15:46+25:00',
])('no instant %s', text => {
  expect(readTimestamp(text)).toBeNull();
});

test('a running quantile is that of the sorted values', () => {
  for (const fraction of [0.01, 0.5, 0.9, 0.999]) {
    const running = new RunningQuantile(fraction);
    const seen: number[] = [];
    let state = 7;
    for (let i = 0; i < 500; i += 1) {
      state = (state * 48_271) % 2_147_483_647;
      const value = state % (i % 7 === 0 ? 70_000 : 50);
      running.add(value);
      seen.push(Math.min(value, 65_535));
      seen.sort((a, b) => a - b);
      expect(running.value).toBe(seen[Math.max(1, Math.ceil(fraction * seen.length)) - 1]);
    }
  }
});

test('estimates look only at what is known before the call', () => {
  const row = { atMs: 0, promptTokens: 1000, completionTokens: 77 };
  expect(makeEstimator('exact').estimate(row)).toBe(1077);
  expect(makeEstimator('prompt+500').estimate(row)).toBe(1500);
  expect(makeEstimator('x1.5').estimate(row)).toBe(1500);
  for (const name of ['mean', 'p90']) {
    const estimator = makeEstimator(name);
    expect(estimator.estimate(row)).toBe(1512);
    for (let i = 0; i < 20; i += 1) {
      estimator.learn(row);
    }
    expect(estimator.estimate({ ...row, completionTokens: 9999 })).toBe(1077);
  }
  for (const text of ['p0', 'p100', 'x0', 'prompt+', 'prompt+1.5', 'max', '']) {
    expect(() => makeEstimator(text)).toThrow('--estimate: expected');
  }
});

test('the progress line never reaches the last column', () => {
  for (let columns = 1; columns <= 120; columns += 1) {
    for (const sizeBytes of [null, 0, 1000]) {
      const view = { requests: 12_345, denied: 678, bytesRead: 500, sizeBytes };
      expect(renderProgress(view, columns, false).length).toBeLessThan(columns);
    }
  }
  expect(renderProgress({ requests: 1000, denied: 0, bytesRead: 500, sizeBytes: 1000 }, 40, false)).toBe(
    '[#########--------]  50% 1,000 requests',
  );
});

test('the progress bar redraws at most ten times a second and cleans up', () => {
  const written: string[] = [];
  const bar = new ProgressBar({ columns: 80, write: (text: string) => written.push(text) }, false);
  const view = () => ({ requests: 1, denied: 0, bytesRead: 1, sizeBytes: 2 });
  for (let i = 0; i < 1000; i += 1) {
    bar.update(view);
  }
  expect(written).toHaveLength(1);
  bar.clear();
  bar.clear();
  expect(written).toHaveLength(2);
  expect(written[1]).toBe('\r\u001B[K');
});

test('figures and columns', () => {
  expect([0, 999, 1000, 22_361_870].map(formatCount)).toEqual(['0', '999', '1,000', '22,361,870']);
  expect(
    alignColumns(
      [
        ['a', '1'],
        ['bcd', '100'],
      ],
      'lr',
    ),
  ).toEqual(['a      1', 'bcd  100']);
});

test('the gate never lets in more than its capacity', async () => {
  const gate = new Gate(3);
  let running = 0;
  let most = 0;
  let done = 0;
  for (let i = 0; i < 20; i += 1) {
    await gate.start(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(resolve => setTimeout(resolve, i % 4));
      running -= 1;
      done += 1;
    });
  }
  await gate.idle();
  expect([most, done]).toEqual([3, 20]);
});
