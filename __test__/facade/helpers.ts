import { type BudgetConfig, TokenBudgetTracker, type TokenUsage } from '@wundr.io/token-budget';

/** A Wednesday, in the middle of an hour, a day and a month. */
export const NOON = Date.UTC(2026, 0, 14, 12, 30, 0);

export const HOUR_MS = 3_600_000;

export interface ManualClock {
  now: number;
  read: () => number;
}

export function manualClock(now = NOON): ManualClock {
  const clock: ManualClock = { now, read: () => clock.now };
  return clock;
}

const open = new Set<TokenBudgetTracker>();

/** A tracker with its state in memory and a clock that stands still; closed by {@link closeAll}. */
export function tracker(config: BudgetConfig = {}, clock = manualClock()): TokenBudgetTracker {
  const made = new TokenBudgetTracker({ clock: clock.read, ...config });
  open.add(made);
  return made;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map(one => one.close()));
  open.clear();
}

export function usage(total: number, more: Partial<TokenUsage> = {}): TokenUsage {
  return {
    orchestratorId: 'orch',
    sessionId: 'session-1',
    timestamp: new Date(NOON),
    promptTokens: 0,
    completionTokens: 0,
    totalTokens: total,
    model: 'model-a',
    ...more,
  };
}

/** Every call of a listener on `name`. */
export function heard(emitter: TokenBudgetTracker, name: string): unknown[][] {
  const calls: unknown[][] = [];
  emitter.on(name as 'error', (...args: unknown[]) => calls.push(args));
  return calls;
}

/** What a promise rejects with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; field?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

export function granted(result: { reservationId?: string }): string {
  if (result.reservationId === undefined) throw new Error('expected a reservation');
  return result.reservationId;
}
