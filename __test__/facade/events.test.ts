import type { StoredOverride } from '@wundr.io/token-budget';
import { closeAll, granted, HOUR_MS, heard, manualClock, NOON, tracker, usage } from './helpers';

afterEach(closeAll);

describe('threshold events', () => {
  test('each threshold once on the way up, with the numbers of the moment', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1000 } });
    const order: string[] = [];
    for (const name of [
      'threshold:50',
      'threshold:75',
      'threshold:90',
      'threshold:100',
      'budget:exceeded',
    ] as const) {
      subject.on(name, () => order.push(name));
    }
    const half = heard(subject, 'threshold:50');

    await subject.trackUsage(usage(499));
    expect(order).toEqual([]);
    await subject.trackUsage(usage(1));
    await subject.trackUsage(usage(100));
    expect(order).toEqual(['threshold:50']);
    expect(half[0]).toEqual([
      {
        orchestratorId: 'orch',
        period: 'hourly',
        threshold: 0.5,
        unit: 'tokens',
        currentUsage: 500,
        limit: 1000,
        percentUsed: 50,
        timestamp: new Date(NOON),
        reservedTokens: 0,
      },
    ]);

    await subject.trackUsage(usage(500));
    expect(order.slice(1)).toEqual(['threshold:75', 'threshold:90', 'threshold:100', 'budget:exceeded']);
  });

  test.each([
    [0.5, 'threshold:50'],
    [0.125, 'threshold:12.5'],
    [0.29, 'threshold:29'],
    [0.07, 'threshold:7'],
    [1.1, 'threshold:110'],
    [1.5, 'threshold:150'],
  ])('the threshold %d is called %s', async (threshold, name) => {
    const subject = tracker({ defaultBudget: { hourly: 1000 }, thresholds: [threshold] });
    const events = heard(subject, name);
    const exceeded = heard(subject, 'budget:exceeded');
    await subject.trackUsage(usage(2000));
    expect(events).toHaveLength(1);
    expect(exceeded).toHaveLength(threshold >= 1 ? 1 : 0);
  });

  test('a new window and clearThresholdCache arm them anew', async () => {
    const clock = manualClock();
    const subject = tracker({ defaultBudget: { hourly: 100 } }, clock);
    const half = heard(subject, 'threshold:50');
    await subject.trackUsage(usage(60));
    await subject.trackUsage(usage(1));
    expect(half).toHaveLength(1);

    await subject.clearThresholdCache();
    await subject.trackUsage(usage(1));
    expect(half).toHaveLength(2);
    await subject.clearThresholdCache('orch', 'daily');
    await subject.trackUsage(usage(1));
    expect(half).toHaveLength(2);
    await subject.clearThresholdCache('orch', 'hourly');
    await subject.trackUsage(usage(1));
    expect(half).toHaveLength(3);

    clock.now += HOUR_MS;
    await subject.trackUsage(usage(60, { timestamp: new Date(clock.now) }));
    expect(half).toHaveLength(4);
  });

  test('no thresholds, no events', async () => {
    const subject = tracker({ defaultBudget: { hourly: 1 }, thresholds: [] });
    const exceeded = heard(subject, 'budget:exceeded');
    await subject.trackUsage(usage(100));
    expect(exceeded).toEqual([]);
  });
});

describe('events of operations', () => {
  test('usage:tracked carries the usage as it was given; a duplicate is silent', async () => {
    const subject = tracker();
    const tracked = heard(subject, 'usage:tracked');
    const given = usage(5, { requestId: 'req-1' });
    await subject.trackUsage(given);
    await subject.trackUsage(given);
    expect(tracked).toHaveLength(1);
    expect(tracked[0]?.[0]).toBe(given);
  });

  test('a release that recorded something tells the usage it was', async () => {
    const subject = tracker();
    const tracked = heard(subject, 'usage:tracked');
    const id = granted(await subject.reserveTokens('orch', 10));
    await subject.releaseReservation(id, 7, {
      promptTokens: 4,
      completionTokens: 3,
      cacheReadTokens: 2,
      model: 'model-b',
      sessionId: 'session-2',
      requestId: 'req-9',
    });
    await subject.releaseReservation(granted(await subject.reserveTokens('orch', 10)), 0);
    expect(tracked).toEqual([
      [
        {
          orchestratorId: 'orch',
          sessionId: 'session-2',
          timestamp: new Date(NOON),
          promptTokens: 4,
          completionTokens: 3,
          cacheReadTokens: 2,
          cacheWriteTokens: 0,
          reasoningTokens: 0,
          totalTokens: 7,
          model: 'model-b',
          requestId: 'req-9',
        },
      ],
    ]);
  });

  test('reservation:created, reservation:released', async () => {
    const subject = tracker();
    const created = heard(subject, 'reservation:created');
    const released = heard(subject, 'reservation:released');
    const result = await subject.reserveTokens('orch', 10);
    await subject.releaseReservation(granted(result), 0);
    expect(created).toEqual([[result.reservation]]);
    expect(released).toEqual([
      [result.reservationId, { reserved: 10, actual: 0, overage: 0, late: false, recorded: 0 }],
    ]);
  });

  test('reservation:expired, told by the next call that finds it', async () => {
    const clock = manualClock();
    const subject = tracker({ defaultBudget: { hourly: 10 } }, clock);
    const expired = heard(subject, 'reservation:expired');
    const { reservation } = await subject.reserveTokens('orch', 10, ['hourly', 'monthly'], { ttl: 1000 });
    clock.now += 1000;
    expect((await subject.reserveTokens('orch', 10)).success).toBe(true);
    expect(expired).toEqual([[reservation]]);
  });

  test('budget:denied, for checks and reservations', async () => {
    const subject = tracker({ defaultBudget: { daily: 10 } });
    const denied = heard(subject, 'budget:denied');
    await subject.checkBudget('orch', 11, 'daily');
    await subject.reserveTokens('orch', 12, 'all');
    const common = {
      orchestratorId: 'orch',
      period: 'daily',
      available: 10,
      limit: 10,
      limitedBy: 'tokens',
      timestamp: new Date(NOON),
    };
    expect(denied).toEqual([
      [{ ...common, tokens: 11, source: 'check' }],
      [{ ...common, tokens: 12, source: 'reserve' }],
    ]);
  });

  test('override:set carries the id that removes it; budget:set the budget', async () => {
    const subject = tracker();
    const set = heard(subject, 'override:set');
    const budgets = heard(subject, 'budget:set');
    const given = {
      orchestratorId: 'orch',
      period: 'hourly' as const,
      additionalTokens: 5,
      reason: 'why',
      expiresAt: new Date(NOON + 1000),
      createdBy: 'who',
      metadata: { a: 1 },
    };
    await subject.setBudgetOverride(given);
    expect(set).toEqual([[{ ...given, id: expect.any(String) }]]);
    expect(await subject.removeOverride('orch', (set[0]?.[0] as StoredOverride | undefined)?.id ?? '')).toBe(
      true,
    );

    await subject.setBudget('orch', { hourly: 5 });
    await subject.setBudget('orch', null);
    expect(budgets).toEqual([
      [{ orchestratorId: 'orch', budget: { hourly: 5 } }],
      [{ orchestratorId: 'orch', budget: null }],
    ]);
  });

  test('events come before the promise resolves', async () => {
    const subject = tracker({ defaultBudget: { hourly: 10 } });
    const order: string[] = [];
    subject.on('threshold:50', () => order.push('threshold'));
    subject.on('usage:tracked', () => order.push('tracked'));
    await subject.trackUsage(usage(5)).then(() => order.push('resolved'));
    expect(order).toEqual(['threshold', 'tracked', 'resolved']);
  });
});

describe('listeners', () => {
  test('may call the tracker while it tells them', async () => {
    const subject = tracker({ defaultBudget: { hourly: 100 } });
    const seen: number[] = [];
    subject.on('threshold:50', async () => {
      const check = await subject.checkBudget('orch', 1);
      seen.push(check.limit);
    });
    subject.on('reservation:created', () => void subject.getUsageStats('somebody else'));
    const result = await subject.reserveTokens('orch', 10);
    await subject.trackUsage(usage(60));
    expect(result.remaining).toBe(90);
    expect(seen).toEqual([100]);
  });

  test('one that throws or rejects breaks neither the operation nor the others', async () => {
    const subject = tracker();
    const others = jest.fn();
    subject.on('usage:tracked', () => {
      throw new Error('thrown');
    });
    subject.on('usage:tracked', async () => {
      throw new Error('rejected');
    });
    subject.on('usage:tracked', others);
    await expect(subject.trackUsage(usage(1))).resolves.toBeUndefined();
    expect(others).toHaveBeenCalledTimes(1);

    const errors = heard(subject, 'error');
    await subject.trackUsage(usage(1));
    await new Promise(resolve => setImmediate(resolve));
    expect(errors.map(([error]) => (error as Error).message)).toEqual(['thrown', 'rejected']);
  });

  test('an error listener that throws ends nothing', async () => {
    const subject = tracker();
    subject.on('usage:tracked', () => {
      throw new Error('thrown');
    });
    subject.on('error', () => {
      throw new Error('again');
    });
    await expect(subject.trackUsage(usage(1))).resolves.toBeUndefined();
  });

  test('once is once', async () => {
    const subject = tracker();
    const listener = jest.fn();
    subject.once('usage:tracked', listener);
    await subject.trackUsage(usage(1));
    await subject.trackUsage(usage(1));
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test('an emit that was replaced sees every event', async () => {
    const clock = manualClock();
    const subject = tracker({ defaultBudget: { hourly: 10 } }, clock);
    const emit = jest.spyOn(subject, 'emit');
    const seen = () => emit.mock.calls.splice(0).map(([name]) => name);
    await subject.trackUsage(usage(5));
    expect(seen()).toEqual(['threshold:50', 'usage:tracked']);

    await subject.releaseReservation(granted(await subject.reserveTokens('orch', 2)), 1);
    expect(seen()).toEqual(['reservation:created', 'reservation:released', 'usage:tracked']);

    await subject.reserveTokens('orch', 2, 'hourly', { ttl: 1000 });
    clock.now += 1000;
    await subject.reserveTokens('orch', 100);
    expect(seen()).toEqual(['reservation:created', 'reservation:expired', 'budget:denied']);
  });
});
