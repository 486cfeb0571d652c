'use strict';

// For `__test__/storage`: a tracker, a limiter and a manager of tokens of one file, in a process that is killed. Their
// clock stands still, so that nothing expires between two processes. What was acknowledged is reported at once.
const { RateLimitManager, TokenBudgetTracker, TokenManager } = require('../../dist/index.js');
const { report, serve } = require('./serve.cjs');

const NOON = Date.UTC(2026, 0, 14, 12, 30, 0);
const TOKENS = ['token-a', 'token-b'];
const HOUR_MS = 3_600_000;

let tracker;
let limiter;
let manager;
let lastNumber = 0;

const attempt = async (kind, operation) => {
  try {
    report({ kind, ...(await operation()) });
  } catch (error) {
    report({ kind: 'failed', what: kind, code: error.code, message: error.message });
  }
};

/** Each number is used once, in all processes: `run` tells the process. */
const KINDS = {
  async usage(run, number) {
    const requestId = `${run}-${number}`;
    const totalTokens = 1 + (number % 5);
    await tracker.trackUsage({
      orchestratorId: 'used',
      sessionId: 's',
      timestamp: new Date(NOON),
      promptTokens: totalTokens,
      completionTokens: 0,
      totalTokens,
      model: 'm',
      requestId,
    });
    return { requestId, tokens: totalTokens };
  },
  async held() {
    const { reservationId } = await tracker.reserveTokens('held', 3, 'all', { ttl: HOUR_MS });
    return { reservationId };
  },
  async ended() {
    const { reservationId } = await tracker.reserveTokens('ended', 3, 'all', { ttl: HOUR_MS });
    await tracker.releaseReservation(reservationId, 2);
    return { reservationId };
  },
  async permit() {
    const { id } = await limiter.acquire({ inputTokens: 5, maxOutputTokens: 1 });
    return { id };
  },
  async settled() {
    const permit = await limiter.acquire({ inputTokens: 5, maxOutputTokens: 1 });
    await permit.settle({ inputTokens: 7, outputTokens: 2 });
    return { id: permit.id };
  },
  async picked() {
    const lease = await manager.getNextAvailableToken();
    return { fingerprint: lease.fingerprint };
  },
};

/** Every page of a list. */
async function all(list) {
  const items = [];
  for (;;) {
    const page = await list({ offset: items.length, limit: 10_000 });
    items.push(...page);
    if (page.length < 10_000) return items;
  }
}

serve({
  async open({ path, options, limits }) {
    const clock = () => NOON;
    const common = { storage: path, clock, ...options };
    tracker = new TokenBudgetTracker({ ...common, historyLimit: 100_000 });
    limiter = new RateLimitManager({
      ...common,
      limits: { rpd: 1_000_000_000, tpd: 1_000_000_000, ...limits },
      pacing: false,
      permitTTL: 24 * HOUR_MS,
      clientLease: 24 * HOUR_MS,
    });
    manager = new TokenManager(TOKENS, { ...common, reserve: 0, requestTTL: 24 * HOUR_MS });
    await Promise.all([tracker.ready(), limiter.ready(), manager.ready()]);
  },
  /** Tells what is left of the first token, so that every pick counts. */
  async tellQuota({ remaining }) {
    const [{ fingerprint }] = await manager.getAllTokens();
    const reset = new Date(NOON + 10 * HOUR_MS);
    await manager.updateRateLimit(fingerprint, { limit: 1_000_000, remaining, reset });
  },
  /** Endless, in so many lanes for each kind of operation. */
  load({ run, lanes }) {
    for (const [kind, operation] of Object.entries(KINDS)) {
      for (let lane = 0; lane < lanes; lane++) {
        void (async () => {
          for (;;) await attempt(kind, () => operation(run, ++lastNumber));
        })();
      }
    }
  },
  /** Of the operations that grant something: what they reject with when they are aborted at once, or are late. */
  async grants({ abort }) {
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      tracker.reserveTokens('held', 3, 'all', { signal }),
      limiter.acquire({ inputTokens: 5, maxOutputTokens: 1, signal }),
      manager.getNextAvailableToken('github', { signal }),
      tracker.getUsageStats('held', 'daily', { signal }),
    ];
    if (abort) controller.abort(new Error('aborted'));
    const outcomes = await Promise.allSettled(calls);
    return outcomes.map(({ reason }) => reason?.code ?? reason?.message ?? 'fulfilled');
  },
  /** A permit: what came of it. */
  permit: options =>
    limiter.acquire({ inputTokens: 5, maxOutputTokens: 1, ...options }).then(
      () => 'granted',
      error => error.code,
    ),
  async status() {
    const { waiting, underWay } = await limiter.getStatus();
    return { waiting, underWay };
  },
  async look() {
    const [used, history, held, ended, endedStats, { limits }, views] = await Promise.all([
      tracker.getUsageStats('used', 'daily'),
      all(page => tracker.getUsageHistory('used', 'daily', page)),
      all(page => tracker.listReservations('held', page)),
      all(page => tracker.listReservations('ended', page)),
      tracker.getUsageStats('ended', 'monthly'),
      limiter.getStatus(),
      manager.getAllTokens(),
    ]);
    return {
      used: used.totalUsed,
      requestIds: history.map(({ requestId }) => requestId),
      held: held.map(({ id }) => id),
      ended: ended.map(({ id }) => id),
      endedTokens: endedStats.totalUsed,
      requests: limits.rpd.used,
      tokens: limits.tpd.used,
      views,
    };
  },
  async close() {
    await Promise.all([tracker.close(), limiter.close(), manager.close()]);
  },
});
