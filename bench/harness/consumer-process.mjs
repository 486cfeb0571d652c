import { openIoredis } from '../peers/ioredis.mjs';
import { openCoordinator } from './product.mjs';
import { measureServerClock } from './server-clock.mjs';

/** Each calls `onFired` with the data of what has fired, `{ index, dueMs }`, and resolves with what closes it. */
const SIDES = {
  async ours(server, _concurrency, onFired) {
    const coordinator = await openCoordinator(server);
    coordinator.on('timer:expired', ({ data }) => onFired(data));
    coordinator.on('error', () => {});
    return coordinator;
  },
  async bullmq(server, concurrency, onFired) {
    const { openWorker } = await import('../peers/bullmq.mjs');
    return openWorker(server, concurrency, onFired);
  },
};

// The process that fires, and nothing else: told `{ side, server, expected }`, it answers `{ ready }`; then, once as many
// have fired or it is told to stop, `{ fired, errorMs }`: index, due and heard of each, by the server's clock.
process.once('message', async ({ side, server, concurrency, expected }) => {
  const client = await openIoredis(server);
  const clock = await measureServerClock(client);
  const fired = [];
  let enough;
  const isEnough = new Promise(resolve => {
    enough = resolve;
  });
  process.once('message', enough);
  const consumer = await SIDES[side](server, concurrency, ({ index, dueMs }) => {
    fired.push([index, dueMs, performance.now()]);
    if (fired.length === expected) enough();
  });
  process.send({ ready: true });
  await isEnough;
  const ended = await measureServerClock(client);
  // A clock that was corrected meanwhile is seen as a greater error.
  const errorMs = Math.max(clock.errorMs, ended.errorMs) + Math.abs(ended.offsetMs - clock.offsetMs);
  const heard = fired.map(([index, dueMs, heardMs]) => [index, dueMs, heardMs + clock.offsetMs]);
  // Written before this process may end: it is long.
  await new Promise(resolve => process.send({ fired: heard, errorMs }, resolve));
  await consumer.close();
  await client.quit();
  process.disconnect();
});

process.once('disconnect', () => process.exit());
