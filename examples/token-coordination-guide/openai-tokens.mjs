// "OpenAI API Token Management": as the guide writes it, and in one call.
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
// So that nobody has to wait for midnight.
let now = Date.now();
const minoots = openCoordinator({ clock: () => now });

const manageOpenAITokens = async (usage) => {
  const dailyLimit = 1000000; // 1M tokens
  const remaining = dailyLimit - usage.total_tokens;

  if (remaining < 10000) { // Less than 10k tokens left
    const resetTime = new Date();
    resetTime.setHours(24, 0, 0, 0); // Next midnight

    await minoots.timers.create({
      name: 'OpenAI Token Reset',
      duration: resetTime.getTime() - Date.now(),
      events: {
        on_expire: {
          webhook: `${app.url}/resume-ai-operations`
        }
      }
    });
  }
};

await manageOpenAITokens({ total_tokens: 500000 });
await manageOpenAITokens({ total_tokens: 995000 });

// The same, with midnights that are right on the days on which clocks change, and one timer a day.
for (const total_tokens of [500000, 995000, 999000]) {
  await minoots.timers.dailyReset({
    service: 'OpenAI',
    usage: { total_tokens },
    dailyLimit: 1000000,
    on_expire: { webhook: `${app.url}/resume-daily` },
  });
}

const { timers } = await minoots.timers.list();
console.log(timers.map(({ name }) => name));
const [one, other] = timers.map(({ endTime }) => endTime.getTime());
console.log(`both at midnight: ${Math.abs(one - other) < 60_000}`);

now += 2 * 86_400_000;
await app.wait(2);
console.log(app.received.map(({ path }) => path).sort());

await minoots.close();
app.stop();
