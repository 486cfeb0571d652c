import { existsSync } from 'node:fs';
import { runProcess, type WorkerProcess } from './process';
import { eventually } from './system';

let worker: WorkerProcess;

afterEach(() => worker.kill());

test('answers, errors and reports come back', async () => {
  worker = runProcess('echo.cjs');
  expect(await worker.call('echo', { a: [1, 'two'] })).toEqual({ a: [1, 'two'] });
  await expect(worker.call('fail')).rejects.toMatchObject({ name: 'TypeError', message: 'no', code: 'NO' });
  expect(worker.reports()).toEqual(['started']);
});

test('a call in flight fails when the process ends, and the exit code is told', async () => {
  worker = runProcess('echo.cjs');
  await expect(worker.call('exit', 3)).rejects.toThrow('ended (3) before it answered');
  expect(await worker.ended).toBe(3);
});

test('a process ends by itself when the channel is closed', async () => {
  worker = runProcess('echo.cjs');
  await worker.call('echo');
  worker.disconnect();
  expect(await worker.ended).toBe(0);
});

test('the clock of a process is shifted', async () => {
  worker = runProcess('echo.cjs', { clockShiftMs: -86_400_000 });
  const ahead = (await worker.call<number>('now')) - Date.now();
  expect(Math.abs(ahead + 86_400_000)).toBeLessThan(5_000);
});

test('servers and folders go when the process that started them is killed', async () => {
  worker = runProcess('start-redis.cjs');
  const { pid, folder } = await worker.call<{ pid: number; folder: string }>('start');
  expect(existsSync(folder)).toBe(true);
  await worker.kill('SIGKILL');
  await eventually(
    'the end of redis-server and its folder',
    () => (gone(pid) && !existsSync(folder)) || undefined,
  );
});

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
