/** What all ways have in common: an alert to take there, and attempts that end in words of ours. */
import { stopWaiting, whenAborted } from '../../abort';
import type { SendFailure } from '../../timers/webhooks/failure';
import type { Retries } from '../channel-config';
import type { Alert } from '../types';

export type { SendFailure };

export interface Letter {
  /** The same at each attempt, another one when the alert escalates. */
  id: string;
  alert: Alert;
  /** `metadata.name` of the configuration. */
  name: string | undefined;
  timezone: string | undefined;
  at: Date;
}

/** `metadata`: told with the result. */
export type Attempt = { ok: true; status?: number; metadata?: Record<string, unknown> } | SendFailure;

/** Takes one letter one way. */
export interface Courier {
  /** `undefined`: as the system repeats. */
  retries: Retries | undefined;
  /** Rejects only with the reason of `signal`. */
  attempt(signal: AbortSignal): Promise<Attempt>;
}

/** The end of `work`, or the reason of `signal`, whichever is first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // Nobody may be left to hear it.
  work.catch(() => {});
  signal.throwIfAborted();
  let end = () => {};
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        end = () => reject(signal.reason);
        whenAborted(signal, end);
      }),
    ]);
  } finally {
    stopWaiting(signal, end);
  }
}
