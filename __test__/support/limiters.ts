import type {
  AcquireOptions,
  PermitSettlement,
  RateLimitConfig,
  RequestUsage,
} from '@wundr.io/token-budget/rate-limit';
import { runProcess, type WorkerProcess } from './process';

/** A permit that a process was granted, by the store's clock. */
export interface GrantedPermit {
  id: string;
  admittedAtMs: number;
  inputTokens?: number;
  name?: string;
  code?: string;
}

/** A limiter in a process of its own. */
export interface LimiterProcess {
  worker: WorkerProcess;
  call<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  acquire(options?: AcquireOptions): Promise<GrantedPermit>;
  /** Acquires without waiting for it; `granted` tells when it came. */
  begin(name: string, options?: AcquireOptions): Promise<void>;
  granted(): Promise<GrantedPermit[]>;
  settle(id: string, usage: RequestUsage): Promise<PermitSettlement>;
  cancel(id: string): Promise<boolean>;
  run(load: {
    lanes: number;
    untilMs: number;
    options: AcquireOptions;
    holdMs?: number;
  }): Promise<GrantedPermit[]>;
}

export async function openLimiter(config: RateLimitConfig): Promise<LimiterProcess> {
  const worker = runProcess('limiter.cjs');
  await worker.call('open', { config });
  return {
    worker,
    call: (method, ...args) => worker.call('call', { method, args }),
    acquire: (options = {}) => worker.call('acquire', { options }),
    begin: (name, options = {}) => worker.call('begin', { name, options }),
    granted: () => worker.call('granted'),
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
