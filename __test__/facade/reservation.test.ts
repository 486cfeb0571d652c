import { closeAll, granted, HOUR_MS, heard, manualClock, NOON, rejection, tracker, usage } from './helpers';

afterEach(closeAll);

const BUDGET = { defaultBudget: { hourly: 1000, daily: 5000 } };

describe('reserveTokens', () => {
  test('holds tokens until they are released', async () => {
    const subject = tracker(BUDGET);
    const result = await subject.reserveTokens('orch', 400);

    expect(result).toEqual({
      success: true,
      reservationId: expect.any(String),
      reservation: {
        id: result.reservationId,
        orchestratorId: 'orch',
        tokens: 400,
        period: 'hourly',
        periods: ['hourly'],
        createdAt: new Date(NOON),
        expiresAt: new Date(NOON + 900_000),
      },
      remaining: 600,
      available: 1000,
    });
    expect((await subject.checkBudget('orch', 0)).available).toBe(600);

    await subject.releaseReservation(granted(result), 0);
    expect((await subject.checkBudget('orch', 0)).available).toBe(1000);
  });

  test('refuses what does not fit, whole, and says why', async () => {
    const subject = tracker(BUDGET);
    await subject.reserveTokens('orch', 900);
    expect(await subject.reserveTokens('orch', 101)).toEqual({
      success: false,
      remaining: 0,
      error: 'Would exceed hourly budget (101 tokens needed, 100 available)',
      available: 100,
      period: 'hourly',
      limit: 1000,
      limitedBy: 'tokens',
      retryable: true,
      resetsAt: new Date(Date.UTC(2026, 0, 14, 13)),
    });
    expect((await subject.getUsageStats('orch')).reservedTokens).toBe(900);
  });

  test('tells "later" from "never"', async () => {
    const subject = tracker(BUDGET);
    await subject.reserveTokens('orch', 1000);
    expect((await subject.reserveTokens('orch', 1000)).retryable).toBe(true);
    expect((await subject.reserveTokens('orch', 1001)).retryable).toBe(false);
  });

  test('100 concurrent reservations of 100 on a budget of 1000: exactly 10 succeed', async () => {
    const subject = tracker(BUDGET);
    const results = await Promise.all(Array.from({ length: 100 }, () => subject.reserveTokens('orch', 100)));
    expect(results.filter(result => result.success)).toHaveLength(10);
    expect((await subject.getUsageStats('orch')).activeReservations).toBe(10);
  });

  test('several periods: held in each, or in none', async () => {
    const subject = tracker(BUDGET);
    const both = await subject.reserveTokens('orch', 600, ['daily', 'hourly']);
    expect(both.reservation).toMatchObject({ period: 'hourly', periods: ['hourly', 'daily'] });
    expect(both.remaining).toBe(400);

    const refused = await subject.reserveTokens('orch', 600, ['hourly', 'daily']);
    expect(refused).toMatchObject({ success: false, period: 'hourly' });
    expect((await subject.getUsageStats('orch', 'daily')).reservedTokens).toBe(600);

    await subject.releaseReservation(granted(both), 0);
    expect((await subject.getUsageStats('orch', 'daily')).reservedTokens).toBe(0);
  });

  test(`'all' is every period; without limits everything is left`, async () => {
    const subject = tracker();
    expect(await subject.reserveTokens('orch', 5, 'all')).toMatchObject({
      remaining: Infinity,
      available: Infinity,
      reservation: { periods: ['hourly', 'daily', 'monthly'] },
    });
  });

  test('ttl wins over reservationTTL', async () => {
    const subject = tracker({ ...BUDGET, reservationTTL: 60_000 });
    const usual = await subject.reserveTokens('orch', 1);
    const short = await subject.reserveTokens('orch', 1, 'hourly', { ttl: 5 });
    expect(usual.reservation?.expiresAt).toEqual(new Date(NOON + 60_000));
    expect(short.reservation?.expiresAt).toEqual(new Date(NOON + 5));
  });
});

describe('releaseReservation', () => {
  test('records what was used, in every period, and gives back the rest', async () => {
    const subject = tracker(BUDGET);
    const id = granted(await subject.reserveTokens('orch', 500));
    await subject.releaseReservation(id, 120, { promptTokens: 70, completionTokens: 30, model: 'model-b' });

    for (const period of ['hourly', 'daily', 'monthly'] as const) {
      const stats = await subject.getUsageStats('orch', period);
      expect(stats).toMatchObject({ totalUsed: 120, reservedTokens: 0, activeReservations: 0 });
      expect(stats.breakdown).toMatchObject({
        promptTokens: 70,
        completionTokens: 30,
        unattributedTokens: 20,
      });
      expect(stats.topModels).toEqual([{ model: 'model-b', tokens: 120, percentage: 100 }]);
    }
  });

  test('more than reserved is recorded in full and told as overage', async () => {
    const subject = tracker(BUDGET);
    const released = heard(subject, 'reservation:released');
    const id = granted(await subject.reserveTokens('orch', 100));
    await subject.releaseReservation(id, 2500);
    expect(released).toEqual([
      [id, { reserved: 100, actual: 2500, overage: 2400, late: false, recorded: 2500 }],
    ]);
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(2500);
  });

  test('a second release of the same id records nothing', async () => {
    const subject = tracker(BUDGET);
    const id = granted(await subject.reserveTokens('orch', 100));
    await subject.releaseReservation(id, 50);
    const error = await rejection(subject.releaseReservation(id, 50));
    expect(error).toMatchObject({ code: 'RESERVATION_NOT_FOUND', message: `Reservation not found: ${id}` });
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(50);
  });

  test('after it expired it is still recorded, once, and told as late', async () => {
    const clock = manualClock();
    const subject = tracker({ ...BUDGET, reservationTTL: 1000 }, clock);
    const released = heard(subject, 'reservation:released');
    const id = granted(await subject.reserveTokens('orch', 100));
    clock.now += 1000;
    expect((await subject.getUsageStats('orch')).reservedTokens).toBe(0);

    await subject.releaseReservation(id, 80);
    expect(released).toEqual([[id, { reserved: 100, actual: 80, overage: 0, late: true, recorded: 80 }]]);
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(80);
    expect(await rejection(subject.releaseReservation(id, 80))).toMatchObject({
      code: 'RESERVATION_NOT_FOUND',
    });
  });

  test('later than lateSettleTTL it is unknown', async () => {
    const clock = manualClock();
    const subject = tracker({ ...BUDGET, reservationTTL: 1000, lateSettleTTL: 2000 }, clock);
    const id = granted(await subject.reserveTokens('orch', 100));
    clock.now += HOUR_MS / 6;
    expect(await rejection(subject.releaseReservation(id, 80))).toMatchObject({
      code: 'RESERVATION_NOT_FOUND',
    });
  });

  test(`with settle: 'release-only' nothing is recorded`, async () => {
    const subject = tracker({ ...BUDGET, settle: 'release-only' });
    const released = heard(subject, 'reservation:released');
    const tracked = heard(subject, 'usage:tracked');
    const id = granted(await subject.reserveTokens('orch', 100));
    await subject.releaseReservation(id, 90);
    await subject.trackUsage(usage(90));
    expect(released[0]?.[1]).toMatchObject({ actual: 90, recorded: 0, overage: 0 });
    expect(tracked).toHaveLength(1);
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(90);
  });

  test('a requestId that is known ends the reservation and records nothing', async () => {
    const subject = tracker(BUDGET);
    const tracked = heard(subject, 'usage:tracked');
    await subject.trackUsage(usage(90, { requestId: 'req-1' }));
    const id = granted(await subject.reserveTokens('orch', 100));
    await subject.releaseReservation(id, 90, { requestId: 'req-1' });
    expect(tracked).toHaveLength(1);
    expect(await subject.getUsageStats('orch')).toMatchObject({ totalUsed: 90, reservedTokens: 0 });
  });

  test.each(['', 'abc-123', '1.', '9aaaaaaaaaaaaaaaaaaaaaa.orch', '\ud800', 'x'.repeat(5000)])(
    'an unknown id is not found, whatever it looks like: %j',
    async id => {
      const error = await rejection(tracker(BUDGET).releaseReservation(id, 1));
      const told = id.length > 100 ? `${id.slice(0, 100)}...` : id;
      expect(error).toMatchObject({
        code: 'RESERVATION_NOT_FOUND',
        message: `Reservation not found: ${told}`,
      });
    },
  );

  test('works for every orchestrator id', async () => {
    const subject = tracker(BUDGET);
    const tracked = heard(subject, 'usage:tracked');
    for (const id of ['team:a.b', '{x}', '100%', 'ein Ü', '😀', '\ud800', 'a'.repeat(256)]) {
      const reserved = await subject.reserveTokens(id, 10);
      await subject.releaseReservation(granted(reserved), 5);
      expect(tracked.at(-1)?.[0]).toMatchObject({ orchestratorId: id, totalTokens: 5 });
    }
  });
});

describe('listReservations', () => {
  test('soonest expiry first, by period, in pages', async () => {
    const subject = tracker(BUDGET);
    const slow = await subject.reserveTokens('orch', 1, 'daily', { ttl: 9000 });
    const quick = await subject.reserveTokens('orch', 2, 'hourly', { ttl: 1000 });
    const all = await subject.listReservations('orch');
    expect(all).toEqual([quick.reservation, slow.reservation]);
    expect(await subject.listReservations('orch', { period: 'daily' })).toEqual([slow.reservation]);
    expect(await subject.listReservations('orch', { offset: 1, limit: 1 })).toEqual([slow.reservation]);
    expect(await subject.listReservations('nobody')).toEqual([]);
  });
});
