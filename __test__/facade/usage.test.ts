import { closeAll, granted, HOUR_MS, manualClock, NOON, rejection, tracker, usage } from './helpers';

afterEach(closeAll);

describe('trackUsage and getUsageStats', () => {
  test('the example of the documentation', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    await subject.trackUsage(usage(300, { promptTokens: 100, completionTokens: 200 }));
    expect(await subject.getUsageStats('orch', 'hourly')).toEqual({
      orchestratorId: 'orch',
      period: 'hourly',
      totalUsed: 300,
      limit: 1000,
      remaining: 700,
      percentUsed: 30,
      reservedTokens: 0,
      activeReservations: 0,
      periodStart: new Date(Date.UTC(2026, 0, 14, 12)),
      periodEnd: new Date(Date.UTC(2026, 0, 14, 13)),
      breakdown: {
        promptTokens: 100,
        completionTokens: 200,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
        unattributedTokens: 0,
      },
      topModels: [{ model: 'model-a', tokens: 300, percentage: 100 }],
    });
  });

  test('counts in every period, over the limit as well', async () => {
    const subject = tracker({ defaultBudget: { hourly: 10 } });
    await subject.trackUsage(usage(25));
    expect(await subject.getUsageStats('orch')).toMatchObject({
      totalUsed: 25,
      remaining: 0,
      percentUsed: 250,
    });
    expect((await subject.getUsageStats('orch', 'daily')).totalUsed).toBe(25);
    expect(await subject.getUsageStats('orch', 'monthly')).toMatchObject({
      totalUsed: 25,
      limit: Infinity,
      remaining: Infinity,
      percentUsed: 0,
    });
  });

  test('the five models with most tokens, each as its share of what was used', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1_000_000 } });
    for (const [index, tokens] of [10, 60, 20, 50, 30, 40].entries()) {
      await subject.trackUsage(usage(tokens, { model: `model-${index}` }));
    }
    const { topModels } = await subject.getUsageStats('orch');
    expect(topModels.map(entry => entry.tokens)).toEqual([60, 50, 40, 30, 20]);
    expect(topModels[0]).toEqual({ model: 'model-1', tokens: 60, percentage: (60 / 210) * 100 });
  });

  test('a window ends when it ends, without anybody asking', async () => {
    const clock = manualClock();
    const subject = tracker({ defaultBudget: { hourly: 100, daily: 1000 } }, clock);
    await subject.trackUsage(usage(100));
    clock.now += HOUR_MS;
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(0);
    expect((await subject.getUsageStats('orch', 'daily')).totalUsed).toBe(100);
  });

  test('what happened in an earlier window counts only where it still belongs', async () => {
    const subject = tracker();
    await subject.trackUsage(usage(7, { timestamp: new Date(NOON - HOUR_MS) }));
    await subject.trackUsage(usage(5, { timestamp: new Date(NOON + 10 * HOUR_MS) }));
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(5);
    expect((await subject.getUsageStats('orch', 'daily')).totalUsed).toBe(12);
  });

  test('days begin where the time zone says', async () => {
    const subject = tracker({ timeZone: 'Asia/Kolkata' });
    expect(await subject.getUsageStats('orch', 'daily')).toMatchObject({
      periodStart: new Date('2026-01-13T18:30:00Z'),
      periodEnd: new Date('2026-01-14T18:30:00Z'),
    });
  });

  test('the same requestId counts once', async () => {
    const clock = manualClock();
    const subject = tracker({ idempotencyTTL: 60_000 }, clock);
    await subject.trackUsage(usage(40, { requestId: 'req-1' }));
    await subject.trackUsage(usage(40, { requestId: 'req-1' }));
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(40);

    const error = await rejection(subject.trackUsage(usage(41, { requestId: 'req-1' })));
    expect(error).toMatchObject({ code: 'REQUEST_CONFLICT' });
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(40);
  });

  test('orchestrators do not see each other, however alike their ids', async () => {
    const subject = tracker();
    const ids = ['a', 'a:hourly', 'a%3Ahourly', 'A', 'a ', '{a}', 'a\u0301', 'á'];
    for (const [index, id] of ids.entries())
      await subject.trackUsage(usage(index + 1, { orchestratorId: id }));
    for (const [index, id] of ids.entries()) {
      expect(await subject.getUsageStats(id)).toMatchObject({ orchestratorId: id, totalUsed: index + 1 });
    }
  });

  test('trackers that name the same memory share it', async () => {
    const memory = { name: 'usage.test: shared' };
    await tracker({ memory }).trackUsage(usage(3));
    expect((await tracker({ memory }).getUsageStats('orch')).totalUsed).toBe(3);
    expect((await tracker().getUsageStats('orch')).totalUsed).toBe(0);
  });
});

describe('getUsageHistory', () => {
  test('newest first, as it was reported', async () => {
    const subject = tracker();
    const first = usage(10, { timestamp: new Date(NOON - 5), metadata: { task: 'é😀', nested: [1, null] } });
    const second = usage(20, {
      requestId: 'req-2',
      cacheReadTokens: 4,
      cacheWriteTokens: 3,
      reasoningTokens: 2,
    });
    await subject.trackUsage(first);
    await subject.trackUsage(second);
    expect(await subject.getUsageHistory('orch')).toEqual([second, first]);
    expect(await subject.getUsageHistory('orch', 'monthly', { limit: 1, offset: 1 })).toEqual([first]);
    expect(await subject.getUsageHistory('orch', 'daily', { limit: 0 })).toEqual([]);
    expect(await subject.getUsageHistory('nobody')).toEqual([]);
  });

  test('tells which reservation a usage came from', async () => {
    const subject = tracker();
    const id = granted(await subject.reserveTokens('orch', 10));
    await subject.releaseReservation(id, 7, { promptTokens: 7, sessionId: 's', model: 'm' });
    expect(await subject.getUsageHistory('orch')).toMatchObject([
      {
        reservationId: id,
        totalTokens: 7,
        promptTokens: 7,
        sessionId: 's',
        model: 'm',
        timestamp: new Date(NOON),
      },
    ]);
  });

  test('keeps at most historyLimit entries, the newest', async () => {
    const subject = tracker({ historyLimit: 2 });
    for (const tokens of [1, 2, 3]) await subject.trackUsage(usage(tokens));
    expect((await subject.getUsageHistory('orch')).map(entry => entry.totalTokens)).toEqual([3, 2]);

    const without = tracker({ historyLimit: 0 });
    await without.trackUsage(usage(1));
    expect(await without.getUsageHistory('orch')).toEqual([]);
  });

  test('metadata: toJSON is honoured, once; half a surrogate pair becomes U+FFFD', async () => {
    const subject = tracker();
    const toJSON = jest.fn(() => ({ cut: '😀'.slice(0, 1), path: 'C:\\ud800' }));
    await subject.trackUsage(usage(1, { metadata: { toJSON } }));
    expect(toJSON).toHaveBeenCalledTimes(1);
    expect((await subject.getUsageHistory('orch'))[0]?.metadata).toEqual({
      cut: '\ufffd',
      path: 'C:\\ud800',
    });
  });
});
