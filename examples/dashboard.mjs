// A page about budgets, and metrics, beside a tracker. `node examples/dashboard.mjs --stay` keeps it open, at work.
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { createDashboard } from '@wundr.io/token-budget/dashboard';

const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 100_000, daily: 1_000_000 },
  orchestratorBudgets: { 'nightly-batch': { hourly: 40_000 } },
});

/** A call: held while it is under way, then settled with what it used. */
async function call(orchestratorId, expected, used, tookMs) {
  const { reservationId } = await tracker.reserveTokens(orchestratorId, expected, 'all');
  if (reservationId === undefined) return;
  await sleep(tookMs);
  const half = Math.floor(used / 2);
  await tracker.releaseReservation(reservationId, used, {
    promptTokens: used - half,
    completionTokens: half,
    model: 'claude-sonnet-4-5',
  });
}

const dashboard = createDashboard({ tracker });
const { url } = await dashboard.listen();

await call('support', 6000, 5200, 10);
await call('nightly-batch', 32_000, 31_000, 10);
const held = await tracker.reserveTokens('support', 4000, 'hourly');

const { orchestrators } = await (await fetch(`${url}api/snapshot`)).json();
for (const { orchestratorId, windows, reservations } of orchestrators) {
  const [hour] = windows;
  console.log(`${orchestratorId}: ${hour.percentUsed}% of the hour, calls in flight: ${reservations.length}`);
}
const metrics = await (await fetch(`${url}metrics`)).text();
console.log(metrics.split('\n').find(line => line.startsWith('token_budget_used_tokens{')));
await tracker.releaseReservation(held.reservationId, 0);

if (process.argv.includes('--stay')) {
  console.log(url);
  for (;;) {
    const used = Math.round(200 + Math.random() * 2000);
    const work = ['support', 'code-review', 'research'].map(id => call(id, 2 * used, used, 1500));
    await Promise.all(work);
  }
}
await dashboard.close();
await tracker.close();
