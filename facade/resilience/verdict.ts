/** What a call tells of the service. */
import { isAborted, reasonOf } from '../abort';
import { readSignals } from '../providers';
import { toldResetMs } from '../providers/told-reset';

/** `nothing`: it tells neither that the service works nor that it does not. */
export type Judged = 'success' | 'failure' | 'nothing';

export interface Verdict {
  /** `signal`: what the caller may have ended the call with. */
  ofError(error: unknown, signal: AbortSignal | undefined): Judged;
  ofResult(result: unknown): Judged;
}

/** Statuses below 500 that are the service's trouble, not the caller's mistake. */
function isTrouble(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425;
}

/** A caller that gives up tells nothing; one that waited long enough does. */
function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  const name = nameOf(error);
  if (name === 'AbortError') return true;
  return signal !== undefined && isAborted(signal) && error === reasonOf(signal) && name !== 'TimeoutError';
}

export const DEFAULT_VERDICT: Verdict = {
  ofError(error, signal) {
    if (isAbort(error, signal)) return 'nothing';
    const { status, hit } = readSignals(error);
    const isCallers = hit === undefined && status !== undefined && status >= 400 && !isTrouble(status);
    return isCallers ? 'success' : 'failure';
  },
  ofResult(result) {
    // Most answers are no responses, and most responses are fine.
    if (typeof result !== 'object' || result === null) return 'success';
    const status = statusOf(result);
    if (status === undefined || status < 400) return 'success';
    if (isTrouble(status)) return 'failure';
    return readSignals(result).hit === undefined ? 'success' : 'failure';
  },
};

/** What `isFailure` says. */
export function verdictBy(isFailure: (outcome: unknown, kind: 'error' | 'result') => boolean): Verdict {
  return {
    ofError(error, signal) {
      if (isFailure(error, 'error')) return 'failure';
      return isAbort(error, signal) ? 'nothing' : 'success';
    },
    ofResult: result => (isFailure(result, 'result') ? 'failure' : 'success'),
  };
}

/** When the provider says that it will be back, from now on; `null` when it does not say. */
export function resetInMs(outcome: unknown): number | null {
  const { hit, isOverloaded } = readSignals(outcome);
  // Resets tell of limits, not of money that is spent nor of the provider's own trouble.
  const isForLimits = hit?.kind === 'rate' && isOverloaded !== true;
  const waitMs = hit?.retryAfterMs ?? (isForLimits ? toldResetMs(outcome) : undefined);
  return waitMs === undefined ? null : Math.ceil(waitMs);
}

/** A response has a status and headers; a body that happens to have a status is none. */
function statusOf(result: object): number | undefined {
  try {
    const { status, headers } = result as { status?: unknown; headers?: unknown };
    const isResponse = typeof status === 'number' && typeof headers === 'object' && headers !== null;
    return isResponse ? status : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(error: unknown): unknown {
  try {
    return typeof error === 'object' && error !== null ? (error as { name?: unknown }).name : undefined;
  } catch {
    return undefined;
  }
}
