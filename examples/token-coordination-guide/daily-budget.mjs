// "Daily Token Budget Management": as the guide writes it, in one call, and without any.
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
// So that nobody has to wait for midnight.
let now = Date.now();
const minoots = openCoordinator({ clock: () => now });

const manageDailyBudget = async (service, tokensUsed, dailyBudget) => {
  const percentage = (tokensUsed / dailyBudget) * 100;

  if (percentage >= 80) { // 80% budget used
    const now = new Date();
    const tomorrow = new Date(now);
    tomorrow.setDate(tomorrow.getDate() + 1);
    tomorrow.setHours(0, 0, 0, 0);

    await minoots.timers.create({
      name: `${service} Budget Reset`,
      duration: tomorrow.getTime() - now.getTime(),
      events: {
        on_expire: {
          webhook: `${app.url}/reset-budget/${service}`,
          data: { newBudget: dailyBudget }
        }
      }
    });
  }
};

await manageDailyBudget('openai', 790, 1000);
await manageDailyBudget('openai', 800, 1000);

// The same, one timer a day.
for (const used of [790, 800, 900]) {
  await minoots.timers.budgetReset('anthropic', used, 1000, {
    on_expire: { webhook: `${app.url}/reset-budget/anthropic` },
  });
}

// The same for every budget of a tracker, as soon as 80 % are used.
const tracker = new TokenBudgetTracker({ defaultBudget: { daily: 1000 }, thresholds: [0.8, 1], clock: () => now });
minoots.watchBudgets(tracker, {
  on_expire: ({ orchestratorId }) => ({ webhook: `${app.url}/reset-budget/${orchestratorId}` }),
});
const { reservationId } = await tracker.reserveTokens('orchestrator-1', 900, 'daily');
await tracker.releaseReservation(reservationId, 850);

let timers = [];
while (timers.length < 3) ({ timers } = await minoots.timers.list());
console.log(timers.map(({ name }) => name).sort());

now += 2 * 86_400_000;
await app.wait(3);
console.log(app.received.map(({ path, data }) => `${path} ${data.newBudget}`).sort());

await tracker.close();
await minoots.close();
app.stop();
