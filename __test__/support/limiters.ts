import type {
  AcquireOptions,
  PermitSettlement,
  RateLimitConfig,
  RequestUsage,
} from '@wundr.io/token-budget/rate-limit';
import type { HeardEvent, Outcome } from './fleet';
import { runProcess, type WorkerOptions, type WorkerProcess } from './process';
import { eventually } from './system';

/** A permit that a process was granted, by the store's clock. */
export interface GrantedPermit {
  id: string;
  admittedAtMs: number;
  waitedMs: number;
  isUnheld: boolean;
  inputTokens?: number;
  name?: string;
  code?: string;
}

/** A limiter in a process of its own. */
export interface LimiterProcess {
  worker: WorkerProcess;
  call<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  /** Calls of one tick; `settle` and `cancel` of permits that were granted here take their ids first. */
  all<T = unknown>(
    calls: ReadonlyArray<readonly [method: string, ...args: unknown[]]>,
    againstMs?: number,
  ): Promise<Outcome<T>[]>;
  acquire(options?: AcquireOptions): Promise<GrantedPermit>;
  /** Acquires without waiting for it; `granted` tells when it came. */
  begin(name: string, options?: AcquireOptions): Promise<void>;
  granted(): Promise<GrantedPermit[]>;
  /** Acquires so often, and aborts what has not come after `afterMs`. */
  abort(count: number, options: AcquireOptions, afterMs: number): Promise<Outcome<GrantedPermit>[]>;
  /** The thread of the process does nothing else for so long. */
  block(forMs: number): Promise<void>;
  /** Resolves when `count` events of this name have been heard. */
  hears(name: string, count?: number): Promise<HeardEvent[]>;
  settle(id: string, usage: RequestUsage): Promise<PermitSettlement>;
  cancel(id: string): Promise<boolean>;
  run(load: {
    lanes: number;
    /** By the clock of this process, or `forMs` by any. */
    untilMs?: number;
    forMs?: number;
    options: AcquireOptions;
    holdMs?: number;
    /** A store that is away does not end the load. */
    outages?: boolean;
  }): Promise<GrantedPermit[]>;
}

export async function openLimiter(
  config: RateLimitConfig,
  options: WorkerOptions = {},
): Promise<LimiterProcess> {
  const worker = runProcess('limiter.cjs', options);
  await worker.call('open', { config });
  return {
    worker,
    call: (method, ...args) => worker.call('call', { method, args }),
    all: (calls, againstMs = 0) => worker.call('all', { calls, againstMs }),
    acquire: (options = {}) => worker.call('acquire', { options }),
    begin: (name, options = {}) => worker.call('begin', { name, options }),
    granted: () => worker.call('granted'),
    abort: (count, options, afterMs) => worker.call('abort', { count, options, afterMs }),
    block: forMs => worker.call('block', { forMs }),
    hears: (name, count = 1) =>
      eventually(`${count} events ${name}`, async () => {
        const events = await worker.call<HeardEvent[]>('heard', { name });
        return events.length >= count ? events : undefined;
      }),
    settle: (id, usage) => worker.call('settle', { id, usage }),
    cancel: id => worker.call('cancel', { id }),
    run: load => worker.call('run', load),
  };
}

export function openLimiters(count: number, config: RateLimitConfig): Promise<LimiterProcess[]> {
  return Promise.all(Array.from({ length: count }, () => openLimiter(config)));
}

export async function endLimiters(processes: readonly LimiterProcess[]): Promise<void> {
  await Promise.all(processes.map(({ worker }) => worker.kill()));
}

/** The most that lies in any window of this length: half open, as `[t, t + windowMs)`. */
export function mostInAnyWindow(
  entries: ReadonlyArray<{ atMs: number; amount: number }>,
  windowMs: number,
): number {
  const sorted = [...entries].sort((a, b) => a.atMs - b.atMs);
  let first = 0;
  let sum = 0;
  let most = 0;
  for (const { atMs, amount } of sorted) {
    sum += amount;
    while ((sorted[first]?.atMs ?? atMs) <= atMs - windowMs) {
      sum -= sorted[first]?.amount ?? 0;
      first += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}
