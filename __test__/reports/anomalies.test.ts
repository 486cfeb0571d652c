/** Anomalies of a report: of its own time, and of everybody who has used the most. */
import { UsageReporter } from '@wundr.io/token-budget/budget';
import { memoryStorage, type Usage, usage } from './helpers';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 2, 2);
const reporters: UsageReporter[] = [];
afterEach(async () => {
  await Promise.all(reporters.splice(0).map(reporter => reporter.close()));
});

/** A day of usage, each hour a little more, and one out of all at `spike`. */
function day(orchestratorId: string, spike: number | undefined, dayMs = START_MS): Usage[] {
  return Array.from({ length: 24 }, (_, hour) =>
    usage({
      ...{ orchestratorId, sessionId: `${orchestratorId}-${hour}`, outputTokens: 0 },
      inputTokens: hour === spike ? 90_000 : 1000 + hour,
      timestamp: new Date(dayMs + hour * HOUR_MS + 60_000),
    }),
  );
}

async function filled(records: Usage[], config: object = {}): Promise<UsageReporter> {
  const reporter = new UsageReporter(config);
  reporters.push(reporter);
  await Promise.all(records.map(record => reporter.recordUsage(record)));
  return reporter;
}

const params = (startMs: number, endMs: number) => ({
  ...{ startTime: new Date(startMs), endTime: new Date(endMs) },
  ...{ granularity: 'daily' as const, includeAnomalies: true },
});

test('without a name, whoever had usage is looked at, over the time of the report', async () => {
  const reporter = await filled([...day('quiet', undefined), ...day('loud', 15), ...day('early', 3)]);
  const report = await reporter.getReport(params(START_MS, START_MS + 24 * HOUR_MS - 1));
  expect(
    report.anomalies?.map(({ orchestratorId, type, timestamp }) => [
      orchestratorId,
      type,
      timestamp.getTime(),
    ]),
  ).toEqual([
    ['early', 'spike', START_MS + 3 * HOUR_MS],
    ['loud', 'spike', START_MS + 15 * HOUR_MS],
  ]);
  expect(report.anomalies?.[1]).toMatchObject({ sessionId: 'loud-15', actualValue: 90_000 });
  expect(report.anomalySearch).toEqual({
    ...{ startTime: new Date(START_MS), endTime: new Date(START_MS + 24 * HOUR_MS - 1) },
    ...{ orchestrators: 3, notLookedAt: 0, leftOut: 0 },
  });
  const one = { ...params(START_MS, START_MS + 24 * HOUR_MS - 1), orchestratorId: 'loud' };
  expect((await reporter.getReport(one)).anomalies).toHaveLength(1);
  // A part of the day, measured by all of it.
  const evening = await reporter.getReport(params(START_MS + 12 * HOUR_MS, START_MS + 24 * HOUR_MS - 1));
  expect(evening.anomalies?.map(({ orchestratorId }) => orchestratorId)).toEqual(['loud']);
  // What detectAnomalies tells are the last 24 hours, as before.
  expect(await reporter.detectAnomalies('loud')).toEqual([]);
});

test('those with the most usage are looked at, and how many were not is said', async () => {
  const records = Array.from({ length: 103 }, (_, index) =>
    usage({ orchestratorId: `o-${index}`, inputTokens: 10 + index, timestamp: new Date(START_MS) }),
  );
  const reporter = await filled([...records, ...day('loud', 15)]);
  const report = await reporter.getReport(params(START_MS, START_MS + 24 * HOUR_MS - 1));
  expect(report.anomalySearch).toMatchObject({ orchestrators: 100, notLookedAt: 4 });
  expect(report.anomalies).toHaveLength(1);
});

test('of very many the latest are told, and how many more there are', async () => {
  const startMs = START_MS - 69 * 24 * HOUR_MS;
  const records = ['a', 'b', 'c'].flatMap(id =>
    Array.from({ length: 70 * 24 }, (_, hour) =>
      usage({
        ...{ orchestratorId: id, timestamp: new Date(startMs + hour * HOUR_MS) },
        // Two hours of three differ from what is usual, which is the median of the weeks before.
        inputTokens: hour < 56 * 24 ? 1000 : 1000 + (hour % 3) * 100_000,
      }),
    ),
  );
  const reporter = new UsageReporter({ anomalyDetection: { spikeThreshold: 0.5 } }, memoryStorage(records));
  reporters.push(reporter);
  const { anomalies, anomalySearch } = await reporter.getReport(params(startMs, START_MS + 24 * HOUR_MS - 1));
  expect(anomalies).toHaveLength(1000);
  expect(anomalySearch?.leftOut).toBe(344);
  expect(anomalies?.at(-1)?.timestamp).toEqual(new Date(START_MS + 23 * HOUR_MS));
});

test('hours unlike those of the weeks before are found in a time long ago, over any storage', async () => {
  const records: Usage[] = [];
  for (let back = 70; back >= 0; back -= 1) {
    for (let hour = 9; hour <= 17; hour += 1) {
      records.push(
        usage({
          timestamp: new Date(START_MS - back * 24 * HOUR_MS + hour * HOUR_MS),
          inputTokens: 900 + hour,
        }),
      );
    }
  }
  const nights = [3, 10].map(days => START_MS - days * 24 * HOUR_MS + 3 * HOUR_MS);
  records.push(...nights.map(atMs => usage({ timestamp: new Date(atMs), inputTokens: 800 })));
  const time = params(START_MS - 20 * 24 * HOUR_MS, START_MS - HOUR_MS - 1);
  for (const reporter of [
    await filled(records, { retentionDays: 36_500 }),
    new UsageReporter({}, memoryStorage(records)),
  ]) {
    reporters.push(reporter);
    const { anomalies } = await reporter.getReport(time);
    const unusual = anomalies?.filter(({ type }) => type === 'unusual_pattern');
    expect(unusual?.map(({ timestamp }) => timestamp.getTime())).toEqual([nights[1], nights[0]]);
  }
});

test('where they were not looked for, none are told', async () => {
  const off = await filled(day('loud', 15), { anomalyDetection: { enabled: false } });
  const report = await off.getReport(params(START_MS, START_MS + 24 * HOUR_MS));
  expect([report.anomalies, report.anomalySearch]).toEqual([undefined, undefined]);
  const nowMs = Date.now();
  const later = await (await filled(day('loud', 15))).getReport(params(nowMs + HOUR_MS, nowMs + 2 * HOUR_MS));
  expect([later.anomalies, later.anomalySearch]).toEqual([
    [],
    { orchestrators: 0, notLookedAt: 0, leftOut: 0 },
  ]);
});
