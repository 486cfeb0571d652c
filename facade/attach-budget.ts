import { readAttachment } from './attach-budget/options';
import { sessionOf } from './attach-budget/session';
import { Sessions } from './attach-budget/sessions';
import type {
  AttachBudgetOptions,
  DaemonSession,
  DetachBudget,
  SessionDaemon,
  SessionTracker,
} from './attach-budget/types';
import * as check from './validate';

/** The daemon of the orchestrator package tells that a session runs before it works, and that it was spawned after that. */
const STARTS = ['session:running', 'session:spawned'];
const ENDS = ['session:completed', 'session:failed', 'session:stopped', 'session:terminated'];

const attached = new WeakMap<object, WeakSet<object>>();

/**
 * Makes the sessions of a daemon live within a budget: what a session is expected to use is reserved (or checked) when it
 * starts, one that is refused is stopped, and what it used is recorded when it ends, however it ends. Answers a
 * function that lets go. Throws `INVALID_ARGUMENT`, naming the field; what fails later is told by `onError`.
 *
 * @example
 * ```ts
 * const detach = attachBudget(daemon, tracker, { estimate: 10_000, period: ['hourly', 'daily'] });
 * process.once('SIGTERM', async () => {
 *   await daemon.stop();
 *   await detach();
 *   await tracker.close();
 * });
 * ```
 */
export function attachBudget(
  daemon: SessionDaemon,
  tracker: SessionTracker,
  options: AttachBudgetOptions = {},
): DetachBudget {
  const settings = readAttachment(daemon, tracker, options);
  const trackers = attached.get(daemon) ?? new WeakSet();
  if (trackers.has(tracker)) throw check.invalid('daemon', 'one this tracker is not attached to', daemon);
  attached.set(daemon, trackers.add(tracker));

  const sessions = new Sessions(tracker, settings);
  const hear = (what: 'started' | 'ended') => (payload: unknown) => {
    let session: DaemonSession | null = null;
    try {
      // Some tell the id alone of what has ended.
      session = typeof payload === 'string' ? (sessions.running(payload) ?? null) : sessionOf(payload);
      if (session !== null) sessions[what](session);
    } catch (error) {
      sessions.failed(error, session);
    }
  };
  const started = hear('started');
  const ended = hear('ended');
  tracker.on('reservation:released', sessions.released);
  for (const emitter of settings.emitters) {
    for (const event of STARTS) emitter.on(event, started);
    for (const event of ENDS) emitter.on(event, ended);
  }
  return async () => {
    trackers.delete(tracker);
    for (const emitter of settings.emitters) {
      for (const event of STARTS) emitter.off(event, started);
      for (const event of ENDS) emitter.off(event, ended);
    }
    await sessions.idle();
    tracker.off('reservation:released', sessions.released);
  };
}
