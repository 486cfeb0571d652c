import { closeAll, tracker, usage } from './helpers';

afterEach(closeAll);

describe('checkBudget', () => {
  test('says what would be left, and what there is', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    await subject.trackUsage(usage(300));
    await subject.reserveTokens('orch', 200);

    expect(await subject.checkBudget('orch', 100)).toEqual({
      allowed: true,
      remaining: 400,
      limit: 1000,
      period: 'hourly',
      percentUsed: 50,
      estimatedTokens: 100,
      wouldExceed: false,
      message: undefined,
      available: 500,
    });
  });

  test('allows what fits exactly and refuses one token more, in the published words', async () => {
    const subject = tracker({ defaultBudget: { daily: 1000 } });
    await subject.trackUsage(usage(600));

    expect((await subject.checkBudget('orch', 400, 'daily')).allowed).toBe(true);
    expect(await subject.checkBudget('orch', 401, 'daily')).toMatchObject({
      allowed: false,
      wouldExceed: true,
      remaining: 0,
      available: 400,
      message: 'Would exceed daily budget (401 tokens needed, 400 available)',
    });
  });

  test('a period without a limit allows everything', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    expect(await subject.checkBudget('orch', Number.MAX_SAFE_INTEGER, 'monthly')).toEqual({
      allowed: true,
      remaining: Infinity,
      limit: Infinity,
      period: 'monthly',
      percentUsed: 0,
      estimatedTokens: Number.MAX_SAFE_INTEGER,
      wouldExceed: false,
      message: 'No budget limit set for this period',
      available: Infinity,
    });
  });

  test('a limit of 0 allows nothing but 0 tokens', async () => {
    const subject = tracker({ defaultBudget: { hourly: 0 } });
    expect(await subject.checkBudget('orch', 1)).toMatchObject({
      allowed: false,
      limit: 0,
      percentUsed: 100,
    });
    expect((await subject.checkBudget('orch', 0)).allowed).toBe(true);
  });

  test('holds nothing and records nothing', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    await Promise.all(Array.from({ length: 50 }, () => subject.checkBudget('orch', 1000)));
    expect(await subject.getUsageStats('orch')).toMatchObject({
      totalUsed: 0,
      reservedTokens: 0,
      remaining: 1000,
    });
  });

  test('a budget of its own replaces the default as a whole', async () => {
    const subject = tracker({
      defaultBudget: { hourly: 100, daily: 100 },
      orchestratorBudgets: { special: { hourly: 5000 } },
    });
    expect((await subject.checkBudget('special', 1)).limit).toBe(5000);
    expect((await subject.checkBudget('special', 1, 'daily')).limit).toBe(Infinity);
    expect((await subject.checkBudget('other', 1)).limit).toBe(100);
  });

  test('an orchestrator may be called like a member of every object', async () => {
    const own = JSON.parse('{"__proto__":{"hourly":7},"constructor":{"hourly":8}}');
    const subject = tracker({ defaultBudget: { hourly: 100 }, orchestratorBudgets: own });
    expect((await subject.checkBudget('__proto__', 1)).limit).toBe(7);
    expect((await subject.checkBudget('constructor', 1)).limit).toBe(8);
    expect((await subject.checkBudget('hasOwnProperty', 1)).limit).toBe(100);
  });
});
