import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

// Behind the first admission, and before the window that it began is over.
const QUIET_MS = 900;
// Over the end of that window and of the one behind it.
const PRESSURE_MS = 2200;
/** Calls that wait at once while there is pressure. */
const WIDTH = 120;
const HEARTBEAT_MS = 10;

/**
 * What a limiter of so many a second is asked for: one, then nothing until shortly before a second is over, then
 * more than it can admit, until two more seconds have begun. Resolves with the `instants` of all admissions as they arrive,
 * in milliseconds, and with `lateMs`: the longest that anything took to arrive meanwhile, here or from the server that
 * `ping` asks.
 */
export async function admissionsUnderPressure(admit, ping) {
  const stop = new AbortController();
  const lateness = watchLateness(ping, stop.signal);
  const instants = [];
  const one = async () => {
    await admit(stop.signal);
    if (!stop.signal.aborted) instants.push(performance.now());
  };
  await one();
  await sleep(QUIET_MS);
  const caller = async () => {
    while (!stop.signal.aborted) await one();
  };
  // Those that wait when it ends are rejected or never answered, as their limiter likes.
  for (let index = 0; index < WIDTH; index++) caller().catch(onlyAfter(stop.signal));
  await sleep(PRESSURE_MS);
  stop.abort();
  return { instants, lateMs: await lateness };
}

/**
 * The most of `instants`, which ascend, that were surely admitted within `windowMs`: each was admitted before it
 * arrived, by `lateMs` at most.
 */
export function mostWithin(instants, windowMs, lateMs) {
  let most = 0;
  let first = 0;
  for (let last = 0; last < instants.length; last++) {
    while (instants[last] - instants[first] >= windowMs - lateMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

async function watchLateness(ping, signal) {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  let roundTripMs = 0;
  while (!signal.aborted) {
    const begunMs = performance.now();
    await ping();
    roundTripMs = Math.max(roundTripMs, performance.now() - begunMs);
    await sleep(HEARTBEAT_MS);
  }
  loop.disable();
  return Math.max(roundTripMs, loop.max / 1e6);
}

function onlyAfter(signal) {
  return error => {
    if (!signal.aborted) throw error;
  };
}
