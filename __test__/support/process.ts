import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { endWithUs } from './reaper';

/**
 * A worker process: a script of `__test__/workers` that answers every message `{ id, do, with }` with
 * `{ id, answer }` or `{ id, error: { name, message, code } }`. `workers/serve.cjs` does that part.
 */
export interface WorkerProcess {
  pid: number;
  /** Calls the script's function `name` and returns what it returns, as JSON carries it. */
  call<T = unknown>(name: string, argument?: unknown): Promise<T>;
  /** What the script reported by itself (`report(...)`), oldest first. */
  reports(): unknown[];
  /** Everything written to standard output and standard error so far. */
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Closes the channel, so that the process ends by itself if nothing keeps it alive. */
  disconnect(): void;
}

export interface WorkerOptions {
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Shifts `Date` in the process; see `shift-clock.cjs`. */
  clockShiftMs?: number;
  /** Hears what is written as it comes, in pieces. */
  onOutput?: (text: string) => void;
}

/** Forks `__test__/workers/<script>` with this Node; it ends with us. */
export function runProcess(
  script: string,
  { args = [], env = {}, clockShiftMs, onOutput }: WorkerOptions = {},
): WorkerProcess {
  const child = fork(resolve(__dirname, '../workers', script), args, {
    execArgv: clockShiftMs === undefined ? [] : ['--require', join(__dirname, 'shift-clock.cjs')],
    env: {
      ...process.env,
      ...(clockShiftMs !== undefined && { TEST_CLOCK_SHIFT_MS: String(clockShiftMs) }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  endWithUs(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text;
      onOutput?.(text);
    });
  }
  const reports: unknown[] = [];
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;

  child.on('message', (message: { id?: number; answer?: unknown; error?: object; report?: unknown }) => {
    if (message.id === undefined) {
      reports.push(message.report);
      return;
    }
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) {
      call?.reject(Object.assign(new Error(), message.error));
    } else {
      call?.resolve(message.answer);
    }
  });
  // Not `close`, which never comes after `disconnect()`; but with the output complete.
  const ended = Promise.all([
    once(child, 'exit'),
    ...[child.stdout, child.stderr].map(stream => stream && once(stream, 'close')),
  ]).then(([[code, signal]]) => {
    const how: number | string = code ?? signal ?? 'unknown';
    for (const call of waiting.values()) {
      call.reject(new Error(`${script} ended (${how}) before it answered:\n${output}`));
    }
    waiting.clear();
    return how;
  });

  return {
    pid: child.pid as number,
    call<T>(name: string, argument?: unknown) {
      lastId += 1;
      const id = lastId;
      return new Promise<T>((resolveCall, reject) => {
        waiting.set(id, { resolve: value => resolveCall(value as T), reject });
        child.send({ id, do: name, with: argument }, error => {
          if (error && waiting.delete(id)) {
            reject(error);
          }
        });
      });
    },
    reports: () => reports,
    output: () => output,
    ended,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
    disconnect: () => child.disconnect(),
  };
}
