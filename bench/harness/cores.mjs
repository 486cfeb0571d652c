import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { infoNumber } from './redis-server.mjs';

/**
 * Holds servers and the thread that runs JavaScript to a core of their own each, for as long as `work` runs.
 * Where the scheduler puts both on one core, a round trip takes a third of the time, for no core has to be woken; it
 * does so now and then, and a median would tell how often. Resolves with what `work` resolves with and a note.
 */
export async function onCoresOfTheirOwn(admins, isWanted, work) {
  const last = os.cpus().length - 1;
  const servers = await Promise.all(admins.map(processOf));
  const isHeld =
    isWanted && last > 0 && hold(process.pid, '0') && servers.every(pid => hold(pid, String(last)));
  try {
    return { result: await work(), note: isHeld ? HELD : FREE };
  } finally {
    if (isHeld) for (const pid of [process.pid, ...servers]) hold(pid, `0-${last}`);
  }
}

async function processOf({ client }) {
  return infoNumber(await client.info('server'), 'process_id');
}

/** Only the thread whose number is that of the process: the one that runs JavaScript, or scripts. */
function hold(pid, cores) {
  return spawnSync('taskset', ['--pid', '--cpu-list', cores, String(pid)]).status === 0;
}

const HELD = 'The server and the thread that runs JavaScript were held to a core each.';
const FREE = 'The scheduler was free to put the server and the thread that runs JavaScript on one core.';
