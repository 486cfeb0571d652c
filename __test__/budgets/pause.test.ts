/** A paused orchestrator is granted nothing, whatever keeps the state, for every process at once. */
import type { BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { heard, rejection, usage } from '../facade/helpers';
import { eventually } from '../support/system';
import { trackersOverStores } from './trackers';

const HOUR_MS = 3_600_000;

const over = trackersOverStores('pause');

describe.each(over.stores)('in %s', store => {
  let config: BudgetConfig;

  beforeEach(() => {
    config = { defaultBudget: { hourly: 1000 }, ...over.configOf(store) };
  });

  function tracker(more: BudgetConfig = {}): TokenBudgetTracker {
    return over.open({ ...config, ...more });
  }

  test('nothing is granted, everything is recorded, until it is resumed', async () => {
    const subject = tracker();
    const paused = heard(subject, 'orchestrator:paused');
    const resumed = heard(subject, 'orchestrator:resumed');
    const denied = heard(subject, 'budget:denied');
    const held = await subject.reserveTokens('orch', 100);
    expect(await subject.getPause('orch')).toBeNull();
    await subject.pauseOrchestrator('orch', { reason: 'a "loop"!', pausedBy: 'ops' });
    expect(await subject.checkBudget('orch', 1)).toMatchObject({
      allowed: false,
      paused: true,
      wouldExceed: false,
      available: 900,
      limit: 1000,
      message: 'The orchestrator is paused',
    });
    const refused = await subject.reserveTokens('orch', 1, 'all');
    expect(refused).toMatchObject({ success: false, paused: true, retryable: true, period: 'hourly' });
    expect(refused.error).toBe('The orchestrator is paused');
    expect(refused.resetsAt).toBeUndefined();
    expect(denied.map(([event]) => (event as { source: string }).source)).toEqual(['check', 'reserve']);
    await subject.trackUsage(usage(30, { timestamp: new Date() }));
    await subject.releaseReservation(held.reservationId as string, 50);
    expect(await subject.getUsageStats('orch')).toMatchObject({ totalUsed: 80, reservedTokens: 0 });
    const pause = await subject.getPause('orch');
    expect(pause).toEqual({
      orchestratorId: 'orch',
      reason: 'a "loop"!',
      pausedBy: 'ops',
      pausedAt: expect.any(Date),
    });
    expect((await subject.checkBudget('other', 1)).paused).toBeUndefined();
    expect(await subject.resumeOrchestrator('orch')).toBe(true);
    expect(await subject.resumeOrchestrator('orch')).toBe(false);
    expect((await subject.reserveTokens('orch', 1)).success).toBe(true);
    expect(paused).toEqual([[pause]]);
    expect(resumed).toEqual([[{ orchestratorId: 'orch' }]]);
  });

  test('another tracker refuses as well, and it lasts beyond both', async () => {
    const [first, second] = [tracker(), tracker()];
    const until = new Date(Date.now() + HOUR_MS);
    await first.pauseOrchestrator('orch', { until });
    const refused = await second.reserveTokens('orch', 1);
    expect(refused).toMatchObject({ success: false, paused: true, resetsAt: until });
    expect(refused.error).toContain(until.toISOString());
    if (store === 'memory') return;
    await Promise.all([first.close(), second.close()]);
    const third = tracker();
    expect(await third.getPause('orch')).toMatchObject({ until });
    expect((await third.checkBudget('orch', 1)).paused).toBe(true);
    expect(await third.resumeOrchestrator('orch')).toBe(true);
  });

  test('it ends by itself', async () => {
    const subject = tracker();
    await subject.pauseOrchestrator('orch', { until: new Date(Date.now() + 300) });
    await eventually('it is granted again', async () => {
      expect((await subject.reserveTokens('orch', 1)).success).toBe(true);
      return true;
    });
    expect(await subject.getPause('orch')).toBeNull();
    const paused = heard(subject, 'orchestrator:paused');
    await subject.pauseOrchestrator('orch', { until: new Date(0) });
    expect(await subject.getPause('orch')).toBeNull();
    expect(paused).toEqual([]);
  });

  test('bad arguments are named', async () => {
    const subject = tracker();
    const fieldOf = async (options: object) =>
      (await rejection(subject.pauseOrchestrator('orch', options as never))).field;
    expect(await fieldOf({ until: 5 })).toBe('options.until');
    expect(await fieldOf({ until: new Date(Number.NaN) })).toBe('options.until');
    expect(await fieldOf({ reason: 5 })).toBe('options.reason');
    expect(await fieldOf({ reason: 'x'.repeat(5000) })).toBe('options.reason');
    expect(await fieldOf({ pausedBy: null })).toBe('options.pausedBy');
    expect(await fieldOf({ untill: new Date() })).toBe('options.untill');
    expect((await rejection(subject.pauseOrchestrator(''))).field).toBe('orchestratorId');
    expect((await rejection(subject.resumeOrchestrator(5 as never))).field).toBe('orchestratorId');
  });
});

test('with broadcast every process hears of a pause and its end, each once', async () => {
  const config = { broadcast: true, ...over.configOf('Redis') };
  const trackers = [over.open(config), over.open(config)] as const;
  const paused = trackers.map(one => heard(one, 'orchestrator:paused'));
  const resumed = trackers.map(one => heard(one, 'orchestrator:resumed'));
  const [first, second] = trackers;
  await Promise.all(trackers.map(one => one.ready()));
  // Who listens is known once something was heard.
  await eventually('the other one listens', async () => {
    await first.pauseOrchestrator('warm-up');
    await first.resumeOrchestrator('warm-up');
    expect(paused[1]?.length).toBeGreaterThan(0);
    return true;
  });
  await first.pauseOrchestrator('last');
  await eventually('the last one is heard', () => lastOf(paused[1]) === 'last' || undefined);
  for (const list of [...paused, ...resumed]) list.length = 0;
  const until = new Date(Date.now() + HOUR_MS);
  await second.pauseOrchestrator('team:ä', { reason: 'für now', until, pausedBy: 'a b' });
  await eventually('the pause is heard', () => paused[0]?.length || undefined);
  expect(paused[0]).toEqual(paused[1]);
  expect(paused[0]?.[0]?.[0]).toMatchObject({
    orchestratorId: 'team:ä',
    reason: 'für now',
    until,
    pausedBy: 'a b',
  });
  await first.resumeOrchestrator('team:ä');
  await eventually('its end is heard', () => resumed[1]?.length || undefined);
  expect(resumed).toEqual([[[{ orchestratorId: 'team:ä' }]], [[{ orchestratorId: 'team:ä' }]]]);
});

function lastOf(calls: unknown[][] | undefined): string | undefined {
  return (calls?.at(-1)?.[0] as { orchestratorId: string } | undefined)?.orchestratorId;
}
