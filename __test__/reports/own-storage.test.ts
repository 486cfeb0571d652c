/** A storage of the caller's, and a calculator of the caller's: what they give is checked. */
import {
  CostCalculator,
  type UsageReporter as Reporter,
  UsageReporter,
  type UsageStorage,
} from '@wundr.io/token-budget/budget';
import { usage } from './helpers';

const time = { startTime: new Date('2026-03-01T00:00:00Z'), endTime: new Date('2026-03-08T00:00:00Z') };
const reporters: Reporter[] = [];
afterEach(async () => {
  await Promise.all(reporters.splice(0).map(reporter => reporter.close()));
});

function over(records: unknown): Reporter {
  const storage = {
    saveUsageRecord: async () => {},
    getUsageRecords: async () => records,
    deleteOldRecords: async () => 0,
  };
  const reporter = new UsageReporter({}, storage as UsageStorage);
  reporters.push(reporter);
  return reporter;
}

test('counts as drivers of databases give them are counts', async () => {
  const one = { ...usage(), inputTokens: '3', outputTokens: 7n, totalTokens: '10', cacheReadTokens: null };
  const other = {
    ...usage(),
    timestamp: '2026-03-03T00:00:00Z',
    toolName: null,
    sessionId: null,
    metadata: null,
  };
  const { summary, timeSeries } = await over([one, other]).getReport({ ...time, granularity: 'daily' });
  expect(summary).toMatchObject({ totalInputTokens: 1003, totalOutputTokens: 207, totalTokens: 1210 });
  expect(timeSeries.map(slot => slot.totalTokens)).toEqual([0, 10, 1200, 0, 0, 0, 0, 0]);
});

test('of one id the first record counts, in reports and in exports', async () => {
  const record = usage();
  const reporter = over([record, usage(), { ...record, inputTokens: 7 }]);
  const { summary } = await reporter.getReport({ ...time, granularity: 'daily' });
  expect(summary).toMatchObject({ totalRecords: 2, totalTokens: 2400 });
  const ids: string[] = [];
  for await (const { id } of reporter.listRecords(time)) ids.push(id);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  ['timestamp', new Date(Number.NaN)],
  ['timestamp', 'x'],
  ['timestamp', null],
  ['totalTokens', Number.NaN],
  ['totalTokens', '1e3'],
  ['totalTokens', '9007199254740993'],
  ['inputTokens', '-1'],
  ['inputTokens', null],
  ['outputTokens', 1.5],
  ['modelId', undefined],
  ['id', 7],
  ['metadata', { big: 1n }],
])('a record with %s %p is refused by its path and id', async (name, value) => {
  const reporter = over([usage(), { ...usage(), id: 'the-bad-one', [name]: value }]);
  const refusal = { code: 'INVALID_ARGUMENT', field: `storage.getUsageRecords()[1].${name}` };
  const report = reporter.getReport({ ...time, granularity: 'daily' });
  await expect(report).rejects.toMatchObject(refusal);
  if (name !== 'id') await expect(report).rejects.toThrow('(record "the-bad-one")');
  await expect(reporter.listRecords(time).next()).rejects.toMatchObject(refusal);
});

test.each([[[null]], [[7]], [null], ['records']])('%j instead of records is refused', async records => {
  const report = over(records).getReport({ ...time, granularity: 'daily' });
  await expect(report).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test("what a caller's calculator throws has a code and its cause", async () => {
  const cause = new Error('the price list is gone');
  const throwing = () => {
    throw cause;
  };
  const real = new CostCalculator();
  const calculator = {
    calculateCostEstimate: throwing,
    convertCurrency: throwing,
    costOf: undefined as unknown as CostCalculator['costOf'],
  };
  const reporter = new UsageReporter({}, undefined, calculator);
  reporters.push(reporter);
  await expect(reporter.recordUsage(usage())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', cause });
  calculator.costOf = record => real.costOf(record);
  await reporter.recordUsage(usage());
  const inEuros = reporter.getCostEstimate({ ...time, currency: 'EUR' });
  await expect(inEuros).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'calculator', cause });
  expect((await reporter.getCostEstimate(time)).totalCost).toBe(0.006);
});
