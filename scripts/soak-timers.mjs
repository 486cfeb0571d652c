// Fires timers for a long time while processes are killed and the server restarts, stops and forgets its scripts;
// then says whether any was lost, early, or fired under two names. Not part of CI; it needs redis-server.
//
//   npm run soak:timers -- [minutes] [redis|disk] [timers a second]    10 minutes, redis, 500
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './lib/entries.mjs';

const require = createRequire(import.meta.url);
const { loadTypeScript } = require(join(root, '__test__/support/load-typescript.cjs'));
const { startRedis } = loadTypeScript('support/redis.ts');
const { temporaryFolder, HOST } = loadTypeScript('support/system.ts');
const { allFired, killTimers, LEASE_MS, openTimers, tally } = loadTypeScript('support/timer-processes.ts');

const minutes = Number(process.argv[2] ?? 10);
const kind = process.argv[3] ?? 'redis';
const perSecond = Number(process.argv[4] ?? 500);
if (!(minutes > 0) || !(perSecond > 0) || !['redis', 'disk'].includes(kind)) {
  console.error('usage: npm run soak:timers -- [minutes] [redis|disk] [timers a second]');
  process.exit(2);
}

const RUNNERS = kind === 'redis' ? 4 : 1;
const DURATION_MAX_MS = 20_000;
const FAULT_EVERY_MS = 2_000;
const TELL_EVERY_MS = 30_000;

const folder = temporaryFolder('soak-timers');
const server =
  kind === 'redis'
    ? await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    : undefined;
const place = server
  ? { redis: { host: HOST, port: server.port } }
  : { storage: join(folder.path, 'state.db') };
const options = { ...place, commandTimeout: 30_000, connectTimeout: 30_000 };

const all = [];
const running = [];
const made = [];
const counts = {};
let last = 0;
let isOver = false;

async function openRunner(at) {
  running[at] = await openTimers(options, { lingerMs: 20 });
  all.push(running[at]);
}

async function killRunner() {
  const at = Math.floor(Math.random() * RUNNERS);
  await running[at].kill();
  await openRunner(at);
}

const faults = { kill: killRunner };
if (server) {
  Object.assign(faults, {
    restart: () => server.restart(),
    async pause() {
      server.pause();
      await sleep(500 + Math.random() * 1_500);
      server.resume();
    },
    forget: () => server.command('SCRIPT', 'FLUSH'),
  });
}

async function breakThings() {
  while (!isOver) {
    await sleep(FAULT_EVERY_MS * Math.random() * 2);
    const names = Object.keys(faults);
    const name = names[Math.floor(Math.random() * names.length)];
    counts[name] = (counts[name] ?? 0) + 1;
    await faults[name]();
  }
}

/** Timers whose creation failed may be there or not, and are not counted. */
async function create(author) {
  while (!isOver) {
    const timers = Array.from({ length: perSecond }, () => ({
      id: `t${++last}`,
      name: 'soak',
      duration: Math.floor(Math.random() * DURATION_MAX_MS),
    }));
    const creating = author().create(timers);
    // A process that is killed answers nothing.
    const answer = await Promise.race([creating.catch(() => []), sleep(40_000, [])]);
    made.push(...answer);
    await sleep(1_000);
  }
}

function tell() {
  const { timers, doubles, early, unstable } = tally(all, made);
  const acknowledged = made.length;
  console.log(JSON.stringify({ acknowledged, timers, doubles, early: early.length, unstable, ...counts }));
}

for (let at = 0; at < RUNNERS; at += 1) await openRunner(at);
// On disk there is one process, which is killed, too.
const author = server ? await openTimers({ ...options, run: false }) : undefined;
const telling = setInterval(tell, TELL_EVERY_MS);
const working = [breakThings(), create(() => author ?? running[0])];
await sleep(minutes * 60_000);
isOver = true;
await Promise.all(working);
clearInterval(telling);

let failure;
try {
  await allFired(
    made.map(({ id }) => id),
    all,
    LEASE_MS + 60_000,
  );
} catch (error) {
  failure = error.message;
}
tell();
const { early, unstable } = tally(all, made);
await killTimers();
await server?.stop();
await folder.remove();
if (failure !== undefined || early.length > 0 || unstable.length > 0) {
  console.error(failure ?? 'Timers fired early, or under two names.');
  process.exitCode = 1;
}
