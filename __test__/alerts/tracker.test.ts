/** Attached to a tracker: what it tells is alerted, and who is to be paused is paused. */
import { EventEmitter } from 'node:events';
import {
  type Alert,
  AlertLevel,
  type BudgetAlertSystem,
  type InAppEvent,
} from '@wundr.io/token-budget/alerts';
import type { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { closeAll as closeTrackers, manualClock, NOON, tracker, usage } from '../facade/helpers';
import { eventually } from '../support/system';
import { at, closeAll, config, system } from './helpers';

afterEach(async () => {
  await closeAll();
  await closeTrackers();
});

const THRESHOLDS = [
  { percentage: 50, level: AlertLevel.INFO },
  { percentage: 90, level: AlertLevel.CRITICAL, autoPause: true },
];
const BUDGET = { defaultBudget: { hourly: 1000, daily: 100_000 } };

/** The alerts of `orch`, oldest first, as soon as there are so many. */
const alertsOf = (alerts: BudgetAlertSystem, count: number) =>
  eventually(`${count} alerts`, async () => {
    const found = await alerts.getFilteredAlertHistory({ orchestratorId: 'orch', sortOrder: 'asc' });
    return found.length >= count ? found : undefined;
  });

type Pausing = TokenBudgetTracker & { paused: unknown[][]; resumed: unknown[][] };

/** A tracker that remembers who it was told to pause. */
function pausing(made: TokenBudgetTracker, fails: () => boolean = () => false): Pausing {
  const paused: unknown[][] = [];
  const resumed: unknown[][] = [];
  return Object.assign(made, {
    ...{ paused, resumed },
    pauseOrchestrator: async (...args: unknown[]) => {
      paused.push(args);
      if (fails()) throw new Error('the store is away');
    },
    resumeOrchestrator: async (...args: unknown[]) => void resumed.push(args),
  }) as unknown as Pausing;
}

test('thresholds of a tracker alert, once, by their window', async () => {
  const made = tracker(BUDGET);
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  const detach = alerts.attach(made);
  await made.trackUsage(usage(600));
  await made.trackUsage(usage(1, { orchestratorId: 'other' }));
  const [first] = await alertsOf(alerts, 1);
  expect(first).toMatchObject({
    ...{ level: 'info', title: '[INFO] Budget Alert: 60.0% Used', metadata: { period: 'hourly' } },
    currentUsage: { tokensUsed: 600, tokensLimit: 1000, percentageUsed: 60, costUsed: 0 },
  });
  await made.trackUsage(usage(350));
  const all = await alertsOf(alerts, 2);
  expect(all.map(({ level }) => level)).toEqual(['info', 'critical']);
  detach();
  await made.trackUsage(usage(200));
  expect(await alertsOf(alerts, 2)).toHaveLength(2);
  expect(made.listenerCount('threshold:90')).toBe(0);
});

test('each window alerts for itself', async () => {
  const made = tracker({ defaultBudget: { hourly: 1000, daily: 1000, monthly: 1000 } });
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: [{ percentage: 50, level: AlertLevel.INFO }] }));
  alerts.attach(made, { periods: ['hourly', 'daily'] });
  await made.trackUsage(usage(600));
  const all = await alertsOf(alerts, 2);
  expect(all.map(({ metadata }) => metadata?.period)).toEqual(['hourly', 'daily']);
});

test('auto-pause pauses by the tracker and by the callback, and resume undoes it', async () => {
  const made = pausing(tracker(BUDGET));
  const called: unknown[][] = [];
  const alerts = system({
    onPause: (id, alert) => void called.push(['pause', id, alert.level]),
    onResume: id => void called.push(['resume', id]),
  });
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(made, { pauseUntil: 'window-end' });
  await made.trackUsage(usage(950));
  const all = await alertsOf(alerts, 2);
  await eventually('it is paused', () => (called.length === 1 ? true : undefined));
  expect(made.paused).toEqual([
    [
      'orch',
      {
        reason: '[CRITICAL] Budget Alert: 95.0% Used',
        pausedBy: 'budget-alerts',
        until: new Date(NOON + 1_800_000),
      },
    ],
  ]);
  expect(called).toEqual([['pause', 'orch', 'critical']]);
  const marked = await eventually('it is noted', async () => {
    const found = await alertsOf(alerts, 2);
    return found.some(({ autoPauseTriggered }) => autoPauseTriggered) ? found : undefined;
  });
  expect(marked.map(({ autoPauseTriggered }) => autoPauseTriggered)).toEqual([undefined, true]);
  expect(all).toHaveLength(2);
  await alerts.resume('orch');
  expect([called[1], made.resumed]).toEqual([['resume', 'orch'], [['orch']]]);
});

test('a tracker denies from then on, in every process, until somebody resumes', async () => {
  const made = tracker({ ...BUDGET, memory: { name: 'alerts-pause' } });
  const neighbour = tracker({ ...BUDGET, memory: { name: 'alerts-pause' } });
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(made);
  await made.trackUsage(usage(950));
  await eventually('checks are refused', async () =>
    (await neighbour.checkBudget('orch', 1)).allowed ? undefined : true,
  );
  expect(await made.checkBudget('orch', 1)).toMatchObject({ allowed: false, paused: true });
  expect(await neighbour.reserveTokens('orch', 1)).toMatchObject({ success: false });
  expect(await neighbour.getPause('orch')).toMatchObject({
    ...{ reason: '[CRITICAL] Budget Alert: 95.0% Used', pausedBy: 'budget-alerts' },
  });
  expect(await made.checkBudget('other', 1)).toMatchObject({ allowed: true });
  await alerts.resume('orch');
  expect(await made.getPause('orch')).toBeNull();
  expect(await neighbour.checkBudget('orch', 1)).toMatchObject({ allowed: true });
});

test('a pause until the end of the window ends with it', async () => {
  const clock = manualClock();
  const made = tracker(BUDGET, clock);
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(made, { pauseUntil: 'window-end' });
  await made.trackUsage(usage(950));
  const pause = await eventually('it is paused', async () => (await made.getPause('orch')) ?? undefined);
  expect(pause.until).toEqual(new Date(NOON + 1_800_000));
  clock.now = NOON + 1_800_000;
  expect(await made.checkBudget('orch', 1)).toMatchObject({ allowed: true });
});

test('a budget in money pauses as well', async () => {
  const hourlyCost = { amount: '10', currency: 'USD' };
  const made = tracker({ defaultBudget: { hourly: 1000, hourlyCost } });
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(made);
  await made.trackUsage(usage(1, { cost: { amount: '9.50', currency: 'USD' } }));
  const all = await alertsOf(alerts, 2);
  expect(all[1]).toMatchObject({
    ...{ level: 'critical', metadata: { period: 'hourly', unit: 'cost' } },
    currentUsage: { percentageUsed: 95, costUsed: 9.5, costLimit: 10, tokensUsed: 1, tokensLimit: 1000 },
  });
  await eventually('it is paused', async () => (await made.getPause('orch')) ?? undefined);
});

test('not when auto-pause is switched off', async () => {
  const called: string[] = [];
  const alerts = system({ onPause: id => void called.push(id) });
  const rateLimit = { maxAlertsPerThreshold: 9, windowMs: 60_000 };
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS, rateLimit }));
  await alerts.setAutoPause('orch', false);
  const [, critical] = await alerts.checkAndAlert('orch', at(95));
  expect(critical?.autoPauseTriggered).toBeUndefined();
  await alerts.setAutoPause('orch', true);
  const [, again] = await alerts.checkAndAlert('orch', at(95));
  expect(again?.autoPauseTriggered).toBe(true);
  expect(called).toEqual(['orch']);
  expect((await alerts.getAlertStats('orch')).autoPauseCount).toBe(1);
});

test('a pause that failed is told, and made by the next check', async () => {
  let isAway = true;
  const made = pausing(tracker(BUDGET), () => isAway);
  const errors: unknown[] = [];
  const alerts = system({ onError: (error, context) => errors.push([(error as Error).message, context]) });
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(made);
  const [, alert] = await alerts.checkAndAlert('orch', at(95));
  expect(alert?.autoPauseTriggered).toBe(false);
  expect(errors).toEqual([
    ['the store is away', { of: 'pause', orchestratorId: 'orch', alertId: alert?.id }],
  ]);
  isAway = false;
  expect(await alerts.checkAndAlert('orch', at(95))).toEqual([]);
  expect(made.paused).toHaveLength(2);
  const [, mended] = await alertsOf(alerts, 2);
  expect(mended?.autoPauseTriggered).toBe(true);
  await alerts.checkAndAlert('orch', at(95));
  expect(made.paused).toHaveLength(2);
});

test('checkEveryMs looks for percentages that the tracker has no threshold for', async () => {
  const made = tracker({ ...BUDGET, thresholds: [1] });
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: [{ percentage: 60, level: AlertLevel.INFO }] }));
  alerts.attach(made, { checkEveryMs: 5, costs: async () => ({ used: 1.5, limit: 2 }) });
  await made.trackUsage(usage(650));
  const [alert] = await alertsOf(alerts, 1);
  expect(alert).toMatchObject({
    currentUsage: { percentageUsed: 65, costUsed: 1.5, costLimit: 2 },
    metadata: { period: 'hourly' },
  });
});

test('budgets in money alert for themselves', async () => {
  const cost = {
    used: { amount: '9.50', currency: 'USD' },
    limit: { amount: '10', currency: 'USD' },
    percentUsed: 95,
  };
  const stats = { totalUsed: 100, limit: 1000, percentUsed: 10, cost, periodEnd: new Date() };
  const fake = Object.assign(new EventEmitter(), { getUsageStats: async () => stats });
  const alerts = system();
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(fake, { periods: ['hourly'] });
  fake.emit('threshold:90', {
    ...{ orchestratorId: 'orch', period: 'hourly', threshold: 0.9, unit: 'cost' },
    ...{ currentUsage: 9_500_000, limit: 10_000_000, percentUsed: 95 },
  });
  const [, critical] = await alertsOf(alerts, 2);
  expect(critical).toMatchObject({
    metadata: { period: 'hourly', unit: 'cost' },
    currentUsage: { tokensUsed: 100, tokensLimit: 1000, costUsed: 9.5, costLimit: 10, percentageUsed: 95 },
    message: 'Budget usage has reached 95.0% (100 / 1,000 tokens). Cost: $9.50 / $10.00',
  });
});

test('a store that does not answer is no reason not to alert', async () => {
  const away = async () => {
    throw new Error('away');
  };
  const fake = Object.assign(new EventEmitter(), { getUsageStats: away });
  const errors: unknown[] = [];
  const alerts = system({ onError: error => errors.push(error) });
  await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
  alerts.attach(fake, { checkEveryMs: 1 });
  const told = { orchestratorId: 'orch', period: 'hourly', threshold: 0.5, currentUsage: 510, limit: 1000 };
  fake.emit('threshold:50', { ...told, percentUsed: 51 });
  expect(await alertsOf(alerts, 1)).toMatchObject([{ currentUsage: { tokensUsed: 510 } }]);
  fake.emit('usage:tracked', { orchestratorId: 'orch' });
  await eventually('it is told', () => (errors.length === 1 ? true : undefined));
});

test('defaults are for whoever has no configuration', async () => {
  const { orchestratorId: _none, ...defaults } = config({ thresholds: THRESHOLDS });
  const made = tracker(BUDGET);
  const alerts = system({ defaults });
  alerts.attach(made);
  await made.trackUsage(usage(600, { orchestratorId: 'anybody' }));
  await eventually('an alert', async () =>
    (await alerts.getAlertHistory('anybody')).length === 1 ? true : undefined,
  );
  await alerts.configureAlerts(config({ orchestratorId: 'anybody', enabled: false }));
  expect(await alerts.checkAndAlert('anybody', at(99))).toEqual([]);
  expect(await alerts.removeAlerts('anybody')).toBe(true);
  expect(await alerts.removeAlerts('anybody')).toBe(false);
  expect(await alerts.checkAndAlert('anybody', at(99))).toHaveLength(2);
});

describe('escalation', () => {
  const escalating = (escalateAfterMs: number) =>
    config({
      escalateAfterMs,
      channels: [
        { ...config().channels[0], minLevel: AlertLevel.CRITICAL, config: { userIds: ['boss'] } } as never,
      ],
    });

  test('what nobody acknowledges goes up, level by level, to the channels of each', async () => {
    const told: Alert[] = [];
    const alerts = system({ onEscalation: alert => told.push(alert) });
    const boss = alerts.stream('boss');
    await alerts.configureAlerts(escalating(30));
    const [alert] = await alerts.checkAndAlert('orch', at(85));
    expect(alert).toMatchObject({ level: 'warning', channels: [] });
    const events: InAppEvent[] = [(await boss.next()).value, (await boss.next()).value];
    expect(events.map(({ payload }) => payload.title)).toEqual([
      '[CRITICAL] Budget Alert: 85.0% Used',
      '[EMERGENCY] Budget Alert: 85.0% Used',
    ]);
    const [now] = await eventually('it has been delivered', async () => {
      const found = await alerts.getAlertHistory('orch');
      return found[0]?.channels.length === 2 ? found : undefined;
    });
    expect(now).toMatchObject({
      ...{ id: alert?.id, level: 'emergency', threshold: { level: 'warning' } },
      escalations: [
        { from: 'warning', to: 'critical', at: expect.any(Date) },
        { from: 'critical', to: 'emergency', at: expect.any(Date) },
      ],
    });
    expect(told.map(({ level }) => level)).toEqual(['critical', 'emergency']);
  });

  test('what somebody acknowledged stays', async () => {
    const alerts = system({ escalateAfterMs: 200 });
    await alerts.configureAlerts(config({ thresholds: THRESHOLDS }));
    const [info, critical] = await alerts.checkAndAlert('orch', at(95));
    await alerts.acknowledgeAlert(info?.id ?? '', 'ada', { note: 'on it' });
    const all = await eventually('the other one went up', async () => {
      const found = await alertsOf(alerts, 2);
      return found.some(({ id, level }) => id === critical?.id && level === 'emergency') ? found : undefined;
    });
    expect(all[0]).toMatchObject({
      ...{ level: 'info', acknowledged: true, acknowledgedBy: 'ada', acknowledgmentNote: 'on it' },
      acknowledgedAt: expect.any(Date),
    });
    await expect(alerts.acknowledgeAlert(info?.id ?? '', 'bob')).rejects.toMatchObject({
      ...{ code: 'ALERT_ACKNOWLEDGED', message: `Alert already acknowledged: ${info?.id}` },
    });
    await expect(alerts.acknowledgeAlert('none', 'bob')).rejects.toMatchObject({
      ...{ code: 'ALERT_NOT_FOUND', message: 'Alert not found: none' },
    });
  });
});

test.each<[string, unknown, unknown, string]>([
  ['no tracker', {}, {}, 'tracker'],
  ['a period that is none', null, { periods: ['weekly'] }, 'options.periods[0]'],
  ['a time that is none', null, { checkEveryMs: 0 }, 'options.checkEveryMs'],
  ['costs that are no function', null, { costs: 1 }, 'options.costs'],
  ['another end', null, { pauseUntil: 'tomorrow' }, 'options.pauseUntil'],
  ['an unknown option', null, { period: 'hourly' }, 'options.period'],
])('attach refuses %s', (_what, given, options, field) => {
  const made = given ?? tracker({}, manualClock());
  expect(() => system().attach(made as never, options as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
  );
});
