import { fork } from 'node:child_process';
import { once } from 'node:events';

const PROCESS_FILE = new URL('./consumer-process.mjs', import.meta.url);
/** After the last was due: what has not fired by then is counted as lost. */
const PATIENCE_MS = 30_000;
/** Between the last creation and the first that is due. */
const LEAD_MIN_MS = 250;

/**
 * One turn: `create(dues)` makes a timer for each instant of `dues`, ahead; a process of its own fires them. They are spread
 * evenly over `periodMs`. Resolves with `{ p50Ms, p99Ms, maxMs, earlyMs, lost, twice, perSecond, errorMs }`, where
 * `perSecond` is how many fired between the first due and the last heard.
 */
export async function latenessTurn({ side, concurrency, server, nowMs, create, count, periodMs, leadMs }) {
  const child = fork(PROCESS_FILE, { execArgv: [] });
  const stopNow = () => child.kill('SIGKILL');
  process.once('exit', stopNow);
  const exited = once(child, 'exit');
  // Comes after its last message has been read, which `exit` need not.
  const gone = once(child, 'disconnect');
  try {
    const { host, port } = server;
    child.send({ side, concurrency, server: { host, port }, expected: count });
    await message(child, gone);
    const firstMs = Math.ceil(nowMs() + leadMs);
    const dues = Array.from(
      { length: count },
      (_, index) => firstMs + Math.floor((index * periodMs) / count),
    );
    await create(dues);
    if (nowMs() > firstMs - LEAD_MIN_MS) return null;
    const timer = setTimeout(() => child.send('stop'), dues.at(-1) - nowMs() + PATIENCE_MS);
    const { fired, errorMs } = await message(child, gone);
    clearTimeout(timer);
    return { ...summary(fired, firstMs, count), errorMs };
  } finally {
    if (child.connected) child.disconnect();
    await exited;
    process.off('exit', stopNow);
  }
}

async function message(child, gone) {
  const ended = gone.then(() => {
    throw new Error('The process that fires has ended');
  });
  const [value] = await Promise.race([once(child, 'message'), ended]);
  return value;
}

function summary(fired, firstMs, count) {
  const late = fired.map(([, dueMs, heardMs]) => heardMs - dueMs).sort((a, b) => a - b);
  const quantile = share => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? Number.NaN;
  const lastMs = fired.reduce((last, [, , heardMs]) => Math.max(last, heardMs), firstMs);
  const different = new Set(fired.map(([index]) => index)).size;
  return {
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
    earlyMs: Math.max(0, -(late[0] ?? 0)),
    lost: count - different,
    twice: fired.length - different,
    perSecond: (different * 1000) / Math.max(1, lastMs - firstMs),
  };
}
