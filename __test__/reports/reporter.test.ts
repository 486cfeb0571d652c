import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Anomaly,
  CostCalculator,
  PostgresUsageStorage,
  TokenBudgetTracker,
  UsageReporter,
  UsageReporterConfigSchema,
} from '@wundr.io/token-budget/budget';
import { eventually, temporaryFolder } from '../support/system';
import { memoryStorage, published, usage } from './helpers';

const HOUR_MS = 3_600_000;
const reporters: UsageReporter[] = [];
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(reporters.splice(0).map(reporter => reporter.close()));
});

function make(...args: ConstructorParameters<typeof UsageReporter>): UsageReporter {
  const reporter = new UsageReporter(...args);
  reporters.push(reporter);
  return reporter;
}

const time = { startTime: new Date('2026-03-01T00:00:00Z'), endTime: new Date('2026-03-08T00:00:00Z') };

test('without anything it records once by id, and reports what it costs', async () => {
  const reporter = make();
  const told = jest.fn();
  reporter.on('usage-recorded', told);
  const record = usage({ cacheReadTokens: 1000 });
  await Promise.all([reporter.recordUsage(record), reporter.recordUsage({ ...record })]);
  await expect(reporter.recordUsage({ ...record, outputTokens: 1 })).rejects.toMatchObject({
    code: 'REQUEST_CONFLICT',
    field: 'usage.id',
  });
  expect(told.mock.calls).toEqual([[record]]);
  const report = await reporter.getReport({ ...time, granularity: 'daily' });
  expect(report.summary).toMatchObject({ totalRecords: 1, totalTokens: 1200, uniqueSessions: 1 });
  // 1,000 tokens from the cache at 0.30, and 200 at 15, a million.
  expect(report.costEstimate.totalCost).toBe(0.0033);
  expect(report.timeSeries).toHaveLength(8);
  expect(report.timeSeries[1]).toEqual({
    ...{ start: new Date('2026-03-02'), end: new Date('2026-03-03') },
    ...{ inputTokens: 1000, outputTokens: 200, totalTokens: 1200, records: 1, cost: 0.0033 },
  });
});

test('slots are those of the time zone, also where clocks are set', async () => {
  const reporter = make({ timeZone: 'Europe/Berlin' });
  await reporter.recordUsage(usage({ timestamp: new Date('2026-03-28T22:59:59Z') }));
  await reporter.recordUsage(usage({ timestamp: new Date('2026-03-28T23:00:00Z') }));
  const slots = async (granularity: 'daily' | 'weekly' | 'monthly', timeZone?: string) => {
    const report = await reporter.getReport({
      ...{
        startTime: new Date('2026-03-28T00:00:00Z'),
        endTime: new Date('2026-03-30T12:00:00Z'),
        granularity,
      },
      ...(timeZone !== undefined && { timeZone }),
    });
    return report.timeSeries.map(({ start, records }) => [start.toISOString(), records]);
  };
  expect(await slots('daily')).toEqual([
    ['2026-03-27T23:00:00.000Z', 1],
    // A day of 23 hours.
    ['2026-03-28T23:00:00.000Z', 1],
    ['2026-03-29T22:00:00.000Z', 0],
  ]);
  expect(await slots('weekly')).toEqual([
    ['2026-03-22T23:00:00.000Z', 2],
    ['2026-03-29T22:00:00.000Z', 0],
  ]);
  expect(await slots('monthly', 'UTC')).toEqual([['2026-03-01T00:00:00.000Z', 2]]);
});

test('a time without bounds is covered where there was usage', async () => {
  const reporter = make();
  await reporter.recordUsage(usage({ timestamp: new Date('2025-12-31T23:30:00Z') }));
  await reporter.recordUsage(usage({ timestamp: new Date('2026-01-01T01:30:00Z') }));
  const all = { startTime: new Date(0), endTime: new Date('2100-01-01') };
  const report = await reporter.getReport({ ...all, granularity: 'hourly' });
  expect(report.timeSeries.map(({ records }) => records)).toEqual([1, 0, 1]);
  await reporter.recordUsage(usage({ timestamp: new Date(0) }));
  await expect(reporter.getReport({ ...all, granularity: 'hourly' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    field: 'granularity',
  });
});

test('what a tracker tells is recorded once by request id, with tokens that nobody attributed priced as output', async () => {
  const tracker = new TokenBudgetTracker();
  const reporter = make({}, undefined, new CostCalculator());
  const detach = reporter.attach(tracker);
  const now = new Date();
  const tracked = {
    ...{ orchestratorId: 'a', sessionId: 's', timestamp: now, model: 'claude-sonnet-4.5', requestId: 'r1' },
    ...{ promptTokens: 1000, completionTokens: 100, totalTokens: 1100, metadata: { task: 'x' } },
  };
  await tracker.trackUsage(tracked);
  await tracker.trackUsage(tracked);
  await tracker.trackUsage({ ...tracked, orchestratorId: 'b' });
  const { reservationId } = await tracker.reserveTokens('a', 500);
  await tracker.releaseReservation(reservationId as string, 200, { model: 'claude-sonnet-4-5' });
  detach();
  await tracker.trackUsage({ ...tracked, requestId: 'r2' });
  await tracker.close();
  const filter = { startTime: new Date(now.getTime() - 60_000), endTime: new Date(now.getTime() + 60_000) };
  const list = await eventually('three records', async () => {
    const found = [];
    for await (const record of reporter.listRecords(filter)) found.push(record);
    return found.length >= 3 ? found : undefined;
  });
  expect(list).toHaveLength(3);
  expect(list.map(({ id }) => id)).toEqual(expect.arrayContaining(['a/r1', 'b/r1']));
  expect(list.find(({ id }) => id === 'a/r1')).toMatchObject({
    ...{
      inputTokens: 1000,
      outputTokens: 100,
      totalTokens: 1100,
      provider: 'anthropic',
      metadata: { task: 'x' },
    },
    cost: { input: '0.003', output: '0.0015', currency: 'USD' },
  });
  expect(list.find(({ totalTokens }) => totalTokens === 200)?.cost).toMatchObject({ output: '0.003' });
});

test('usage of a model that the calculator refuses is recorded for a tracker, and told', async () => {
  const tracker = new TokenBudgetTracker();
  const reporter = make({}, undefined, new CostCalculator({ unknownModel: 'reject' }));
  const errors: unknown[] = [];
  reporter.on('error', error => errors.push(error)).attach(tracker);
  const timestamp = new Date();
  const tokens = { promptTokens: 1, completionTokens: 1, totalTokens: 2, model: 'nobody-knows' };
  await tracker.trackUsage({ orchestratorId: 'a', sessionId: 's', timestamp, ...tokens });
  await tracker.close();
  const unknown = usage({ modelId: 'nobody-knows' });
  await expect(reporter.recordUsage(unknown)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  const range = {
    startTime: new Date(timestamp.getTime() - 1000),
    endTime: new Date(timestamp.getTime() + 1000),
  };
  const estimate = await eventually('it is recorded', async () => {
    const found = await reporter.getCostEstimate(range);
    return found.unpricedRecords === 1 ? found : undefined;
  });
  expect(estimate.unpriced).toEqual([
    { modelId: 'nobody-knows', inputTokens: 1, outputTokens: 1, records: 1 },
  ]);
  expect(errors).toEqual([expect.objectContaining({ code: 'INVALID_ARGUMENT' })]);
});

test('cached tokens beside the prompt, as Anthropic counts them, cost the same in a report as in a budget', async () => {
  const tracker = new TokenBudgetTracker({ currency: 'USD' });
  const reporter = make({}, undefined, new CostCalculator());
  const errors: unknown[] = [];
  reporter.on('error', error => errors.push(error)).attach(tracker);
  const timestamp = new Date();
  await tracker.trackUsage({
    ...{ orchestratorId: 'a', sessionId: 's', timestamp, model: 'claude-sonnet-4-5', totalTokens: 10_130 },
    ...{
      promptTokens: 100,
      cacheReadTokens: 9000,
      cacheWriteTokens: 1000,
      completionTokens: 10,
      reasoningTokens: 20,
    },
  });
  const budgeted = (await tracker.getUsageStats('a')).cost?.used;
  await tracker.close();
  const range = {
    startTime: new Date(timestamp.getTime() - 1000),
    endTime: new Date(timestamp.getTime() + 1000),
  };
  const estimate = await eventually('it is recorded', async () => {
    const found = await reporter.getCostEstimate(range);
    return found.totalCost > 0 ? found : undefined;
  });
  // 100 at 3, 9,000 at 0.30, 1,000 at 3.75, 10 and 20 at 15 dollars for a million.
  expect(budgeted).toEqual({ amount: '0.0072', currency: 'USD' });
  expect(estimate.totalCost).toBeCloseTo(0.0072, 9);
  expect(errors).toEqual([]);
});

test('CSV quotes what needs it, and holds no formula', async () => {
  const reporter = make();
  await reporter.recordUsage(
    usage({
      ...{
        id: '=1+1',
        sessionId: 'a "b",\nc',
        toolName: '@SUM(A1)',
        provider: "'x",
        modelId: 'claude-3-haiku',
      },
      metadata: { k: 'v' },
    }),
  );
  const folder = temporaryFolder('export');
  const file = join(folder.path, 'usage.csv');
  await reporter.exportTo(createWriteStream(file), { ...time, format: 'csv' });
  const text = readFileSync(file, 'utf8');
  await folder.remove();
  const [header, ...rest] = text.split('\r\n');
  expect(header?.split(',')).toEqual(expect.arrayContaining(['id', 'inputCost', 'metadata']));
  expect(rest.join('\r\n')).toBe(
    `'=1+1,orchestrator-1,"a ""b"",\nc",2026-03-02T10:30:00.000Z,claude-3-haiku,''x,'@SUM(A1),,` +
      `1000,200,1200,,,,,0.00025,0.00025,USD,"{""k"":""v""}"\r\n`,
  );
});

test('JSON and lines of JSON hold the same records, in pages', async () => {
  const reporter = make();
  const records = Array.from({ length: 1500 }, () => usage());
  await Promise.all(records.map(record => reporter.recordUsage(record)));
  const text = async (format: 'json' | 'ndjson', filter: object = time) => {
    const pieces: string[] = [];
    for await (const piece of reporter.exportRecords({ ...time, ...filter, format })) pieces.push(piece);
    return pieces.join('');
  };
  const all = JSON.parse(await text('json'));
  expect(all).toHaveLength(1500);
  expect(
    (await text('ndjson'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toEqual(all);
  expect(all[0]).toMatchObject({
    inputTokens: 1000,
    cost: { input: '0.003', output: '0.003', currency: 'USD' },
  });
  expect(JSON.parse(await text('json', { orchestratorId: 'nobody' }))).toEqual([]);
});

test('a spike is told once, however often recording finds it', async () => {
  const nowMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + HOUR_MS / 2;
  jest.useFakeTimers({ now: nowMs, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
  const reporter = make();
  const at = (hours: number, inputTokens: number) =>
    usage({ timestamp: new Date(nowMs - hours * HOUR_MS), inputTokens, outputTokens: 0 });
  for (let hour = 1; hour <= 20; hour += 1) await reporter.recordUsage(at(hour, 1000 + hour));
  const told: Anomaly[] = [];
  reporter.on('anomaly-detected', anomaly => told.push(anomaly));
  await reporter.recordUsage(at(0, 50_000));
  await reporter.recordUsage(at(0, 1));
  expect(told).toEqual([expect.objectContaining({ type: 'spike', severity: 'high', actualValue: 50_000 })]);
  expect(await reporter.detectAnomalies('orchestrator-1')).toHaveLength(1);
  const report = await reporter.getReport({
    ...{ startTime: new Date(nowMs - 1000), endTime: new Date(nowMs), granularity: 'hourly' },
    ...{ orchestratorId: 'orchestrator-1', includeAnomalies: true },
  });
  expect(report.anomalies).toHaveLength(1);
});

test('an hour that is not like those of the weeks before is unusual', async () => {
  const nowMs = Date.UTC(2026, 4, 13, 15, 30);
  const records = [];
  // Six weeks of office hours: every hour from 9 to 17, a little more in the afternoon.
  for (let day = 42; day >= 0; day -= 1) {
    for (let hour = 9; hour <= 17; hour += 1) {
      const atMs = Date.UTC(2026, 4, 13 - day, hour, 10);
      if (atMs <= nowMs) records.push(usage({ timestamp: new Date(atMs), inputTokens: 900 + hour * 10 }));
    }
  }
  jest.useFakeTimers({ now: nowMs, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
  const storage = memoryStorage(records);
  const reporter = make({ timeZone: 'UTC' }, storage);
  expect(await reporter.detectAnomalies('orchestrator-1')).toEqual([]);
  // Three in the morning, and an hour in which nothing came.
  storage.records.push(usage({ timestamp: new Date(Date.UTC(2026, 4, 13, 3, 5)), inputTokens: 700 }));
  storage.records = storage.records.filter(
    ({ timestamp }) => timestamp.getTime() !== Date.UTC(2026, 4, 13, 11, 10),
  );
  const other = make({ timeZone: 'UTC' }, memoryStorage(storage.records));
  const found = await other.detectAnomalies('orchestrator-1');
  expect(found.map(({ type, timestamp }) => [type, timestamp.toISOString()])).toEqual([
    ['unusual_pattern', '2026-05-13T03:00:00.000Z'],
    ['unusual_pattern', '2026-05-13T11:00:00.000Z'],
  ]);
  expect(found[0]).toMatchObject({ actualValue: 900, expectedValue: 0 });
  expect(found[1]).toMatchObject({ actualValue: 0, deviationPercentage: -100 });
});

test('budgets are told, and one that is exceeded is an anomaly from then on', async () => {
  const reporter = make({ budgetTimeZone: 'Asia/Kolkata' });
  const told: [string, string][] = [];
  reporter.on('budget-warning', ({ status }) => told.push(['warning', status]));
  reporter.on('budget-exceeded', ({ status }) => told.push(['exceeded', status]));
  await reporter.recordUsage(usage({ timestamp: new Date(), inputTokens: 800, outputTokens: 150 }));
  const status = async (limit: number) =>
    (await reporter.getBudgetStatus('orchestrator-1', 'daily', limit)).status;
  expect([await status(10_000), await status(1100), await status(1000), await status(900)]).toEqual([
    ...['healthy', 'warning', 'critical', 'exceeded'],
  ]);
  expect(told).toEqual([
    ['warning', 'warning'],
    ['exceeded', 'critical'],
    ['exceeded', 'exceeded'],
  ]);
  const [anomaly] = await reporter.detectAnomalies('orchestrator-1');
  expect(anomaly).toMatchObject({ type: 'budget_exceeded', actualValue: 950, expectedValue: 900 });
  const { resetAt, percentage, remaining } = await reporter.getBudgetStatus('orchestrator-1', 'daily', 0);
  expect([percentage, remaining]).toEqual([100, 0]);
  // Midnight in India.
  expect(resetAt.toISOString()).toMatch(/T18:30:00\.000Z$/);
  expect((await reporter.getBudgetStatus('orchestrator-1', 'hourly', Number.POSITIVE_INFINITY)).status).toBe(
    'healthy',
  );
});

test('nothing is recorded when it is off, and only told when nothing is to be kept', async () => {
  const storage = memoryStorage();
  const off = make({ enabled: false }, storage);
  const fleeting = make({ persistToDatabase: false }, storage);
  const told = jest.fn();
  off.on('usage-recorded', told);
  await off.recordUsage(usage());
  expect(told).not.toHaveBeenCalled();
  fleeting.on('usage-recorded', told);
  await fleeting.recordUsage(usage());
  expect(told).toHaveBeenCalledTimes(1);
  expect(storage.records).toEqual([]);
});

test('shutdown and close lose nothing that was accepted, and end everything', async () => {
  const storage = memoryStorage();
  const save = storage.saveUsageRecord;
  let let_go = () => {};
  const gate = new Promise<void>(resolve => {
    let_go = resolve;
  });
  storage.saveUsageRecord = async record => {
    await gate;
    return save(record);
  };
  const reporter = make({}, storage);
  reporter.on('usage-recorded', () => {});
  const recording = reporter.recordUsage(usage());
  reporter.shutdown();
  expect(reporter.listenerCount('usage-recorded')).toBe(0);
  let_go();
  await Promise.all([recording, reporter.close(), reporter.close()]);
  expect(storage.records).toHaveLength(1);
  await expect(reporter.recordUsage(usage())).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(reporter.getReport({ ...time, granularity: 'daily' })).rejects.toMatchObject({
    code: 'CLOSED',
  });
});

test('a storage that fails is told with its reason', async () => {
  const storage = memoryStorage();
  storage.saveUsageRecord = async () => {
    throw new Error('the disk is full');
  };
  await expect(make({}, storage).recordUsage(usage())).rejects.toMatchObject({
    ...{ code: 'STORE_UNAVAILABLE', message: 'storage.saveUsageRecord failed: the disk is full' },
  });
});

test('the schema has the published defaults, and does without anomalyDetection', () => {
  const config = UsageReporterConfigSchema.parse({});
  expect(config).toMatchObject({
    enabled: true,
    persistToDatabase: true,
    retentionDays: 90,
    defaultCurrency: 'USD',
  });
  expect(config.anomalyDetection).toMatchObject({ spikeThreshold: 2.5, minDataPoints: 10, windowSize: 100 });
});

test.each([
  [{ retentionDays: -1 }, undefined, 'retentionDays'],
  [{ anomalyDetection: { spikeThreshold: 'x' } }, undefined, 'anomalyDetection.spikeThreshold'],
  [{ timeZone: 'Mars/Base' }, undefined, 'timeZone'],
  [{ foo: 1 }, undefined, 'foo'],
  [{ anomalyDetection: { x: 1 } }, undefined, 'anomalyDetection.x'],
  [{ pricing: 'free' }, undefined, 'pricing'],
  [{}, { path: 'a.db', foo: 1 }, 'storage.foo'],
  [{}, '', 'storage'],
  [{}, { path: 7 }, 'storage.path'],
  [{}, {}, 'storage'],
])('config %j over %j is refused', (config, storage, field) => {
  expect(() => new UsageReporter(config as object, storage as string)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field }),
  );
});

test.each([5, 'x', {}, { calculateCostEstimate: () => {} }])('%p is no calculator', calculator => {
  const refused = (field: string) => expect.objectContaining({ code: 'INVALID_CONFIG', field });
  expect(() => new UsageReporter({}, undefined, calculator as never)).toThrow(refused('calculator'));
  const pool = { query: async () => ({ rows: [] }), connect: async () => ({}) };
  expect(() => new PostgresUsageStorage(pool as never, { calculator } as object)).toThrow(
    refused('options.calculator'),
  );
});

test('what the published schema reads is accepted, and one query serves all methods', async () => {
  const config = {
    ...{
      enabled: true,
      persistToDatabase: true,
      retentionDays: 30,
      aggregationIntervals: ['weekly' as const],
    },
    ...{ defaultCurrency: 'GBP' as const },
  };
  const parsed = published().UsageReporterConfigSchema.parse({ ...config, anomalyDetection: {} });
  const reporter = make(parsed);
  const query = {
    ...{ ...time, granularity: 'daily' as const, groupBy: [], currency: 'EUR' as const },
    ...{ includeProjection: true, includeAnomalies: false, format: 'csv' as const, timeZone: 'UTC' },
  };
  await reporter.getReport(query);
  expect((await reporter.getCostEstimate(query)).currency).toBe('EUR');
  for await (const _record of reporter.listRecords(query));
  for await (const _piece of reporter.exportRecords(query));
});

test.each([
  ['id', ''],
  ['orchestratorId', 7],
  ['timestamp', new Date(Number.NaN)],
  ['inputTokens', -1],
  ['totalTokens', 1.5],
  ['metadata', { big: 1n }],
  ['modelId', undefined],
])('a record with %s %p is refused by name', async (name, value) => {
  const given = { ...usage(), [name]: value };
  await expect(make().recordUsage(given)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    field: `usage.${name}`,
  });
});

test.each([
  [{ granularity: 'yearly' }, 'params.granularity'],
  [{ groupBy: ['colour'] }, 'params.groupBy.0'],
  [{ endTime: new Date(0) }, 'params.endTime'],
  [{ startTime: 'yesterday' }, 'params.startTime'],
  [{ timeZone: 'x' }, 'params.timeZone'],
  [{ foo: 1 }, 'params.foo'],
])('a report of %j is refused', async (fields, field) => {
  const params = { ...time, granularity: 'daily', ...fields } as never;
  await expect(make().getReport(params)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field });
});

test('a limit that is none is refused', async () => {
  await expect(make().getBudgetStatus('a', 'daily', -1)).rejects.toMatchObject({ field: 'limit' });
  await expect(make().getBudgetStatus('a', 'weekly' as never, 1)).rejects.toMatchObject({ field: 'period' });
});
