import { fork } from 'node:child_process';
import { watchOthers } from './machine.mjs';

const PROCESS_FILE = new URL('./figure-process.mjs', import.meta.url);
const EXIT_GRACE_MS = 5000;

/** Measures one figure in a process of its own. Resolves also when it fails, with `error`. */
export async function runFigure(name, file, task, nodeFlags) {
  const begunMs = performance.now();
  const stopWatching = watchOthers();
  const child = fork(PROCESS_FILE, { execArgv: ['--expose-gc', ...nodeFlags] });
  const outcome = await new Promise(resolve => {
    child.once('message', result => {
      resolve(result);
      // Not the figure's failure, but a developer should hear of it.
      const timer = setTimeout(() => {
        process.stderr.write(`${name}: its process did not end by itself\n`);
        child.kill('SIGKILL');
      }, EXIT_GRACE_MS);
      child.once('exit', () => clearTimeout(timer));
    });
    child.once('error', error => resolve({ error: error.message }));
    child.once('exit', (code, signal) => resolve({ error: `ended with ${signal ?? code}` }));
    child.send({ ...task, file: file.href });
  });
  return {
    name,
    title: name,
    measured: [],
    ratios: [],
    notes: [],
    ...outcome,
    seconds: Math.round((performance.now() - begunMs) / 1000),
    othersShareOfCpu: stopWatching(),
  };
}
