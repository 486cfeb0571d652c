// The same on Redis or Valkey: every process that uses the same server and prefix shares the budget.
import { randomUUID } from 'node:crypto';
import { TokenBudgetTracker } from '@wundr.io/token-budget';

const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 100_000, daily: 1_000_000 },
  redis: {
    url: process.env.REDIS_URL ?? 'redis://localhost:6379',
    keyPrefix: `example:${randomUUID()}`,
  },
});

if (!(await tracker.healthCheck())) {
  console.error('Redis does not answer; set REDIS_URL');
  process.exit(1);
}

// A report that is repeated (after a lost answer, by a queue) counts once.
const report = {
  orchestratorId: 'orchestrator-1',
  sessionId: 'session-1',
  timestamp: new Date(),
  promptTokens: 1000,
  completionTokens: 2000,
  totalTokens: 3000,
  model: 'claude-sonnet-4.5',
  requestId: 'request-1',
};
await tracker.trackUsage(report);
await tracker.trackUsage(report);

// Many at once travel together: they cost few round trips.
const reservations = await Promise.all(
  Array.from({ length: 100 }, () => tracker.reserveTokens('orchestrator-1', 1000, 'all')),
);
const granted = reservations.filter(reservation => reservation.success);
console.log(`granted ${granted.length} of ${reservations.length}`);
await Promise.all(granted.map(({ reservationId }) => tracker.releaseReservation(reservationId, 0)));

const stats = await tracker.getUsageStats('orchestrator-1', 'hourly');
console.log(`used ${stats.totalUsed}, held ${stats.reservedTokens}`);
await tracker.close();
