import { readFileSync } from 'node:fs';

const NS_PER_TICK = 1e9 / 100;

// The thread that runs JavaScript has the process's number on Linux. Garbage collector and compiler
// helpers, and the I/O thread of the addon, are other threads and are not counted here; they are in
// the figure of the whole process, which is printed beside it.
const SOURCES = [
  [
    'process.threadCpuUsage',
    () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) * 1000;
    },
  ],
  ['/proc/self/task/<main>/schedstat', () => Number(readTask('schedstat').split(' ')[0])],
  ['/proc/self/task/<main>/stat (10 ms steps)', () => ticks(readTask('stat')) * NS_PER_TICK],
];

const [source, read] = SOURCES.find(works) ?? [null, () => Number.NaN];

/** Where the main thread's time is read from; `null` when this system does not tell. */
export const mainThreadSource = source;

/** CPU time of the thread that runs JavaScript, in nanoseconds. */
export const mainThreadNs = read;

/** CPU time of all threads of this process, in nanoseconds. */
export function processNs() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function works([, candidate]) {
  try {
    return candidate() > 0;
  } catch {
    return false;
  }
}

function readTask(file) {
  return readFileSync(`/proc/self/task/${process.pid}/${file}`, 'utf8');
}

/** User and system ticks of a `stat` file; the name in parentheses may contain spaces. */
function ticks(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
