// "GitHub API Rate Limits": as the guide writes it, and in one call.
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
const minoots = openCoordinator();

const handleGitHubRateLimit = async (response) => {
  if (response.status === 403 && response.headers['x-ratelimit-remaining'] === '0') {
    const resetTime = parseInt(response.headers['x-ratelimit-reset']) * 1000;
    const waitTime = Math.max(0, resetTime - Date.now());

    await minoots.timers.create({
      name: 'GitHub API Reset',
      duration: waitTime,
      events: {
        on_expire: {
          webhook: `${app.url}/resume-github-ops`
        }
      }
    });
  }
};

const refused = () => ({
  status: 403,
  headers: {
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 1),
  },
});
await handleGitHubRateLimit(refused());
await app.wait(1);
console.log(app.received[0]);

// The same, once however many processes are refused; and other providers likewise.
const again = refused();
await Promise.all(
  [1, 2, 3].map(() => minoots.timers.fromRateLimit(again, { webhook: `${app.url}/resume` })),
);
await app.wait(2);
console.log(app.received.slice(1));

await minoots.close();
app.stop();
