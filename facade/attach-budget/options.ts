import { readPeriods } from '../arguments';
import { periodsOf } from '../periods';
import type { BudgetCheck, BudgetPeriod } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import * as check from '../validate';
import type { DaemonSession, SessionDaemon, SessionEmitter, SessionTracker } from './types';

export interface Attachment {
  emitters: SessionEmitter[];
  mode: 'reserve' | 'check';
  estimate: (session: DaemonSession) => unknown;
  periods: readonly BudgetPeriod[];
  model: (session: DaemonSession) => unknown;
  reservationTtlMs: number | undefined;
  stop: (session: DaemonSession) => unknown;
  onRefused: (session: DaemonSession, answer: BudgetCheck | ReservationResult) => unknown;
  onError: (error: unknown, session: DaemonSession | null) => unknown;
}

const DEFAULT_ESTIMATE = 10_000;
const TRACKER_METHODS = ['checkBudget', 'reserveTokens', 'releaseReservation', 'trackUsage', 'on', 'off'];
const NAMES: ReadonlySet<string> = new Set([
  ...['mode', 'estimate', 'period', 'model', 'reservationTTL', 'sessions', 'stop', 'onRefused', 'onError'],
]);

/** Throws `INVALID_ARGUMENT`, naming what is wrong. */
export function readAttachment(daemon: unknown, tracker: unknown, options: unknown): Attachment {
  const owner = emitter(daemon, 'daemon') as SessionDaemon & { sessionManager?: unknown };
  for (const method of TRACKER_METHODS) {
    if (!has(tracker, method)) throw check.invalid('tracker', 'a TokenBudgetTracker', tracker);
  }
  const source = check.object(options, 'options');
  check.onlyNames(source, 'options', NAMES);
  const field = (name: string) => check.own(source, name, 'options');
  const callback = <F>(name: string) => optionalFunction<F>(field(name), `options.${name}`);

  const given = field('sessions');
  const sessions =
    given !== undefined
      ? emitter(given, 'options.sessions')
      : isEmitter(owner.sessionManager)
        ? owner.sessionManager
        : undefined;
  const mode = field('mode');
  const estimate = field('estimate');
  const model = field('model');
  const ttl = field('reservationTTL');
  return {
    emitters: sessions === undefined ? [owner] : [owner, sessions],
    mode: mode === undefined ? 'reserve' : check.oneOf(mode, 'options.mode', ['reserve', 'check']),
    estimate:
      typeof estimate === 'function' ? (estimate as Attachment['estimate']) : always(tokens(estimate)),
    periods: periods(field('period')),
    model: typeof model === 'function' ? (model as Attachment['model']) : always(modelName(model)),
    reservationTtlMs:
      ttl === undefined ? undefined : check.integer(ttl, 'options.reservationTTL', 1, check.MAX_DURATION_MS),
    stop: callback<Attachment['stop']>('stop') ?? stopOf(owner, sessions),
    onRefused: callback<Attachment['onRefused']>('onRefused') ?? (() => {}),
    onError: callback<Attachment['onError']>('onError') ?? toErrorEvent(tracker as SessionTracker),
  };
}

function tokens(value: unknown): number {
  return value === undefined ? DEFAULT_ESTIMATE : check.count(value, 'options.estimate');
}

function modelName(value: unknown): string | undefined {
  return value === undefined ? undefined : check.text(value, 'options.model', 256, 'well-formed');
}

function periods(value: unknown): BudgetPeriod[] {
  try {
    return periodsOf(readPeriods(value === undefined ? 'hourly' : value));
  } catch {
    throw check.invalid('options.period', `'hourly', 'daily', 'monthly', several of them, or 'all'`, value);
  }
}

function stopOf(daemon: SessionDaemon, sessions: SessionEmitter | undefined): Attachment['stop'] {
  for (const owner of [daemon, sessions as SessionDaemon | undefined]) {
    if (owner !== undefined && has(owner, 'stopSession')) return session => owner.stopSession?.(session.id);
  }
  throw check.invalid('daemon', 'a daemon with stopSession, or options.stop', daemon);
}

/** An error that nobody listens for is dropped: an emitter of Node would throw it. */
function toErrorEvent(tracker: SessionTracker): Attachment['onError'] {
  const emitter = tracker as Partial<NodeJS.EventEmitter>;
  return error => {
    if ((emitter.listenerCount?.('error') ?? 0) > 0) emitter.emit?.('error', error);
  };
}

function emitter(value: unknown, at: string): SessionEmitter {
  if (!isEmitter(value)) throw check.invalid(at, 'an emitter with on and off', value);
  return value;
}

function isEmitter(value: unknown): value is SessionEmitter {
  return has(value, 'on') && has(value, 'off');
}

function has(value: unknown, method: string): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Record<string, unknown>)[method] === 'function'
  );
}

function optionalFunction<F>(value: unknown, at: string): F | undefined {
  if (value === undefined || typeof value === 'function') return value as F | undefined;
  throw check.invalid(at, 'a function', value);
}

function always<T>(value: T): () => T {
  return () => value;
}
