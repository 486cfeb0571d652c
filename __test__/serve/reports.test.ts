import { type Alert, AlertChannel, AlertLevel, BudgetAlertSystem } from '@wundr.io/token-budget/alerts';
import { eventually } from '../support/system';
import { ask, closeAll, listen, makeTracker, track } from './helpers';

afterEach(closeAll);

const DEFAULTS = {
  thresholds: [{ percentage: 90, level: AlertLevel.CRITICAL }],
  channels: [{ type: AlertChannel.IN_APP, enabled: true, config: { userIds: ['ada'] } }],
  rateLimit: { maxAlertsPerThreshold: 9, windowMs: 60_000 },
  enabled: true,
};
const USAGE = { tokensUsed: 95, tokensLimit: 100, percentageUsed: 95, costUsed: 0, costLimit: 1 };

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests look at
type Params = any;

function reporterOf(answer: (params: Params) => object) {
  const asked: Params[] = [];
  return {
    asked,
    async getReport(params: Params) {
      asked.push(params);
      return answer(params);
    },
  };
}

test('a report is asked for once, and told to everybody', async () => {
  const reporter = reporterOf(() => ({ costEstimate: { totalCost: 1, currency: 'USD' }, timeSeries: [] }));
  const { url } = await listen({ tracker: makeTracker(), reporter });
  expect(JSON.parse((await ask(`${url}api/features`)).text)).toEqual({ report: true, alerts: false });
  const [first, second] = await Promise.all([ask(`${url}api/report?days=2`), ask(`${url}api/report?days=2`)]);
  expect(JSON.parse(first.text)).toMatchObject({ costEstimate: { totalCost: 1 }, anomalies: null });
  expect(second.text).toBe(first.text);
  expect(reporter.asked).toHaveLength(1);
  const [{ startTime, endTime, granularity, groupBy, includeAnomalies }] = reporter.asked;
  expect(endTime - startTime).toBe(2 * 86_400_000);
  expect({ granularity, groupBy, includeAnomalies }).toEqual({
    ...{ granularity: 'hourly', groupBy: ['model', 'orchestrator'], includeAnomalies: true },
  });
  await ask(`${url}api/report?days=30&orchestrator=a`);
  expect(reporter.asked[1]).toMatchObject({ granularity: 'daily', orchestratorId: 'a' });
});

describe('anomalies', () => {
  const spike = (orchestratorId: string, hour: number) => ({
    ...{ id: `spike-${orchestratorId}-${hour}`, orchestratorId },
    timestamp: new Date(hour * 3_600_000),
  });
  const breakdown = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      ...{ type: 'orchestrator', key: `o${index}`, totalTokens: index },
    }));
  const told = async (reporter: ReturnType<typeof reporterOf>, query = '') => {
    const { url } = await listen({ tracker: makeTracker(), reporter });
    const { anomalies, anomaliesLeftOut } = JSON.parse((await ask(`${url}api/report${query}`)).text);
    return { ids: anomalies?.map(({ id }: { id: string }) => id) ?? null, anomaliesLeftOut };
  };

  test('a reporter that looks over all is asked once', async () => {
    const reporter = reporterOf(() => ({
      breakdown: breakdown(3),
      anomalies: [spike('b', 2), spike('a', 1)],
      anomalySearch: { notLookedAt: 7 },
    }));
    expect(await told(reporter)).toEqual({ ids: ['spike-a-1', 'spike-b-2'], anomaliesLeftOut: 7 });
    expect(reporter.asked).toHaveLength(1);
  });

  test('one that looks only in those who are named is asked for each, those that used most', async () => {
    const reporter = reporterOf(({ orchestratorId }) =>
      orchestratorId === undefined
        ? { breakdown: [...breakdown(23), { type: 'model', key: 'gpt-5', totalTokens: 1e9 }] }
        : {
            anomalies: orchestratorId === 'o22' || orchestratorId === 'o2' ? [spike(orchestratorId, 1)] : [],
          },
    );
    expect(await told(reporter)).toEqual({ ids: ['spike-o22-1'], anomaliesLeftOut: 3 });
    const names = reporter.asked.map(({ orchestratorId }) => orchestratorId);
    expect(names).toEqual([undefined, ...Array.from({ length: 20 }, (_, index) => `o${22 - index}`)]);
  });

  test('one that looks for none is not called one that found none', async () => {
    const reporter = reporterOf(() => ({ breakdown: breakdown(9) }));
    expect(await told(reporter)).toEqual({ ids: null, anomaliesLeftOut: 0 });
    expect(reporter.asked).toHaveLength(2);
    expect(await told(reporter, '?orchestrator=o1')).toEqual({ ids: null, anomaliesLeftOut: 0 });
    expect(reporter.asked).toHaveLength(3);
  });
});

test.each([
  ...['days=0', 'days=367', 'days=x', 'days=1.5', 'days=', 'days=0x10', 'granularity=weekly'],
  ...[
    'granularity=',
    'orchestrator=',
    `orchestrator=${'x'.repeat(400)}`,
    `orchestrator=${'%C3%A4'.repeat(129)}`,
  ],
])('%s is refused', async query => {
  const reporter = reporterOf(() => ({}));
  const { url } = await listen({ tracker: makeTracker(), reporter });
  const { status, text } = await ask(`${url}api/report?${query}`);
  expect(status).toBe(400);
  expect(JSON.parse(text).error).toContain(query.split('=')[0]);
  expect(reporter.asked).toEqual([]);
});

test('a reporter that fails is asked again, and its words stay inside', async () => {
  let fails = true;
  const reporter = reporterOf(() => {
    if (fails) throw new Error('/secret/path is broken');
    return { summary: {} };
  });
  const { url } = await listen({ tracker: makeTracker(), reporter });
  const { status, text } = await ask(`${url}api/report`);
  expect([status, text]).toEqual([500, 'failed\n']);
  fails = false;
  expect((await ask(`${url}api/report`)).status).toBe(200);
});

test('alerts of everybody, newest first', async () => {
  const tracker = makeTracker();
  await track(tracker, 'a', 1);
  await track(tracker, 'b', 1);
  const alerts = {
    getAlertHistory: async (id: string) =>
      [3, 1].map(at => ({ id: `${id}${at}`, createdAt: new Date(at * 1000 + (id === 'b' ? 1 : 0)) })),
  };
  const { url } = await listen({ tracker, alerts });
  const answer = JSON.parse((await ask(`${url}api/alerts`)).text);
  expect(answer.alerts.map(({ id }: { id: string }) => id)).toEqual(['b3', 'a3', 'b1', 'a1']);
});

test('the alerts of a BudgetAlertSystem, by when they were made', async () => {
  const tracker = makeTracker();
  for (const id of ['b', 'a']) await track(tracker, id, 1);
  const alerts = new BudgetAlertSystem({ defaults: DEFAULTS });
  try {
    const made: Alert[] = [];
    for (const id of ['a', 'b', 'a']) {
      made.push(...(await alerts.checkAndAlert(id, USAGE)));
      const after = Date.now();
      await eventually('the clock goes on', () => (Date.now() > after ? true : undefined));
    }
    const { url } = await listen({ tracker, alerts });
    const answer = JSON.parse((await ask(`${url}api/alerts`)).text);
    const expected = made
      .reverse()
      .map(({ id, createdAt }) => ({ id, createdAt: createdAt.toISOString(), level: 'critical' }));
    expect(answer.alerts).toHaveLength(3);
    expect(answer.alerts).toMatchObject(expected);
  } finally {
    await alerts.close();
  }
});
