import { PostgresUsageStorage, UsageReporter } from '@wundr.io/token-budget/budget';
import { Pool } from 'pg';
import { type PostgresServer, startPostgres } from '../support/postgres';
import fc from '../support/properties';
import { eventually } from '../support/system';
import { memoryStorage, published, type Usage, usage } from './helpers';

jest.setTimeout(120_000);

let server: PostgresServer;
let pool: Pool;
let tables = 0;
const reporters: UsageReporter[] = [];

beforeAll(async () => {
  server = await startPostgres();
  pool = new Pool({ ...server.options, max: 10 });
  pool.on('error', () => {});
});
afterEach(async () => {
  await Promise.all(reporters.splice(0).map(reporter => reporter.close()));
});
afterAll(async () => {
  await pool?.end();
  await server?.stop();
});

async function makeStorage(): Promise<PostgresUsageStorage> {
  tables += 1;
  const storage = new PostgresUsageStorage(pool, { table: `usage_${tables}` });
  await storage.migrate();
  return storage;
}

function makeReporter(storage: PostgresUsageStorage, calculator = new (published().CostCalculator)()) {
  const reporter = new UsageReporter({}, storage, calculator);
  reporters.push(reporter);
  return reporter;
}

const time = { startTime: new Date('2026-03-01T00:00:00Z'), endTime: new Date('2026-03-08T00:00:00Z') };
const rowsOf = async (table: number) => (await pool.query(`SELECT * FROM usage_${table} ORDER BY seq`)).rows;

test('migrations of many at once make the tables once, in a schema of their own too', async () => {
  const storages = Array.from(
    { length: 8 },
    () => new PostgresUsageStorage(pool, { schema: 'Spending', table: 'Once' }),
  );
  await Promise.all(storages.map(storage => storage.migrate()));
  await storages[0]?.migrate();
  const { rows } = await pool.query('SELECT version FROM "Spending"."Once_migrations"');
  expect(rows).toEqual([{ version: 1 }]);
  await storages[0]?.saveUsageRecord(usage());
  expect((await pool.query('SELECT count(*) FROM "Spending"."Once"')).rows).toEqual([{ count: '1' }]);
});

test('without tables the error says what makes them', async () => {
  const storage = new PostgresUsageStorage(pool, { table: 'nowhere' });
  await expect(storage.saveUsageRecord(usage())).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('migrate()'),
  });
});

test('the published interface: saved once, read back as saved, deleted by age', async () => {
  const storage = await makeStorage();
  const record = usage({
    ...{ toolName: 'search', toolCallId: 'call-1', metadata: { a: ['b', { c: 1 }] }, cacheReadTokens: 7 },
    ...{ sessionId: 'ünï "quoted" \'s', totalTokens: Number.MAX_SAFE_INTEGER },
  });
  await storage.saveUsageRecord(record);
  await storage.saveUsageRecord({ ...record });
  expect(await storage.getUsageRecords(time)).toEqual([record]);
  await expect(storage.saveUsageRecord({ ...record, inputTokens: 2000 })).rejects.toMatchObject({
    code: 'REQUEST_CONFLICT',
    field: 'record.id',
  });
  expect(await storage.getUsageRecords({ ...time, orchestratorId: 'x' })).toEqual([]);
  expect(await storage.deleteOldRecords(record.timestamp)).toBe(0);
  expect(await storage.deleteOldRecords(new Date(record.timestamp.getTime() + 1))).toBe(1);
  expect(await storage.getUsageRecords(time)).toEqual([]);
});

test('the published reporter works on it', async () => {
  const storage = await makeStorage();
  const { UsageReporter: PublishedReporter, CostCalculator } = published();
  const theirs = new PublishedReporter(
    { anomalyDetection: { enabled: false } },
    storage,
    new CostCalculator(),
  );
  await theirs.recordUsage(usage());
  const report = await theirs.getReport({ ...time, granularity: 'daily' });
  expect(report.summary).toMatchObject({ totalTokens: 1200, totalRecords: 1 });
  theirs.shutdown();
});

test('reported by several at once, a record counts once, and another one under its id is told', async () => {
  const storage = await makeStorage();
  const [a, b] = [makeReporter(storage), makeReporter(storage)];
  const records = Array.from({ length: 300 }, () => usage());
  const told = jest.fn();
  a.on('usage-recorded', told);
  b.on('usage-recorded', told);
  await Promise.all(
    [...records, ...records].flatMap((record, index) =>
      [a, b].map(r => (index % 3 ? r : b).recordUsage(record)),
    ),
  );
  expect(told).toHaveBeenCalledTimes(300);
  const { summary } = await a.getReport({ ...time, granularity: 'daily' });
  expect(summary).toMatchObject({ totalRecords: 300, totalTokens: 360_000 });
  const [first] = records as [Usage];
  const outcomes = await Promise.allSettled([
    a.recordUsage({ ...first, modelId: 'gpt-4' }),
    a.recordUsage(usage({ id: 'twice' })),
    a.recordUsage(usage({ id: 'twice', outputTokens: 1 })),
  ]);
  expect(outcomes.map(outcome => outcome.status)).toEqual(['rejected', 'fulfilled', 'rejected']);
  expect(outcomes[0]).toMatchObject({ reason: { code: 'REQUEST_CONFLICT', field: 'usage.id' } });
  expect(await rowsOf(tables)).toHaveLength(301);
});

const DAY_MS = 86_400_000;
const START_MS = time.startTime.getTime();

test('reports made by the server are those made of the records', async () => {
  const fields = fc.record({
    orchestratorId: fc.constantFrom('a', 'b', "c'; --"),
    sessionId: fc.constantFrom('s', 't', ''),
    timestamp: fc.integer({ min: START_MS, max: START_MS + 4 * DAY_MS }).map(ms => new Date(ms)),
    modelId: fc.constantFrom('gpt-4', 'claude-3-haiku', 'nobody-knows'),
    provider: fc.constantFrom('openai', 'somebody'),
    toolName: fc.constantFrom('search', 'write'),
    inputTokens: fc.nat(100_000),
    outputTokens: fc.nat(10_000),
  });
  const asked = fc.record({
    orchestratorId: fc.constantFrom('a', "c'; --", undefined),
    sessionId: fc.constantFrom('t', undefined),
    granularity: fc.constantFrom('hourly' as const, 'daily' as const, 'weekly' as const, 'monthly' as const),
    timeZone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata'),
    from: fc.integer({ min: 0, max: 3 * DAY_MS }),
    length: fc.integer({ min: 0, max: 4 * DAY_MS }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fields, { maxLength: 40 }),
      fc.array(asked, { minLength: 1, maxLength: 3 }),
      async (list, questions) => {
        const storage = await makeStorage();
        const records = list.map(record => usage(record));
        const ours = makeReporter(storage);
        await Promise.all(records.map(record => ours.recordUsage(record)));
        const calculator = new (published().CostCalculator)();
        const model = new UsageReporter({}, memoryStorage(records), calculator);
        reporters.push(model);
        for (const { from, length, ...question } of questions) {
          const { orchestratorId, sessionId, ...rest } = question;
          const startTime = new Date(START_MS + from);
          const params = {
            ...{ ...rest, startTime, endTime: new Date(START_MS + from + length) },
            ...(orchestratorId !== undefined && { orchestratorId }),
            ...(sessionId !== undefined && { sessionId }),
            groupBy: ['tool' as const, 'session' as const, 'model' as const],
          };
          expect(await ours.getReport(params)).toEqual(await model.getReport(params));
        }
      },
    ),
    { numRuns: 15 },
  );
});

test('exports read pages by time, and every record once', async () => {
  const storage = await makeStorage();
  const reporter = makeReporter(storage);
  // Many of one instant: pages end in the middle of them.
  const records = Array.from({ length: 2500 }, (_, index) =>
    usage({ timestamp: new Date(START_MS + (index % 3) * DAY_MS) }),
  );
  await Promise.all(records.map(record => reporter.recordUsage(record)));
  const ids: string[] = [];
  let lastMs = 0;
  for await (const { id, timestamp, cost } of reporter.listRecords(time)) {
    ids.push(id);
    expect(timestamp.getTime()).toBeGreaterThanOrEqual(lastMs);
    lastMs = timestamp.getTime();
    expect(cost).toEqual({ input: '0.003', output: '0.003', currency: 'USD' });
  }
  expect(ids.sort()).toEqual(records.map(({ id }) => id).sort());
});

test('what is old is deleted in steps, and nothing else', async () => {
  const storage = await makeStorage();
  const reporter = makeReporter(storage);
  const old = Array.from({ length: 6000 }, () => usage({ timestamp: new Date('2020-01-01') }));
  const recent = usage({ timestamp: new Date() });
  await Promise.all([...old, recent].map(record => reporter.recordUsage(record)));
  expect(await reporter.deleteOldRecords()).toBe(6000);
  expect((await rowsOf(tables)).map(({ id }) => id)).toEqual([recent.id]);
});

test('a server that goes away is an error, and used again when it is back; what was acknowledged is there', async () => {
  const storage = await makeStorage();
  const reporter = makeReporter(storage);
  const kept: string[] = [];
  const record = async () => {
    const one = usage();
    await reporter.recordUsage(one);
    kept.push(one.id);
  };
  await record();
  const flood = Promise.allSettled(Array.from({ length: 200 }, record));
  await server.kill();
  await flood;
  await expect(reporter.recordUsage(usage())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await server.restart();
  await eventually('recording works again', async () => record().then(() => true));
  const there = new Set((await rowsOf(tables)).map(({ id }) => id));
  expect(kept.filter(id => !there.has(id))).toEqual([]);
});

test.each([
  [
    'a name that needs quotes of its own',
    () => new PostgresUsageStorage(pool, { table: 'a"b' }),
    'options.table',
  ],
  ['no pool', () => new PostgresUsageStorage({} as Pool), 'pool'],
  ['an option nobody reads', () => new PostgresUsageStorage(pool, { tabel: 'a' } as object), 'options.tabel'],
])('%s is refused', (_, make, field) => {
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', field }));
});

test('a NUL and lone surrogates, which PostgreSQL cannot keep, come back as they were', async () => {
  const reporter = makeReporter(await makeStorage());
  const record = usage({
    orchestratorId: 'm\ud800',
    sessionId: 's\0',
    toolName: 'a\0b',
    metadata: { text: 'a\0b' },
  });
  await Promise.all([
    reporter.recordUsage(record),
    reporter.recordUsage(usage({ orchestratorId: 'm\ud801' })),
  ]);
  await reporter.recordUsage(record);
  const time = { startTime: new Date(0), endTime: new Date(), orchestratorId: 'm\ud800' };
  const list = [];
  for await (const { cost: _cost, ...one } of reporter.listRecords(time)) list.push(one);
  expect(list).toEqual([record]);
  const report = await reporter.getReport({
    ...time,
    granularity: 'monthly',
    groupBy: ['tool', 'orchestrator'],
  });
  expect(report.breakdown.map(({ key }) => key)).toEqual(['a\0b', 'm\ud800']);
});
