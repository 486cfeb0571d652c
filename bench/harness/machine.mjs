import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';

/** What the figures were measured on. */
export function describeMachine(redisExecutable) {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    redis:
      /v=(\S+)/.exec(execFileSync(redisExecutable, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
  };
}

/**
 * Starts watching how much of the machine is used by processes that are not the benchmark's.
 * `stop()` answers their share of all cores, or `null` where /proc is missing.
 */
export function watchOthers() {
  const before = reading();
  const begunMs = performance.now();
  return () => {
    const after = reading();
    if (before === null || after === null) return null;
    const availableMs = (performance.now() - begunMs) * os.cpus().length;
    const othersMs = after.busyMs - before.busyMs - (after.ownMs - before.ownMs);
    return Math.max(0, othersMs / availableMs);
  };
}

function reading() {
  try {
    const busyMs = os
      .cpus()
      .reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
    return { busyMs, ownMs: treeCpuMs(process.pid) };
  } catch {
    return null;
  }
}

/** CPU time of a process and all that descend from it, also of those that have ended. */
function treeCpuMs(rootPid) {
  const processes = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(readProcess);
  const members = new Set([rootPid]);
  // A child may be listed before its parent: repeat until nothing is added.
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of processes) if (members.has(parent)) members.add(pid);
  }
  return processes.reduce((sum, { pid, cpuMs }) => sum + (members.has(pid) ? cpuMs : 0), 0);
}

function readProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    // utime, stime, and the same of children that were waited for; 10 ms each.
    return [
      {
        pid: Number(pid),
        parent: fields[1],
        cpuMs: (fields[11] + fields[12] + fields[13] + fields[14]) * 10,
      },
    ];
  } catch {
    return []; // ended meanwhile
  }
}
