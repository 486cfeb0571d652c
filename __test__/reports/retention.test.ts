/** Old records go by themselves, and what waits to be written has a bound. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UsageReporter } from '@wundr.io/token-budget/budget';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';
import { usage } from './helpers';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-03-02T10:30:00Z');
const always = { startTime: new Date(0), endTime: new Date('2100-01-01T00:00:00Z') };

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('retention');
});
afterEach(() => jest.useRealTimers());
afterAll(() => folder.remove());

/** Time is set by the test; waiting for files goes on by itself. */
function fakeTime(): void {
  jest.useFakeTimers({
    now: NOW_MS,
    doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'],
  });
}

async function idsOf(reporter: UsageReporter): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of reporter.listRecords(always)) ids.push(id);
  return ids;
}

async function hasOnly(reporter: UsageReporter, ids: string[]): Promise<void> {
  const until = performance.now() + 10_000;
  let found = await idsOf(reporter);
  while (found.join() !== ids.join() && performance.now() < until) {
    await new Promise(resolve => setImmediate(resolve));
    found = await idsOf(reporter);
  }
  expect(found).toEqual(ids);
  const { summary } = await reporter.getReport({ ...always, granularity: 'monthly' });
  expect(summary.totalRecords).toBe(ids.length);
}

const aged = (id: string, days: number, ms = 0) =>
  usage({ id, timestamp: new Date(NOW_MS - days * DAY_MS - ms) });

test('a minute after the first usage, and every six hours, old records go, and only those', async () => {
  fakeTime();
  const path = join(folder.path, 'old.db');
  const before = new UsageReporter({ retentionDays: 365 }, path);
  const records = [aged('b', 91), aged('c', 90, 1), aged('d', 90, -60_000), aged('e', 1), aged('f', 0)];
  for (const record of [aged('a', 200), ...records]) await before.recordUsage(record);
  await before.close();

  const reporter = new UsageReporter({ retentionDays: 90 }, path);
  await hasOnly(reporter, ['a', 'b', 'c', 'd', 'e', 'f']);
  // Who only reads deletes nothing.
  await jest.advanceTimersByTimeAsync(7 * 3_600_000);
  await hasOnly(reporter, ['a', 'b', 'c', 'd', 'e', 'f']);
  jest.setSystemTime(NOW_MS);
  await reporter.recordUsage(aged('g', 0));
  await jest.advanceTimersByTimeAsync(59_999);
  await hasOnly(reporter, ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  await jest.advanceTimersByTimeAsync(1);
  // At this instant `d` is 90 days old, and no more.
  await hasOnly(reporter, ['d', 'e', 'f', 'g']);

  await reporter.recordUsage(aged('late', 91));
  await jest.advanceTimersByTimeAsync(6 * 3_600_000 - 1);
  await hasOnly(reporter, ['late', 'd', 'e', 'f', 'g']);
  await jest.advanceTimersByTimeAsync(1);
  await hasOnly(reporter, ['e', 'f', 'g']);
  await reporter.close();
  await jest.advanceTimersByTimeAsync(7 * 3_600_000);
  const after = new UsageReporter({}, path);
  await hasOnly(after, ['e', 'f', 'g']);
  await after.close();
});

test('100,000 records wait; one more is refused at once, and all that wait are written', async () => {
  const reporter = new UsageReporter({}, join(folder.path, 'many.db'));
  const waiting = Array.from({ length: 100_000 }, (_, index) =>
    reporter.recordUsage(usage({ id: `w${index}` })),
  );
  const beyond = usage({ id: 'beyond' });
  await expect(reporter.recordUsage(beyond)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: '100000 records wait to be written already',
  });
  await Promise.all(waiting);
  await reporter.recordUsage(beyond);
  const { summary } = await reporter.getReport({ ...always, granularity: 'monthly' });
  expect(summary).toMatchObject({ totalRecords: 100_001, totalTokens: 100_001 * 1200 });
  await reporter.close();
}, 60_000);

test('a ledger that could not be opened is opened when what was in the way is gone', async () => {
  const later = join(folder.path, 'later');
  const reporter = new UsageReporter({}, join(later, 'usage.db'));
  await expect(reporter.recordUsage(usage())).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  mkdirSync(later);
  await eventually('it is open', async () => {
    await reporter.recordUsage(usage({ id: 'once' }));
    return true;
  });
  expect(await idsOf(reporter)).toEqual(['once']);
  await reporter.close();
});
