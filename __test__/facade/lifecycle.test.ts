import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { TokenBudgetError, TokenBudgetTracker } from '@wundr.io/token-budget';
import { closeAll, heard, manualClock, rejection, tracker, usage } from './helpers';

afterEach(async () => {
  jest.useRealTimers();
  await closeAll();
});

describe('closing', () => {
  test('close, disconnect and await using are one, and idempotent', async () => {
    const subject = tracker();
    const first = subject.close();
    expect(subject.close()).toBe(first);
    expect(subject.disconnect()).toBe(first);
    expect(subject[Symbol.asyncDispose]()).toBe(first);
    await expect(first).resolves.toBeUndefined();
  });

  test('everything after it rejects with CLOSED', async () => {
    const subject = tracker();
    await subject.close();
    const attempts: Array<Promise<unknown>> = [
      subject.trackUsage(usage(1)),
      subject.checkBudget('orch', 1),
      subject.reserveTokens('orch', 1),
      subject.releaseReservation('id', 1),
      subject.getUsageStats('orch'),
      subject.getUsageHistory('orch'),
      subject.setBudgetOverride({} as never),
      subject.removeOverride('orch', 'id'),
      subject.listOverrides('orch'),
      subject.setBudget('orch', null),
      subject.getBudget('orch'),
      subject.listReservations('orch'),
      subject.clearThresholdCache(),
      subject.ready(),
    ];
    for (const attempt of attempts) {
      const error = await rejection(attempt);
      expect(error).toBeInstanceOf(TokenBudgetError);
      expect(error.code).toBe('CLOSED');
    }
    expect(await subject.healthCheck()).toBe(false);
  });

  test('a timeout that is none is refused and closes nothing', async () => {
    const subject = tracker();
    expect(await rejection(subject.close({ timeout: -1 }))).toMatchObject({ field: 'options.timeout' });
    expect(await subject.healthCheck()).toBe(true);
  });

  test('ready and healthCheck of a store in memory', async () => {
    const subject = tracker();
    await expect(subject.ready({ timeout: 0 })).resolves.toBeUndefined();
    expect(await subject.healthCheck()).toBe(true);
  });

  test('a tracker that nobody closes lets the process end, silently', () => {
    const entry = resolve(__dirname, '../../dist/index.js');
    const script = `
      const { TokenBudgetTracker } = require(${JSON.stringify(entry)});
      const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 10 } });
      tracker.reserveTokens('orch', 5).then(result => process.exitCode = result.success ? 7 : 1);
    `;
    const started = Date.now();
    let status: unknown;
    try {
      execFileSync(process.execPath, ['-e', script], { stdio: 'pipe', timeout: 20_000 });
    } catch (error) {
      const failed = error as { status: number; stdout: Buffer; stderr: Buffer };
      status = failed.status;
      expect(failed.stdout.toString() + failed.stderr.toString()).toBe('');
    }
    expect(status).toBe(7);
    expect(Date.now() - started).toBeLessThan(15_000);
  });
});

describe('time', () => {
  test('fake timers move windows, expire reservations and give their tokens back', async () => {
    jest.useFakeTimers({ now: new Date('2026-01-14T12:30:00Z') });
    const subject = new TokenBudgetTracker({ defaultBudget: { hourly: 100 }, reservationTTL: 60_000 });
    const expired = heard(subject, 'reservation:expired');
    const { reservation } = await subject.reserveTokens('orch', 80);
    await subject.reserveTokens('orch', 20, 'hourly', { ttl: 120_000 });

    jest.advanceTimersByTime(59_000);
    expect(expired).toHaveLength(0);
    jest.advanceTimersByTime(2_000);
    expect(expired).toEqual([[reservation]]);
    jest.advanceTimersByTime(60_000);
    expect(expired).toHaveLength(2);
    expect((await subject.getUsageStats('orch')).reservedTokens).toBe(0);

    await subject.trackUsage({ ...usage(100), timestamp: new Date() });
    expect((await subject.checkBudget('orch', 1)).allowed).toBe(false);
    jest.setSystemTime(new Date('2026-01-14T13:00:00Z'));
    expect((await subject.checkBudget('orch', 100)).allowed).toBe(true);
    await subject.close();
  });

  test('with real timers, within a second, though nobody calls', async () => {
    const subject = tracker({ clock: undefined });
    const expired = new Promise(resolve => subject.once('reservation:expired', resolve));
    const { reservation } = await subject.reserveTokens('orch', 1, 'hourly', { ttl: 30 });
    expect(await expired).toEqual(reservation);
    expect(Date.now() - Number(reservation?.expiresAt)).toBeLessThan(1000);
  });

  test('a shorter reservation than the one before is not kept waiting', async () => {
    jest.useFakeTimers();
    const subject = new TokenBudgetTracker();
    const expired = heard(subject, 'reservation:expired');
    await subject.reserveTokens('orch', 1, 'hourly', { ttl: 60_000 });
    await subject.reserveTokens('orch', 2, 'hourly', { ttl: 1_000 });
    jest.advanceTimersByTime(1_100);
    expect(expired).toMatchObject([[{ tokens: 2 }]]);
    await subject.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('one that is overdue is not put off by a later one', async () => {
    jest.useFakeTimers();
    const clock = manualClock();
    const subject = tracker({}, clock);
    const expired = heard(subject, 'reservation:expired');
    await subject.reserveTokens('first', 1, 'hourly', { ttl: 1000 });
    clock.now += 5000;
    await subject.reserveTokens('second', 2, 'hourly', { ttl: 60_000 });
    jest.advanceTimersByTime(20);
    expect(expired).toMatchObject([[{ tokens: 1 }]]);
  });

  test('a clock that throws once keeps what expires from nobody', async () => {
    jest.useFakeTimers();
    let fault: Error | undefined;
    const clock = () => {
      if (fault !== undefined) throw fault;
      return Date.now();
    };
    const subject = tracker({ clock });
    const expired = heard(subject, 'reservation:expired');
    const errors = heard(subject, 'error');
    await subject.reserveTokens('orch', 1, 'hourly', { ttl: 1000 });
    fault = new Error('no time');
    jest.advanceTimersByTime(1100);
    expect(errors).toEqual([[fault]]);
    expect(expired).toEqual([]);
    fault = undefined;
    jest.advanceTimersByTime(600);
    expect(expired).toMatchObject([[{ tokens: 1 }]]);
  });

  test('a tracker that a listener closes sets no timer', async () => {
    jest.useFakeTimers();
    const subject = new TokenBudgetTracker();
    subject.on('reservation:expired', () => subject.close());
    await subject.reserveTokens('orch', 1, 'hourly', { ttl: 1000 });
    await subject.reserveTokens('orch', 1, 'hourly', { ttl: 60_000 });
    jest.advanceTimersByTime(1100);
    expect(await subject.healthCheck()).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a clock that tells no time is refused where it is read', async () => {
    const subject = new TokenBudgetTracker({ clock: () => Number.NaN });
    expect(await rejection(subject.checkBudget('orch', 1))).toMatchObject({
      code: 'INVALID_CONFIG',
      field: 'clock',
    });
    await subject.close();
  });
});

describe('AbortSignal', () => {
  test('one that is aborted rejects with its reason, and nothing happens', async () => {
    const subject = tracker({ defaultBudget: { hourly: 10 } });
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    expect(await rejection(subject.checkBudget('orch', 1, 'hourly', { signal }))).toBe(reason);
    expect(await rejection(subject.reserveTokens('orch', 1, 'hourly', { signal }))).toBe(reason);
    expect(await rejection(subject.ready({ signal }))).toBe(reason);
    expect((await subject.getUsageStats('orch')).reservedTokens).toBe(0);
    expect(
      (await rejection(subject.checkBudget('orch', 1, 'hourly', { signal: AbortSignal.abort() }))).name,
    ).toBe('AbortError');
  });

  test('one that is not aborted changes nothing, and keeps no listener', async () => {
    const subject = tracker();
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    await subject.checkBudget('orch', 1, 'hourly', { signal });
    await subject.reserveTokens('orch', 1, 'hourly', { signal });
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
  });

  test.each([null, 'signal', {}, { aborted: false }])('what is no signal is refused: %j', async signal => {
    const error = await rejection(tracker().checkBudget('orch', 1, 'hourly', { signal: signal as never }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.signal' });
  });
});
