/** From what the store answers to what callers see. */
import type { WireDelivery, WireTimer } from '../backend/coordination';
import type { TimerSpec } from './arguments';
import { actionsOf, documentOfParts, isRecord, parsed, readDocument, type TimerDocument } from './document';
import { type Recurrence, readRecurrence } from './recurrence';
import type { Timer, TimerDelivery } from './types';

export function timerOf(wire: WireTimer, nowMs: number): Timer {
  return viewOf(wire, nowMs, readDocument(wire.documentJson), readRecurrence(wire.recurrenceJson));
}

/** The same of one that was made just now, by what it was made of: nothing is read again. */
export function newTimerOf(wire: WireTimer, nowMs: number, { document, recurrence }: TimerSpec): Timer {
  return viewOf(wire, nowMs, documentOfParts(document), recurrence);
}

function viewOf(
  wire: WireTimer,
  nowMs: number,
  document: TimerDocument,
  recurrence: Recurrence | undefined,
): Timer {
  const { status, startedAtMs, fireAtMs, endedAtMs } = wire;
  const duration = Math.max(0, fireAtMs - startedAtMs);
  const timer: Timer = {
    id: wire.id,
    name: wire.name,
    owner: wire.owner,
    status,
    startTime: new Date(startedAtMs),
    endTime: new Date(fireAtMs),
    duration,
    timeRemaining: status === 'scheduled' ? Math.max(0, fireAtMs - nowMs) : 0,
    progress: progressOf(wire, status === 'cancelled' ? endedAtMs : nowMs),
    createdAt: new Date(wire.createdAtMs),
    occurrence: wire.occurrence,
    metadata: document.metadata,
    broadcast: document.broadcast,
    events: actionsOf(document),
  };
  if (status !== 'scheduled') timer.endedAt = new Date(endedAtMs);
  return recurrence === undefined ? timer : Object.assign(timer, recurrence);
}

function progressOf({ status, startedAtMs, fireAtMs }: WireTimer, atMs: number): number {
  if (status === 'fired' || fireAtMs <= startedAtMs) return 1;
  return Math.min(1, Math.max(0, (atMs - startedAtMs) / (fireAtMs - startedAtMs)));
}

export function deliveryOf(wire: WireDelivery): TimerDelivery {
  const body = parsed(wire.documentJson) ?? {};
  return {
    id: wire.id,
    timerId: wire.timerId,
    timerName: timerNameOf(body),
    webhook: wire.endpoint,
    attempts: wire.attempts,
    createdAt: new Date(wire.createdAtMs),
    nextAttemptAt: new Date(wire.nextAttemptAtMs),
    error: wire.error,
    isDead: wire.isDead,
    isDisabled: wire.isDisabled,
    body,
  };
}

/** The name of the timer that a webhook tells of. */
export function timerNameOf(body: Record<string, unknown>): string {
  const data = body.data;
  return isRecord(data) && typeof data.name === 'string' ? data.name : '';
}
