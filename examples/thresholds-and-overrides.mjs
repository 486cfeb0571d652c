// Hears of thresholds as they are crossed, and gives more tokens when it matters.
import { TokenBudgetTracker } from '@wundr.io/token-budget';

const ID = 'orchestrator-1';
const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 10_000 },
  thresholds: [0.5, 0.8, 1],
});

tracker.on('threshold:50', event => console.log(`half of the ${event.period} budget is used`));
tracker.on('threshold:80', event =>
  console.log(`${event.percentUsed.toFixed(0)}% used: finish what matters`),
);
tracker.on('budget:exceeded', event => console.log(`${event.currentUsage} of ${event.limit}: paused`));
tracker.on('budget:denied', event => console.log(`refused ${event.tokens}, ${event.available} are left`));
tracker.on('override:set', override => console.log(`+${override.additionalTokens}: ${override.reason}`));

async function spend(tokens) {
  const reservation = await tracker.reserveTokens(ID, tokens);
  if (reservation.success) {
    await tracker.releaseReservation(reservation.reservationId, tokens);
  }
}

await spend(5500);
await spend(3000);
await spend(1500);
await spend(2000);

// For every process at once, until it expires.
await tracker.setBudgetOverride({
  orchestratorId: ID,
  period: 'hourly',
  additionalTokens: 5000,
  reason: 'Critical production issue',
  expiresAt: new Date(Date.now() + 3_600_000),
  createdBy: 'admin-user',
});
await spend(2000);

const { base, effective } = await tracker.getBudget(ID);
const { totalUsed } = await tracker.getUsageStats(ID);
console.log(`used ${totalUsed} of ${effective.hourly} (${base.hourly} without the override)`);
await tracker.close();
