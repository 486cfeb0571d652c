/** What the next process, or the next object, finds. */
import { join } from 'node:path';
import { type BudgetConfig, TokenBudgetTracker, type TokenUsage } from '@wundr.io/token-budget';
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { type RateLimitConfig, RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { granted, heard, manualClock, NOON, rejection, usage } from '../facade/helpers';
import { runProcess } from '../support/process';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

let folder: TemporaryFolder;
let path: string;
let files = 0;

beforeAll(() => {
  folder = temporaryFolder('restart');
});
afterAll(() => folder.remove());
beforeEach(() => {
  files += 1;
  path = join(folder.path, `state-${files}.db`);
});

const clock = manualClock();
beforeEach(() => {
  clock.now = NOON;
});

const HOUR_MS = 3_600_000;

async function withTracker<T>(
  use: (tracker: TokenBudgetTracker) => Promise<T>,
  config: Omit<BudgetConfig, 'clock'> & { clock?: BudgetConfig['clock'] | undefined } = {},
): Promise<T> {
  const tracker = new TokenBudgetTracker({ storage: path, clock: clock.read, ...config } as BudgetConfig);
  try {
    return await use(tracker);
  } finally {
    await tracker.close();
  }
}

async function withLimiter<T>(
  use: (limiter: RateLimitManager) => Promise<T>,
  config: RateLimitConfig = {},
): Promise<T> {
  const limiter = new RateLimitManager({ storage: path, clock: clock.read, pacing: false, ...config });
  try {
    return await use(limiter);
  } finally {
    await limiter.close();
  }
}

describe('budgets', () => {
  const config: BudgetConfig = { defaultBudget: { hourly: 1000, daily: 5000 } };

  test('usage, requests, reservations, budgets, overrides, history and thresholds are kept', async () => {
    const given = usage(400, { requestId: 'once', metadata: { why: 'kept' } });
    const id = await withTracker(async tracker => {
      await tracker.trackUsage(given);
      await tracker.trackUsage(usage(50, { model: 'model-b' }));
      await tracker.setBudget('limited', { hourly: 10 });
      await tracker.setBudgetOverride({
        id: 'more',
        orchestratorId: 'orch',
        period: 'hourly',
        additionalTokens: 500,
        reason: 'launch',
        expiresAt: new Date(NOON + HOUR_MS),
        createdBy: 'ops',
      });
      await tracker.reserveTokens('orch', 200, 'all');
      return granted(await tracker.reserveTokens('orch', 100, ['hourly', 'daily']));
    }, config);

    await withTracker(async tracker => {
      const thresholds = heard(tracker, 'threshold:50');
      expect(await tracker.getUsageStats('orch')).toMatchObject({
        totalUsed: 450,
        reservedTokens: 300,
        limit: 1500,
        activeReservations: 2,
        topModels: [
          { model: 'model-a', tokens: 400 },
          { model: 'model-b', tokens: 50 },
        ],
      });
      expect(await tracker.getBudget('limited')).toMatchObject({ base: { hourly: 10 }, source: 'stored' });
      expect(await tracker.listOverrides('orch')).toMatchObject([{ id: 'more', reason: 'launch' }]);
      const history = await tracker.getUsageHistory('orch');
      expect(history).toMatchObject([
        { totalTokens: 50 },
        { totalTokens: 400, requestId: 'once', metadata: { why: 'kept' } },
      ]);
      // Known already, by its request id.
      await tracker.trackUsage(given);
      expect((await rejection(tracker.trackUsage({ ...given, totalTokens: 1 }))).code).toBe(
        'REQUEST_CONFLICT',
      );
      await tracker.releaseReservation(id, 300);
      expect((await rejection(tracker.releaseReservation(id, 300))).code).toBe('RESERVATION_NOT_FOUND');
      expect(await tracker.getUsageStats('orch')).toMatchObject({ totalUsed: 750, reservedTokens: 200 });
      expect(thresholds).toHaveLength(1);
    }, config);

    await withTracker(async tracker => {
      expect((await rejection(tracker.releaseReservation(id, 300))).code).toBe('RESERVATION_NOT_FOUND');
      // Crossed already: a restart crosses nothing anew.
      const thresholds = heard(tracker, 'threshold:50');
      await tracker.trackUsage(usage(1));
      expect(thresholds).toEqual([]);
    }, config);
  });

  test('a reservation expires while nobody runs, and is told then', async () => {
    await withTracker(tracker => tracker.reserveTokens('orch', 200, 'hourly', { ttl: 1000 }), config);
    clock.now += 2000;
    await withTracker(async tracker => {
      const expired = heard(tracker, 'reservation:expired');
      await tracker.trackUsage(usage(1));
      expect(expired).toMatchObject([[{ tokens: 200, orchestratorId: 'orch' }]]);
      expect(await tracker.getUsageStats('orch')).toMatchObject({ reservedTokens: 0, totalUsed: 1 });
    }, config);
  });

  test('its timer is set anew by whoever opens the file next, fake timers included', async () => {
    await withTracker(tracker => tracker.reserveTokens('orch', 200, 'hourly', { ttl: 60_000 }), config);
    jest.useFakeTimers({ now: NOON });
    try {
      await withTracker(
        async tracker => {
          const expired = heard(tracker, 'reservation:expired');
          await tracker.ready();
          jest.advanceTimersByTime(59_000);
          expect(await tracker.listReservations('orch')).toHaveLength(1);
          expect(expired).toEqual([]);
          jest.advanceTimersByTime(1_100);
          jest.useRealTimers();
          // Told when it is on disk.
          await eventually('the event', () => (expired.length > 0 ? true : undefined));
          expect(expired).toMatchObject([[{ tokens: 200, orchestratorId: 'orch' }]]);
        },
        { ...config, clock: undefined },
      );
    } finally {
      jest.useRealTimers();
    }
  });

  test('a window ends while nobody runs', async () => {
    await withTracker(tracker => tracker.trackUsage(usage(900)), config);
    clock.now += HOUR_MS;
    await withTracker(async tracker => {
      expect(await tracker.getUsageStats('orch', 'hourly')).toMatchObject({ totalUsed: 0 });
      expect(await tracker.getUsageStats('orch', 'daily')).toMatchObject({ totalUsed: 900 });
    }, config);
  });

  test('two trackers, a limiter and a manager of one path share it; the last one closes it', async () => {
    const [one, two] = [0, 1].map(
      () => new TokenBudgetTracker({ storage: path, clock: clock.read, ...config }),
    );
    const limiter = new RateLimitManager({ storage: path, clock: clock.read });
    const manager = new TokenManager(['a', 'b'], { storage: path, clock: clock.read });
    if (one === undefined || two === undefined) throw new Error('two trackers');
    await one.trackUsage(usage(10));
    expect(await two.getUsageStats('orch')).toMatchObject({ totalUsed: 10 });
    await (await limiter.acquire()).settle({ inputTokens: 5, outputTokens: 5 });
    const lease = await manager.getNextAvailableToken();
    await lease.cancel();
    await one.close();
    await two.trackUsage(usage(10));
    expect(await two.getUsageStats('orch')).toMatchObject({ totalUsed: 20 });
    expect(await one.healthCheck()).toBe(false);
    await Promise.all([two.close(), limiter.close(), manager.close()]);
    await withTracker(async again => {
      expect(await again.getUsageStats('orch')).toMatchObject({ totalUsed: 20 });
    }, config);
  });

  test('a hundred restarts, and everything is there', async () => {
    for (let round = 1; round <= 100; round++) {
      const used = await withTracker(async tracker => {
        await tracker.trackUsage(usage(1));
        return (await tracker.getUsageStats('orch')).totalUsed;
      }, config);
      expect(used).toBe(round);
    }
  });
});

describe('limiters', () => {
  const limits = { rpm: 50, itpm: 40_000, rph: 1000 };
  const counted = async (limiter: RateLimitManager) => {
    const status = await limiter.getStatus();
    return { rpm: status.limits.rpm?.used, itpm: status.limits.itpm?.used, rph: status.limits.rph?.used };
  };

  test('what was spent of every window stays spent, and leaves when it would have', async () => {
    await withLimiter(
      async limiter => {
        const permits = await Promise.all(
          Array.from({ length: 20 }, () => limiter.acquire({ inputTokens: 100, maxOutputTokens: 1 })),
        );
        for (const permit of permits.slice(0, 15)) await permit.settle({ inputTokens: 90, outputTokens: 1 });
      },
      { limits },
    );
    clock.now += 10_000;
    await withLimiter(
      async limiter => expect(await counted(limiter)).toEqual({ rpm: 20, itpm: 1850, rph: 20 }),
      { limits },
    );
    clock.now += 51_000;
    await withLimiter(async limiter => expect(await counted(limiter)).toEqual({ rpm: 0, itpm: 0, rph: 20 }), {
      limits,
    });
  });

  test('a permit of a process before can be settled by its id', async () => {
    const id = await withLimiter(async limiter => (await limiter.acquire({ inputTokens: 100 })).id, {
      limits,
    });
    await withLimiter(
      async limiter => {
        const settled = await limiter.settle(id, { inputTokens: 7, outputTokens: 1 });
        expect(settled).toMatchObject({ known: true, estimated: { inputTokens: 100 } });
        expect(await counted(limiter)).toMatchObject({ rpm: 1, itpm: 7 });
        expect(await limiter.cancel(id)).toBe(false);
      },
      { limits },
    );
  });

  test('who waits in the line is let in by fake timers, too', async () => {
    jest.useFakeTimers({ now: NOON });
    const limiter = new RateLimitManager({ storage: path, limits: { rpm: 1 }, pacing: false });
    try {
      await limiter.acquire();
      let isIn = false;
      const waiting = limiter.acquire().then(() => {
        isIn = true;
      });
      expect((await limiter.getStatus()).waiting).toBe(1);
      await jest.advanceTimersByTimeAsync(59_000);
      expect(isIn).toBe(false);
      await jest.advanceTimersByTimeAsync(2_100);
      await waiting;
    } finally {
      jest.useRealTimers();
      await limiter.close();
    }
  });

  test('pauses, limits at run time and what models answer with are kept', async () => {
    await withLimiter(
      async limiter => {
        await limiter.setLimits({ rpm: 7 });
        for (let n = 0; n < 5; n++) {
          const permit = await limiter.acquire({ model: 'm', maxOutputTokens: 10 });
          await permit.settle({ inputTokens: 1, outputTokens: 10 });
        }
        await limiter.pause(40_000);
      },
      { limits },
    );
    clock.now += 10_000;
    await withLimiter(
      async limiter => {
        expect(await limiter.getLimits()).toEqual({ rpm: 7 });
        const verdict = await limiter.canMakeRequest();
        expect(verdict).toMatchObject({ allowed: false, reason: 'cooldown' });
        expect((await limiter.getStatus()).pausedUntil).toEqual(new Date(NOON + 40_000));
        expect((await limiter.saveState()).learned).toEqual([[expect.stringContaining('m'), 5]]);
      },
      { limits },
    );
  });

  test('saveState and restoreState work as in memory: the state of one file goes into another', async () => {
    const state = await withLimiter(
      async limiter => {
        const permit = await limiter.acquire({ inputTokens: 100, sessionId: 's' });
        await permit.settle({ inputTokens: 90, outputTokens: 1 });
        return JSON.parse(JSON.stringify(await limiter.saveState()));
      },
      { limits },
    );
    path = join(folder.path, 'restored.db');
    await withLimiter(limiter => limiter.restoreState(state), { limits });
    await withLimiter(async limiter => expect(await counted(limiter)).toEqual({ rpm: 1, itpm: 90, rph: 1 }), {
      limits,
    });
  });
});

describe('managers of tokens', () => {
  const open = (tokens: string[], more: object = {}) =>
    new TokenManager(tokens, { storage: path, clock: clock.read, reserve: 0, ...more });

  test('what is left, what rests and what is not valid is kept', async () => {
    const reset = new Date(NOON + HOUR_MS);
    const first = open(['a', 'b', 'c']);
    const [a, b, c] = (await first.getAllTokens()).map(({ fingerprint }) => fingerprint);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three tokens');
    await first.updateRateLimit(a, { limit: 5000, remaining: 17, reset });
    await first.updateRateLimit(b, { limit: 5000, remaining: 0, reset });
    await first.markInvalid(c);
    expect((await first.getNextAvailableToken()).fingerprint).toBe(a);
    await first.close({ timeout: 100 });

    const second = open(['a', 'b', 'c']);
    expect(await second.countAvailableTokens()).toBe(1);
    const views = await second.getAllTokens();
    expect(views[0]).toMatchObject({ fingerprint: a, isValid: true });
    expect(views[2]).toMatchObject({ fingerprint: c, isValid: false });
    const lease = await second.getNextAvailableToken();
    expect(lease).toMatchObject({ fingerprint: a, remaining: 15 });
    await lease.cancel();
    await second.close();
  });

  test('tokens themselves are kept encrypted, for whoever has the key', async () => {
    const encryptionKey = 'a long enough passphrase';
    const first = open(['token-one', 'token-two'], { encryptionKey });
    await first.ready();
    await first.close();
    const second = await TokenManager.open({ storage: path, encryptionKey });
    expect(await second.getAllTokens()).toHaveLength(2);
    await second.close();
  });
});

test('another process reads what this one wrote, once this one has let go', async () => {
  const config = { storage: path, connectTimeout: 20_000 };
  const given: TokenUsage = { ...usage(70), timestamp: new Date() };
  const tracker = new TokenBudgetTracker(config);
  await tracker.trackUsage(given);
  await tracker.close();
  const worker = runProcess('tracker.cjs');
  await worker.call('open', { config });
  const stats = await worker.call('call', { method: 'getUsageStats', args: ['orch', 'monthly'] });
  expect(stats).toMatchObject({ totalUsed: 70 });
  await worker.kill();
});
