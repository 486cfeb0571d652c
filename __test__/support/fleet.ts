import type { BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { runProcess, type WorkerOptions, type WorkerProcess } from './process';
import { eventually } from './system';

type Method = {
  // biome-ignore lint/suspicious/noExplicitAny: any method
  [Name in keyof TokenBudgetTracker]: TokenBudgetTracker[Name] extends (...args: any[]) => Promise<unknown>
    ? Name
    : never;
}[keyof TokenBudgetTracker];

/** How one call of many ended. */
export interface Outcome<T = unknown> {
  value?: T;
  code?: string;
  message?: string;
  /** How long it took, and how much longer than a timer of `against` that was started with it. */
  tookMs: number;
  beyondMs: number;
}

export interface HeardEvent {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: as JSON carries it
  args: any[];
  /** The real time. */
  at: number;
}

/** What a load that ran for a while saw. */
export interface LoadReport {
  /** Tokens whose report was taken: `trackUsage` and settles that resolved. */
  reported: number;
  /** Tokens that the store was heard to have recorded. */
  recorded: number;
  operations: number;
  granted: number;
  /** Operations that failed, by code. */
  failed: Record<string, number>;
}

/** A tracker in a process of its own. */
export interface RemoteProcess {
  worker: WorkerProcess;
  call<T = unknown>(method: Method, ...args: unknown[]): Promise<T>;
  /** Calls of one tick. */
  all<T = unknown>(
    calls: ReadonlyArray<readonly [Method, ...unknown[]]>,
    againstMs?: number,
  ): Promise<Outcome<T>[]>;
  /** `trackUsage` with the rest filled in; `timestamp` is the process's own `new Date()`. */
  track(orchestratorId: string, totalTokens: number, more?: object): Promise<void>;
  heard(name?: string): Promise<HeardEvent[]>;
  /** Resolves when `count` events of this name have been heard. */
  hears(name: string, count?: number): Promise<HeardEvent[]>;
  /** Reserves, settles and tracks on one orchestrator until `endLoad`. */
  beginLoad(orchestratorId: string): Promise<void>;
  /** Resolves when the load has had this many more operations answered. */
  progress(operations: number): Promise<void>;
  endLoad(): Promise<LoadReport>;
}

const SCRIPT = 'tracker.cjs';

/** A `Date` of the process's own clock, this much later; wherever it occurs in arguments. */
export const later = (milliseconds: number) => ({ $later: milliseconds });

export async function openProcess(config: BudgetConfig, options: WorkerOptions = {}): Promise<RemoteProcess> {
  const worker = runProcess(SCRIPT, options);
  await worker.call('open', { config });
  const heard = (name?: string) => worker.call<HeardEvent[]>('heard', { name });
  return {
    worker,
    call: (method, ...args) => worker.call('call', { method, args }),
    all: (calls, againstMs = 0) => worker.call('all', { calls, againstMs }),
    track: (orchestratorId, totalTokens, more = {}) =>
      worker.call('call', { method: 'trackUsage', args: [usage(orchestratorId, totalTokens, more)] }),
    heard,
    hears: (name, count = 1) =>
      eventually(`${count} events ${name}`, async () => {
        const events = await heard(name);
        return events.length >= count ? events : undefined;
      }),
    beginLoad: orchestratorId => worker.call('beginLoad', { orchestratorId }),
    async progress(operations) {
      const done = () => worker.call<number>('operations');
      const before = await done();
      await eventually(`${operations} more operations`, async () =>
        (await done()) >= before + operations ? true : undefined,
      );
    },
    endLoad: () => worker.call('endLoad'),
  };
}

export function openProcesses(
  count: number,
  config: BudgetConfig,
  options: WorkerOptions = {},
): Promise<RemoteProcess[]> {
  return Promise.all(Array.from({ length: count }, () => openProcess(config, options)));
}

export async function endProcesses(processes: readonly RemoteProcess[]): Promise<void> {
  await Promise.all(processes.map(({ worker }) => worker.kill()));
}

export function usage(orchestratorId: string, totalTokens: number, more: object = {}) {
  return {
    orchestratorId,
    sessionId: 'session',
    timestamp: later(0),
    promptTokens: 0,
    completionTokens: 0,
    totalTokens,
    model: 'model',
    ...more,
  };
}

/** Waits until the current hour has this much left: counters of the hour are about to be compared. */
export async function withinOneHour(neededMs: number): Promise<void> {
  const left = () => 3_600_000 - (Date.now() % 3_600_000);
  await eventually('the next hour', () => left() > neededMs || undefined, { timeoutMs: neededMs + 5_000 });
}
