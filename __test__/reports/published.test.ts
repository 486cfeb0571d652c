/**
 * The published reporter, compiled as it was published, and this one read the same records and are asked the same.
 * What differs on purpose is named where it is taken out of the comparison.
 */
import {
  CostCalculator,
  type ReportParams,
  type UsageReport,
  UsageReporter,
} from '@wundr.io/token-budget/budget';
import fc from '../support/properties';
import { hasTraces, memoryStorage, published, realTraffic, type Usage, usage } from './helpers';

const { UsageReporter: PublishedReporter, CostCalculator: PublishedCalculator } = published();
const PUBLISHED_CONFIG = { anomalyDetection: {} };
const GROUPS = ['orchestrator', 'session', 'model', 'tool'] as const;

const closing: { close?(): Promise<void>; shutdown(): void }[] = [];
afterEach(async () => {
  for (const reporter of closing.splice(0)) {
    await reporter.close?.();
    reporter.shutdown();
  }
  jest.useRealTimers();
});

/** Both over one storage, with the published prices. */
function both(records: Usage[], config: object = {}) {
  const storage = memoryStorage(records);
  const theirs = new PublishedReporter(
    { ...PUBLISHED_CONFIG, ...config },
    storage,
    new PublishedCalculator(),
  );
  const ours = new UsageReporter(config, storage, new PublishedCalculator());
  closing.push(theirs, ours);
  return { theirs, ours };
}

/** Sums of floats in another order: equal to twelve digits. */
function close(a: unknown, b: unknown, path = ''): void {
  if (typeof a === 'number' && typeof b === 'number') {
    if (Math.abs(a - b) > 1e-12 * Math.max(1, Math.abs(a), Math.abs(b))) expect([path, a]).toEqual([path, b]);
    return;
  }
  if (a instanceof Date || typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
    expect([path, a]).toEqual([path, b]);
    return;
  }
  const keys = (value: object) =>
    Object.keys(value).filter(key => (value as Record<string, unknown>)[key] !== undefined);
  expect([path, keys(a).sort()]).toEqual([path, keys(b).sort()]);
  for (const key of keys(a)) {
    close((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`);
  }
}

/** What only ours has, and the order of what is equally large. */
function comparable(report: UsageReport) {
  const { timeSeries: _slots, costEstimate, breakdown, ...rest } = report;
  const { unpricedRecords: _unpriced, ...estimate } = costEstimate ?? {};
  return {
    ...rest,
    costEstimate: {
      ...estimate,
      breakdown: [...estimate.breakdown].sort((a, b) => (a.modelId < b.modelId ? -1 : 1)),
    },
    breakdown: breakdown
      .map(({ unpricedRecords: _records, ...row }) => row)
      .sort((a, b) => b.totalTokens - a.totalTokens || (a.type + a.key < b.type + b.key ? -1 : 1)),
  };
}

async function compareReports(records: Usage[], params: ReportParams, config: object = {}) {
  const { theirs, ours } = both(records, config);
  const [published, report] = [await theirs.getReport(params), await ours.getReport(params)];
  close(comparable(report), comparable(published));
  const order = (breakdown: { totalTokens: number }[]) => breakdown.map(row => row.totalTokens);
  expect(order(report.breakdown)).toEqual(order(published.breakdown));
  return report;
}

const whole = { startTime: new Date('2023-11-16T00:00:00Z'), endTime: new Date('2023-11-17T00:00:00Z') };

(hasTraces ? describe : describe.skip)(
  `real traffic${hasTraces ? '' : ' (skipped: no ../shared/data)'}`,
  () => {
    test.each(['conv', 'code'] as const)(
      'summaries, breakdowns and estimates of %s are equal',
      async name => {
        const records = realTraffic(name);
        for (const orchestratorId of [undefined, 'orchestrator-2']) {
          const report = await compareReports(records, {
            ...whole,
            ...(orchestratorId && { orchestratorId }),
            ...{ granularity: 'hourly', groupBy: [...GROUPS] },
          });
          // The slots are the report once more.
          const sum = (of: (slot: (typeof report.timeSeries)[number]) => number) =>
            report.timeSeries.map(of).reduce((a, b) => a + b, 0);
          expect(sum(slot => slot.totalTokens)).toBe(report.summary.totalTokens);
          expect(sum(slot => slot.records)).toBe(report.summary.totalRecords);
          close(
            sum(slot => slot.cost),
            report.costEstimate.totalCost,
          );
        }
        const { theirs, ours } = both(records);
        for (const currency of ['USD', 'EUR', 'GBP'] as const) {
          const params = { ...whole, currency, includeProjection: true, sessionId: 'session-3' };
          const [estimate, { unpricedRecords, ...own }] = [
            await theirs.getCostEstimate(params),
            await ours.getCostEstimate(params),
          ];
          expect(unpricedRecords).toBe(0);
          close(own, estimate);
        }
      },
    );

    test('spikes and budgets at the end of the hour are equal', async () => {
      const records = realTraffic('conv');
      // A day in which an hour of the trace comes again every hour, each a little larger, and one out of all.
      const day = Array.from({ length: 20 }, (_, hour) =>
        records.slice(0, 300 + hour * 5 + (hour === 17 ? 9000 : 0)).map((record, index) => ({
          ...record,
          id: `${hour}-${index}`,
          orchestratorId: 'orchestrator-1',
          sessionId: 'session-1',
          timestamp: new Date(Date.UTC(2026, 4, 5, hour, 5, 0, index)),
        })),
      ).flat();
      jest.useFakeTimers({ now: Date.UTC(2026, 4, 5, 20, 30), doNotFake: ['nextTick', 'queueMicrotask'] });
      const { theirs, ours } = both(day);
      const [published, found] = [
        await theirs.detectAnomalies('orchestrator-1'),
        await ours.detectAnomalies('orchestrator-1'),
      ];
      expect(found).toHaveLength(1);
      close(found, published);
      const used = day.reduce((sum, record) => sum + record.totalTokens, 0);
      for (const period of ['hourly', 'daily', 'monthly'] as const) {
        for (const limit of [used * 2, used * 1.1, used * 1.01, used]) {
          close(
            await ours.getBudgetStatus('orchestrator-1', period, limit),
            await theirs.getBudgetStatus('orchestrator-1', period, limit),
          );
        }
      }
    });
  },
);

const START_MS = Date.UTC(2026, 1, 27);
const records = fc
  .array(
    fc.record({
      orchestratorId: fc.constantFrom('a', 'b', 'c'),
      sessionId: fc.constantFrom('s', 't', ''),
      atMs: fc.integer({ min: START_MS, max: START_MS + 5 * 86_400_000 }),
      modelId: fc.constantFrom('gpt-4', 'claude-3-haiku', 'gemini-pro'),
      toolName: fc.constantFrom('search', 'write', '', undefined),
      inputTokens: fc.nat(100_000),
      outputTokens: fc.nat(10_000),
      more: fc.nat(3),
    }),
    { maxLength: 60 },
  )
  .map(list => {
    // Of equal peaks the published reporter tells the first one recorded, this one the earliest: each is there once.
    const peaks = new Set<number>();
    return list.map(({ atMs, toolName, more, ...fields }) => {
      let totalTokens = fields.inputTokens + fields.outputTokens + more;
      while (peaks.has(totalTokens)) totalTokens += 1;
      peaks.add(totalTokens);
      const tool = toolName !== undefined && { toolName };
      return usage({ ...fields, ...tool, timestamp: new Date(atMs), totalTokens });
    });
  });

test('reports of any records over any time are equal', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.record({
        orchestratorId: fc.constantFrom('a', '', undefined),
        sessionId: fc.constantFrom('t', undefined),
        granularity: fc.constantFrom(
          'hourly' as const,
          'daily' as const,
          'weekly' as const,
          'monthly' as const,
        ),
        groupBy: fc.option(fc.uniqueArray(fc.constantFrom(...GROUPS)), { nil: undefined }),
        from: fc.integer({ min: 0, max: 3 * 86_400_000 }),
        length: fc.integer({ min: 0, max: 4 * 86_400_000 }),
      }),
      async (list, { from, length, orchestratorId, sessionId, groupBy, granularity }) => {
        const startTime = new Date(START_MS + from);
        const params = {
          ...{ startTime, endTime: new Date(START_MS + from + length), granularity },
          ...(orchestratorId !== undefined && { orchestratorId }),
          ...(sessionId !== undefined && { sessionId }),
          ...(groupBy !== undefined && { groupBy }),
        };
        await compareReports(list, params);
      },
    ),
    { numRuns: 100 },
  );
});

test('both ends of a time are in it', async () => {
  const at = (iso: string) => usage({ timestamp: new Date(iso) });
  const list = ['09:59:59.999', '10:00:00.000', '11:00:00.000', '11:00:00.001'].map(time =>
    at(`2026-03-02T${time}Z`),
  );
  const startTime = new Date('2026-03-02T10:00:00Z');
  const endTime = new Date('2026-03-02T11:00:00Z');
  const report = await compareReports(list, { startTime, endTime, granularity: 'hourly' });
  expect(report.summary.totalRecords).toBe(2);
  expect(report.timeSeries.map(slot => slot.records)).toEqual([1, 1]);
});

test('on purpose: an unknown model is told, and its cost left out rather than 0', async () => {
  const list = [usage({ modelId: 'nobody-knows' }), usage({ modelId: 'gpt-4' })];
  const params = { ...whole, granularity: 'daily', groupBy: ['model'] } as const;
  const time = { startTime: new Date('2026-03-01'), endTime: new Date('2026-03-03') };
  const { theirs, ours } = both(list);
  const [published, report] = [
    await theirs.getReport({ ...params, ...time }),
    await ours.getReport({ ...params, ...time, groupBy: ['model'] }),
  ];
  const unknown = { key: 'nobody-knows', recordCount: 1 };
  expect(published.breakdown).toContainEqual(expect.objectContaining({ ...unknown, cost: 0 }));
  const row = report.breakdown.find(({ key }) => key === 'nobody-knows');
  expect(row).toMatchObject({ ...unknown, unpricedRecords: 1 });
  expect(row).not.toHaveProperty('cost');
  expect(report.costEstimate.unpricedRecords).toBe(1);
  close(report.costEstimate.totalCost, published.costEstimate.totalCost);
});

test('on purpose: hours that are all alike have no spikes, and every cost is in the currency of the report', async () => {
  const nowMs = Date.now();
  const list = Array.from({ length: 12 }, (_, hour) =>
    usage({
      timestamp: new Date(Math.floor(nowMs / 3_600_000) * 3_600_000 - hour * 3_600_000),
      modelId: 'gpt-4',
    }),
  );
  const { theirs, ours } = both(list, { defaultCurrency: 'EUR' });
  expect(await theirs.detectAnomalies('orchestrator-1')).toEqual([]);
  expect(await ours.detectAnomalies('orchestrator-1')).toEqual([]);
  const params: ReportParams = {
    ...{ startTime: new Date(nowMs - 86_400_000), endTime: new Date(nowMs), granularity: 'daily' },
    groupBy: ['model'],
  };
  const [published, report] = [await theirs.getReport(params), await ours.getReport(params)];
  expect(report.costEstimate.currency).toBe('EUR');
  close(report.breakdown[0]?.cost, report.costEstimate.totalCost);
  // In dollars, beside an estimate in euros.
  close(published.breakdown[0].cost * 0.92, published.costEstimate.totalCost);
});

describe('with the prices of this package', () => {
  /** Both over one storage, each with its own calculator. */
  function own(records: Usage[], config: object = {}) {
    const storage = memoryStorage(records);
    const theirs = new PublishedReporter({ ...PUBLISHED_CONFIG, ...config }, storage);
    const ours = new UsageReporter(config, storage, new CostCalculator());
    const ledger = new UsageReporter(config, undefined, new CostCalculator());
    closing.push(theirs, ours, ledger);
    return { theirs, ours, ledger };
  }
  const KNOWN = [
    'claude-sonnet-4-5',
    'claude-3-opus',
    'gpt-4',
    'gpt-3.5-turbo',
    'gemini-pro',
    'gemini-ultra',
  ];
  const week = { startTime: new Date('2026-03-01'), endTime: new Date('2026-03-08') };

  test('totals and rows of records over the long-context tier are equal in every currency', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            modelId: fc.constantFrom(...KNOWN),
            inputTokens: fc.oneof(fc.nat(199_999), fc.integer({ min: 199_990, max: 1_000_000 })),
            outputTokens: fc.nat(60_000),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        fc.constantFrom('USD', 'EUR', 'GBP'),
        async (fields, defaultCurrency) => {
          const list = fields.map(one => usage(one));
          const { theirs, ours, ledger } = own(list, { defaultCurrency });
          await Promise.all(list.map(record => ledger.recordUsage(record)));
          const params: ReportParams = { ...week, granularity: 'daily', groupBy: ['model'] };
          const published = await theirs.getReport(params);
          for (const reporter of [ours, ledger]) {
            const report = await reporter.getReport(params);
            close(report.costEstimate.totalCost, published.costEstimate.totalCost);
            for (const { modelId, totalCost } of published.costEstimate.breakdown) {
              const row = report.costEstimate.breakdown.find(one => one.modelId === modelId);
              close([modelId, row?.totalCost], [modelId, totalCost]);
            }
            for (const { key, cost } of published.breakdown) {
              // Theirs are in dollars whatever the currency of the report is.
              const expected = new PublishedCalculator().convertCurrency(cost, 'USD', defaultCurrency);
              close([key, report.breakdown.find(one => one.key === key)?.cost], [key, expected]);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('what is billed is reported when it is asked for, and for records with cached tokens', async () => {
    const record = usage({ inputTokens: 250_000, outputTokens: 1000 });
    const { theirs } = own([record]);
    expect((await theirs.getCostEstimate(week)).totalCost).toBeCloseTo(0.765, 12);
    const cost = async (config: object, fields: object = {}) => {
      const reporter = new UsageReporter(config, memoryStorage([{ ...record, ...fields }]));
      closing.push(reporter);
      return (await reporter.getCostEstimate(week)).totalCost;
    };
    expect(await cost({})).toBe(0.765);
    expect(await cost({ pricing: 'published' })).toBe(0.765);
    expect(await cost({ pricing: 'exact' })).toBe(1.5225);
    expect(await cost({}, { cacheReadTokens: 1 })).toBeGreaterThan(1.5);
  });

  test('costs are added up exactly, and converted once', async () => {
    const list = Array.from({ length: 3000 }, (_, index) =>
      usage({ inputTokens: 1 + index, outputTokens: index % 7, modelId: index % 2 ? 'gpt-4' : 'gemini-pro' }),
    );
    const pico = list.reduce((sum, { modelId, inputTokens, outputTokens }) => {
      const [input, output] = modelId === 'gpt-4' ? [30_000_000n, 60_000_000n] : [500_000n, 1_500_000n];
      return sum + BigInt(inputTokens) * input + BigInt(outputTokens) * output;
    }, 0n);
    for (const [currency, rate] of [
      ['USD', 100n],
      ['GBP', 79n],
      ['EUR', 92n],
    ] as const) {
      const { ours } = own(list, { defaultCurrency: currency });
      const report = await ours.getReport({ ...week, granularity: 'hourly', groupBy: ['orchestrator'] });
      const digits = ((pico * rate) / 100n).toString().padStart(13, '0');
      const exact = Number(`${digits.slice(0, -12)}.${digits.slice(-12)}`);
      expect(report.costEstimate.totalCost).toBe(exact);
      expect(report.breakdown[0]?.cost).toBe(exact);
      expect(report.timeSeries.find(slot => slot.records > 0)?.cost).toBe(exact);
    }
  });
});
