// "Exponential Backoff": as the guide writes it, and in one call.
import { openCoordinator, startApp } from './setup.mjs';

const app = await startApp();
const minoots = openCoordinator();

const createRetryTimer = async (attempt, maxAttempts = 5) => {
  if (attempt >= maxAttempts) {
    throw new Error('Max retry attempts exceeded');
  }

  const delay = Math.min(1000 * Math.pow(2, attempt), 30000); // Max 30 seconds

  return await minoots.timers.create({
    name: `Retry Attempt ${attempt + 1}`,
    duration: delay,
    events: {
      on_expire: {
        webhook: `${app.url}/retry-operation`,
        data: { attempt: attempt + 1 }
      }
    }
  });
};

const first = await createRetryTimer(0);
console.log(first.name, first.status, first.endTime - first.startTime);
await app.wait(1);
console.log(app.received[0]);
await createRetryTimer(5).catch(error => console.log(error.message));

// The same: with an id each attempt has one timer, whoever asks for it.
for (const attempt of [0, 1, 2, 3, 4]) {
  const timer = await minoots.timers.retry(attempt, {
    id: 'upload-7',
    on_expire: { webhook: `${app.url}/retry-operation` },
  });
  console.log(timer.name, timer.duration);
  await minoots.timers.cancel(timer.id);
}
await minoots.timers.retry(5, { id: 'upload-7' }).catch(error => console.log(error.message));

await minoots.close();
app.stop();
