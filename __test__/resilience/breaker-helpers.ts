import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitChangeEvent,
  type CircuitState,
} from '@wundr.io/token-budget/timers';

export const START = Date.UTC(2026, 0, 14, 12, 0, 0);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

const open = new Set<CircuitBreaker>();

/** A clock that the test moves. */
export function manualClock(now = START) {
  let nowMs = now;
  const clock = () => nowMs;
  clock.advance = (ms: number) => {
    nowMs += ms;
  };
  return clock;
}

export function breaker(service: string, options: CircuitBreakerOptions = {}): CircuitBreaker {
  const made = new CircuitBreaker(service, options);
  open.add(made);
  return made;
}

export async function closeAll(): Promise<void> {
  const all = [...open];
  open.clear();
  await Promise.all(all.map(one => one.close()));
}

export const works = async () => 'answer';

export class ServiceError extends Error {
  override name = 'ServiceError';
}

export const fails = async (): Promise<string> => {
  throw new ServiceError('the service is down');
};

/** How a call ended: its answer, or the name or code of its error. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { code, name } = (error ?? {}) as { code?: string; name?: string };
    return code ?? name ?? error;
  }
}

export async function failTimes(one: CircuitBreaker, times: number): Promise<unknown[]> {
  const ended: unknown[] = [];
  for (let index = 0; index < times; index++) ended.push(await outcome(one.execute(fails)));
  return ended;
}

/** Every change that is told, as `from>to`. */
export function changes(of: CircuitBreaker): string[] {
  const heard: string[] = [];
  const note = ({ previous, state }: CircuitChangeEvent) => void heard.push(`${previous}>${state}`);
  of.on('open', note).on('halfOpen', note).on('close', note);
  return heard;
}

export const OPENED = 'CLOSED>OPEN';

export function states(...all: CircuitBreaker[]): CircuitState[] {
  return all.map(one => one.state);
}
