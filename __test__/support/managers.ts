import type { TokenInput, TokenManagerOptions } from '@wundr.io/token-budget/credentials';
import type { HeardEvent, Outcome } from './fleet';
import { runProcess, type WorkerProcess } from './process';
import { eventually } from './system';

/** A token that a process took for a request; `lease` is its number there. */
export interface TakenLease {
  lease: number;
  token: string;
  fingerprint: string;
  account: string;
  remaining: number | null;
}

/** A manager of tokens in a process of its own. */
export interface ManagerProcess {
  worker: WorkerProcess;
  /** A method of the manager; or `settle`, `cancel`, `update` of a lease, by its number. */
  call<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  take(options?: { resource?: string }): Promise<TakenLease>;
  /** Calls of one tick. */
  all<T = unknown>(
    calls: ReadonlyArray<readonly [method: string, ...args: unknown[]]>,
    againstMs?: number,
  ): Promise<Outcome<T>[]>;
  /** Requests to `path` in so many lanes, until no token is left. */
  exhaust(
    path: string,
    lanes: number,
  ): Promise<{ served: number; ended: Array<{ name: string; message: string }> }>;
  /** Resolves when `count` events of this name have been heard. */
  hears(name: string, count?: number): Promise<HeardEvent[]>;
}

/** `undefined` for tokens: those that others keep in the store. */
export async function openManager(
  tokens: ReadonlyArray<string | TokenInput> | undefined,
  options: TokenManagerOptions,
): Promise<ManagerProcess> {
  const worker = runProcess('manager.cjs');
  try {
    await worker.call('open', { tokens, options });
  } catch (error) {
    await worker.kill();
    throw error;
  }
  return {
    worker,
    call: (method, ...args) => worker.call('call', { method, args }),
    take: (options = {}) => worker.call('call', { method: 'take', args: ['github', options] }),
    all: (calls, againstMs = 0) => worker.call('all', { calls, againstMs }),
    exhaust: (path, lanes) => worker.call('exhaust', { path, lanes }),
    hears: (name, count = 1) =>
      eventually(`${count} events ${name}`, async () => {
        const events = await worker.call<HeardEvent[]>('heard', { name });
        return events.length >= count ? events : undefined;
      }),
  };
}

export async function endManagers(processes: readonly ManagerProcess[]): Promise<void> {
  await Promise.all(processes.map(({ worker }) => worker.kill()));
}
