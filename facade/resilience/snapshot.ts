import type { BreakerView } from '../backend/coordination';
import * as check from '../validate';
import type { CircuitBreakerSnapshot, CircuitState } from './breaker-types';

const STATES: readonly CircuitState[] = ['CLOSED', 'OPEN', 'HALF_OPEN'];
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/** When a probe may be made; `undefined`: not before it is reset by hand. */
export function retryAtOf(untilMs: number): Date | undefined {
  return untilMs >= FOREVER_MS ? undefined : new Date(Math.min(untilMs, check.MAX_INSTANT_MS));
}

export function snapshotOf(service: string, view: BreakerView): CircuitBreakerSnapshot {
  const { state, failures, successes, openings, openedAtMs, openUntilMs } = view;
  return {
    version: 1,
    service,
    state,
    failures,
    successes,
    openings,
    openedAtMs,
    openUntilMs: openUntilMs >= FOREVER_MS ? null : openUntilMs,
  };
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function readSnapshot(value: unknown): BreakerView {
  const at = 'snapshot';
  const source = check.object(value, at);
  const version = check.own(source, 'version', at);
  if (version !== 1) throw check.invalid(`${at}.version`, '1', version);
  const until = check.own(source, 'openUntilMs', at);
  return {
    state: check.oneOf(check.own(source, 'state', at), `${at}.state`, STATES),
    failures: check.countField(source, 'failures', at),
    successes: check.countField(source, 'successes', at),
    openings: check.countField(source, 'openings', at),
    openedAtMs: check.countField(source, 'openedAtMs', at),
    openUntilMs: until === null ? FOREVER_MS : check.count(until, `${at}.openUntilMs`),
    probeUntilMs: 0,
    version: 0,
  };
}
