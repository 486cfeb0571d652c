/** Side by side with the published class: the same alerts, limits, history and stats for the same calls. */
import {
  type Alert,
  AlertChannel,
  type AlertConfig,
  type AlertHistoryFilter,
  AlertLevel,
  type BudgetAlertSystem,
} from '@wundr.io/token-budget/alerts';
import fc from '../support/properties';
import { closeAll, config, inApp, publishedSystem, system } from './helpers';

const Published = publishedSystem();
const NOON = Date.UTC(2026, 0, 14, 12, 30, 0);
const LEVELS = Object.values(AlertLevel);

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: notDate() });
  jest.setSystemTime(NOON);
  jest.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(async () => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  await closeAll();
});

/** Only the clock stands still. */
function notDate() {
  return [
    ...(['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'setInterval'] as const),
    ...(['clearImmediate', 'clearInterval', 'setTimeout', 'clearTimeout'] as const),
  ];
}

/** Ids differ on purpose: the first parts of them are the same. */
const comparable = (alerts: Alert[]) =>
  alerts.map(({ id, ...alert }) => ({ ...alert, id: id.split('-').slice(0, 3).join('-') }));

const amount = fc.oneof(fc.nat(2_000_000), fc.double({ min: 0, max: 1e9, noNaN: true }));
const usage = fc.record({
  tokensUsed: amount,
  tokensLimit: amount,
  costUsed: amount,
  costLimit: amount,
  percentageUsed: fc.oneof(fc.nat(130), fc.double({ min: 0, max: 130, noNaN: true })),
});
const threshold = fc.record(
  {
    percentage: fc.oneof(fc.nat(100), fc.constantFrom(50, 75, 90, 12.5)),
    level: fc.constantFrom(...LEVELS),
    autoPause: fc.boolean(),
    messageTemplate: fc.constantFrom(
      '',
      'used {tokensUsed} of {tokensLimit}, {percentage}% >= {threshold}%',
      '$ {costUsed} {costLimit} {unknown} {} { percentage } {{threshold}} <b>&amp;</b>',
    ),
  },
  { requiredKeys: ['percentage', 'level'] },
);
const channel = fc.record(
  {
    type: fc.constant(AlertChannel.IN_APP),
    enabled: fc.boolean(),
    config: fc.constant({ userIds: ['user-1', 'user-2'] }),
    minLevel: fc.constantFrom(...LEVELS),
  },
  { requiredKeys: ['type', 'enabled', 'config'] },
);
const configuration = fc.record({
  orchestratorId: fc.constantFrom('a', 'a', 'b'),
  thresholds: fc.array(threshold, { minLength: 1, maxLength: 4 }),
  channels: fc.array(channel, { minLength: 1, maxLength: 3 }),
  rateLimit: fc.record({ maxAlertsPerThreshold: fc.nat(3), windowMs: fc.constantFrom(0, 1000, 60_000) }),
  enabled: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
});
const filter = fc.record(
  {
    orchestratorId: fc.constantFrom('a', 'b', ''),
    level: fc.constantFrom(...LEVELS),
    acknowledged: fc.boolean(),
    dateRange: fc.constant({ start: new Date(NOON + 500), end: new Date(NOON + 100_000) }),
    limit: fc.nat(4),
    offset: fc.nat(3),
    sortBy: fc.constantFrom('createdAt', 'level', 'percentageUsed'),
    sortOrder: fc.constantFrom('asc', 'desc'),
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  { weight: 2, arbitrary: configuration.map(value => ({ do: 'configure', value }) as const) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'b'), usage)
      .map(([id, value]) => ({ do: 'check', id, value }) as const),
  },
  { weight: 3, arbitrary: fc.constantFrom(1, 999, 1000, 45_000).map(ms => ({ do: 'wait', ms }) as const) },
  { weight: 2, arbitrary: fc.nat(20).map(index => ({ do: 'acknowledge', index }) as const) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'b'), fc.boolean())
      .map(([id, enabled]) => ({ do: 'autoPause', id, enabled }) as const),
  },
  { weight: 1, arbitrary: fc.constantFrom('a', 'b').map(id => ({ do: 'clear', id }) as const) },
  { weight: 3, arbitrary: filter.map(value => ({ do: 'filter', value }) as const) },
);

const settled = async (work: Promise<unknown>) => {
  try {
    return { value: await work };
  } catch {
    return 'rejected';
  }
};

async function play(
  one: BudgetAlertSystem,
  ids: string[],
  move: typeof step extends fc.Arbitrary<infer T> ? T : never,
): Promise<unknown> {
  switch (move.do) {
    case 'configure':
      return settled(one.configureAlerts(structuredClone(move.value) as unknown as AlertConfig));
    case 'check': {
      const alerts = await one.checkAndAlert(move.id, { ...move.value });
      ids.push(...alerts.map(({ id }) => id));
      return comparable(structuredClone(alerts));
    }
    case 'acknowledge':
      return settled(one.acknowledgeAlert(ids[move.index] ?? 'none', `user-${move.index}`));
    case 'autoPause':
      return one.setAutoPause(move.id, move.enabled);
    case 'clear':
      return one.clearOldAlerts(move.id, new Date(Date.now() - 500));
    case 'filter':
      return comparable(await one.getFilteredAlertHistory(move.value as AlertHistoryFilter));
    case 'wait':
      return null;
  }
}

test('any sequence of calls', async () => {
  let alerts = 0;
  await fc.assert(
    fc.asyncProperty(configuration, fc.array(step, { minLength: 10, maxLength: 40 }), async (first, rest) => {
      const moves = [{ do: 'configure', value: first } as const, ...rest];
      jest.setSystemTime(NOON);
      const [ours, theirs] = [system(), new Published()];
      const [ourIds, theirIds]: [string[], string[]] = [[], []];
      for (const move of moves) {
        if (move.do === 'wait') jest.setSystemTime(Date.now() + move.ms);
        const expected = await play(theirs, theirIds, move);
        expect(await play(ours, ourIds, move)).toEqual(expected);
      }
      for (const id of ['a', 'b', 'c']) {
        expect(await ours.getAlertStats(id)).toEqual(await theirs.getAlertStats(id));
        const range = { start: new Date(NOON + 1), end: new Date(NOON + 46_000) };
        expect(await ours.getAlertStats(id, range)).toEqual(await theirs.getAlertStats(id, range));
        for (const limit of [undefined, 0, 2]) {
          const expected = comparable(await theirs.getAlertHistory(id, limit));
          expect(comparable(await ours.getAlertHistory(id, limit))).toEqual(expected);
        }
      }
      alerts += ourIds.length;
      await ours.close({ timeout: 0 });
    }),
    { numRuns: 150 },
  );
  expect(alerts).toBeGreaterThan(100);
});

test.each<[string, (given: AlertConfig) => void, string]>([
  ['no orchestrator', given => Object.assign(given, { orchestratorId: '' }), 'orchestratorId'],
  ['no thresholds', given => Object.assign(given, { thresholds: [] }), 'thresholds'],
  [
    'a percentage above 100',
    given => Object.assign(given.thresholds[0] as object, { percentage: 101 }),
    'thresholds[0].percentage',
  ],
  [
    'a percentage below 0',
    given => Object.assign(given.thresholds[0] as object, { percentage: -1 }),
    'thresholds[0].percentage',
  ],
  ['no channels', given => Object.assign(given, { channels: [] }), 'channels'],
  ['no rate limit', given => Object.assign(given, { rateLimit: undefined }), 'rateLimit'],
])('%s is refused by both, here by the name of the field', async (_what, spoil, field) => {
  const given = config({ channels: [inApp()] });
  spoil(given);
  await expect(new Published().configureAlerts(structuredClone(given))).rejects.toThrow();
  await expect(system().configureAlerts(given)).rejects.toMatchObject({ code: 'INVALID_CONFIG', field });
});

test('the enums are the published ones', () => {
  const published = require(`${require('../support/published').publishedBudgetFolder()}/alert-types.js`);
  expect({ ...AlertLevel }).toEqual({ ...published.AlertLevel });
  expect({ ...AlertChannel }).toEqual({ ...published.AlertChannel });
});
