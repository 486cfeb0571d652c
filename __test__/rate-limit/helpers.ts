import { type Permit, type RateLimitConfig, RateLimitManager } from '@wundr.io/token-budget/rate-limit';

/** Where fake time begins: at the beginning of a part of every window. */
export const NOON = Date.UTC(2026, 0, 14, 12, 0, 0);

/** When what was taken at the beginning of a part of a minute has left it. */
export const MINUTE_LEFT_MS = 61_000;

const DAY_MS = 86_400_000;

const open = new Set<RateLimitManager>();

/** Each test of the file begins at {@link NOON}, and its limiters are closed after it. */
export function useFakeTime(): void {
  beforeEach(() => {
    jest.useFakeTimers({ now: NOON });
  });
  afterEach(async () => {
    await closeAll();
    jest.restoreAllMocks();
    jest.useRealTimers();
  });
}

/** A limiter in memory. */
export function limiter(config: RateLimitConfig = {}): RateLimitManager {
  const made = new RateLimitManager(config);
  open.add(made);
  return made;
}

/** One that keeps no distance between requests and nothing free. */
export function plain(limits: RateLimitConfig['limits'], more: RateLimitConfig = {}): RateLimitManager {
  return limiter({ limits, pacing: false, safety: { margin: 0 }, ...more });
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map(one => one.close()));
  open.clear();
}

/** Taken before time is faked. */
const { setImmediate: realImmediate } = globalThis;

/** Lets everything happen that needs no time. */
export function settled(): Promise<void> {
  return new Promise(resolve => realImmediate(resolve));
}

/** Lets time pass, and everything happen that falls due: one timer after the other, each with what follows from it. */
export async function advance(ms: number): Promise<void> {
  // A timer of node cannot be set for longer than 24.8 days.
  if (ms > 20 * DAY_MS) {
    await advance(20 * DAY_MS);
    return await advance(ms - 20 * DAY_MS);
  }
  let isOver = false;
  await settled();
  setTimeout(() => {
    isOver = true;
  }, ms);
  while (!isOver) {
    jest.advanceTimersToNextTimer();
    await settled();
  }
  // Of this very instant, but set later.
  jest.advanceTimersByTime(0);
  await settled();
}

/** Milliseconds since {@link NOON}. */
export function sinceNoon(at: Date | number): number {
  return Number(at) - NOON;
}

/** So many permits, asked for at once. */
export function acquireMany(
  manager: RateLimitManager,
  count: number,
  options: Parameters<RateLimitManager['acquire']>[0] = {},
): Promise<Permit[]> {
  return Promise.all(Array.from({ length: count }, () => manager.acquire(options)));
}

/** What became of a promise so far. */
export interface Fate<T> {
  value?: T;
  error?: Error & { code?: string; field?: string };
  isOver: boolean;
}

export function fateOf<T>(promise: Promise<T>): Fate<T> {
  const fate: Fate<T> = { isOver: false };
  promise.then(
    value => Object.assign(fate, { value, isOver: true }),
    error => Object.assign(fate, { error, isOver: true }),
  );
  return fate;
}

/** Every call of a listener on `name`. */
export function heard(manager: RateLimitManager, name: string): unknown[] {
  const events: unknown[] = [];
  manager.on(name as 'error', event => events.push(event));
  return events;
}

/** What each limit counts. */
export async function used(manager: RateLimitManager): Promise<Record<string, number>> {
  const { limits } = await manager.getStatus();
  return Object.fromEntries(Object.entries(limits).map(([name, status]) => [name, status.used]));
}

/** As the SDKs of providers throw it. */
export function refusal(headers: Record<string, string> = {}, status = 429): Error {
  return Object.assign(new Error(`${status}`), { status, headers });
}

export const NOTHING = { inputTokens: 0, outputTokens: 0 };
