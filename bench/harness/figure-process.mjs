import { openAdmin } from './redis-server.mjs';

// One figure, in a process of its own: what another figure left in the heap or taught the compiler
// does not reach it. The runner sends the task and gets the result back as messages.
process.once('message', async ({ file, port, rounds, quick, executable, withProduct, pinned, records }) => {
  const redis = await openAdmin(port);
  const { title, run } = await import(file);
  const scale = count => (quick ? Math.ceil(count / 10) : count);
  const result = await run({ redis, rounds, scale, executable, withProduct, pinned, records });
  await redis.flush();
  await redis.close();
  process.off('disconnect', runnerIsGone);
  // Not process.exit(): a side that would keep the process alive should be seen by the runner.
  process.send({ title, notes: [], ...result }, () => process.disconnect());
});

process.once('disconnect', runnerIsGone);

function runnerIsGone() {
  process.exit(1);
}
