import type { BudgetOverride } from '@wundr.io/token-budget';
import { closeAll, HOUR_MS, heard, manualClock, NOON, rejection, tracker, usage } from './helpers';

afterEach(closeAll);

function override(more: Partial<BudgetOverride> = {}): BudgetOverride {
  return {
    orchestratorId: 'orch',
    period: 'hourly',
    additionalTokens: 500,
    reason: 'Production incident',
    expiresAt: new Date(NOON + 60_000),
    createdBy: 'ops',
    ...more,
  };
}

describe('overrides', () => {
  test('raise the limit of one period until they expire', async () => {
    const clock = manualClock();
    const subject = tracker({ defaultBudget: { hourly: 1000, daily: 1000 } }, clock);
    await subject.setBudgetOverride(override());
    await subject.setBudgetOverride(override({ additionalTokens: 250 }));
    expect((await subject.checkBudget('orch', 1750)).allowed).toBe(true);
    expect((await subject.checkBudget('orch', 1, 'daily')).limit).toBe(1000);
    expect((await subject.reserveTokens('orch', 1750)).success).toBe(true);

    clock.now += 60_000;
    expect((await subject.checkBudget('orch', 1)).limit).toBe(1000);
  });

  test('one that is over has no effect; no limit stays no limit', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    await subject.setBudgetOverride(override({ expiresAt: new Date(NOON) }));
    await subject.setBudgetOverride(override({ period: 'daily' }));
    expect((await subject.checkBudget('orch', 1)).limit).toBe(1000);
    expect((await subject.checkBudget('orch', 1, 'daily')).limit).toBe(Infinity);
  });

  test('are listed, soonest expiry first, and removed by their id', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    const late = override({
      id: 'late',
      expiresAt: new Date(NOON + 2 * HOUR_MS),
      metadata: { ticket: 'INC-1' },
    });
    await subject.setBudgetOverride(late);
    await subject.setBudgetOverride(override({ period: 'daily' }));
    const listed = await subject.listOverrides('orch');
    expect(listed).toEqual([{ ...override({ period: 'daily' }), id: expect.any(String) }, late]);
    expect(await subject.listOverrides('orch', 'hourly')).toEqual([late]);

    const removed = heard(subject, 'override:removed');
    expect(await subject.removeOverride('orch', 'late')).toBe(true);
    expect(await subject.removeOverride('orch', 'late')).toBe(false);
    expect(removed).toEqual([[{ orchestratorId: 'orch', id: 'late' }]]);
    expect((await subject.checkBudget('orch', 1)).limit).toBe(1000);
  });

  test('one with the same id is replaced', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    await subject.setBudgetOverride(override({ id: 'mine', additionalTokens: 1 }));
    await subject.setBudgetOverride(override({ id: 'mine', additionalTokens: 2 }));
    expect((await subject.checkBudget('orch', 1)).limit).toBe(1002);
  });

  test('can be forbidden', async () => {
    const subject = tracker({ enableOverrides: false });
    expect(await rejection(subject.setBudgetOverride(override()))).toMatchObject({
      code: 'OVERRIDES_DISABLED',
      message: 'Budget overrides are disabled',
    });
  });

  test('at most 1,000 are live at once', async () => {
    const subject = tracker();
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) => subject.setBudgetOverride(override({ id: `${index}` }))),
    );
    expect(await rejection(subject.setBudgetOverride(override()))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('setBudget and getBudget', () => {
  test('limits set at run time replace the configured ones as a whole, until null', async () => {
    const subject = tracker({ defaultBudget: { hourly: 100, daily: 200 } });
    expect(await subject.getBudget('orch')).toEqual({
      base: { hourly: 100, daily: 200 },
      effective: { hourly: 100, daily: 200 },
      source: 'configured',
    });

    await subject.setBudget('orch', { hourly: 5, monthly: 0 });
    await subject.setBudgetOverride(override({ additionalTokens: 10 }));
    expect(await subject.getBudget('orch')).toEqual({
      base: { hourly: 5, monthly: 0 },
      effective: { hourly: 15, monthly: 0 },
      source: 'stored',
    });
    expect((await subject.checkBudget('orch', 1, 'daily')).limit).toBe(Infinity);
    expect((await subject.checkBudget('other', 1)).limit).toBe(100);

    await subject.setBudget('orch', null);
    expect((await subject.getBudget('orch')).source).toBe('configured');
  });

  test('a smaller budget counts what is used already', async () => {
    const subject = tracker({ defaultBudget: { hourly: 100 } });
    await subject.trackUsage(usage(60));
    await subject.setBudget('orch', { hourly: 50 });
    expect(await subject.checkBudget('orch', 1)).toMatchObject({
      allowed: false,
      available: 0,
      percentUsed: 120,
    });
  });
});
