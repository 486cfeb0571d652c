import type { TimerOperation, WireDue, WireTimer } from '../backend/coordination';
import { invalid } from '../validate';
import type { ChangeSpec } from './arguments';
import { documentJson, partsOf, readDocument } from './document';
import { firstOfCron, type Recurrence, readRecurrence, recurrenceJson } from './recurrence';
import type { TimerStore } from './store';

type WireChange = Extract<TimerOperation, { is: 'update' }>['with']['change'];

/** Changes a scheduled timer; `null` when there is none. */
export async function applyChange(
  store: TimerStore,
  id: string,
  spec: ChangeSpec,
  signal?: AbortSignal,
): Promise<{ timer: WireTimer | null; nowMs: number }> {
  // What a store keeps as one text is read first where a part of it changes.
  const isPartial = Object.keys(spec.document).length > 0 || isPart(spec.recurrence);
  let before: WireTimer | undefined;
  if (isPartial) {
    const { timer, nowMs } = await store.get(id, signal);
    if (timer === null) return { timer, nowMs };
    before = timer;
  }
  const recurrence = changedRecurrence(spec, before);
  const change: WireChange = {
    name: spec.name ?? null,
    owner: spec.owner ?? null,
    due: spec.due ?? (await dueOf(store, recurrence, spec, signal)),
    documentJson: changedDocument(spec, before),
    recurrenceJson: recurrence === undefined ? null : recurrenceJson(recurrence ?? undefined),
  };
  const { outcome, nowMs } = await store.ask(
    store.shardOf(id),
    { is: 'update', with: { id, change } },
    'timer',
    signal,
  );
  return { timer: outcome.with, nowMs };
}

/** Whether a recurrence is changed and not replaced. */
function isPart(recurrence: ChangeSpec['recurrence']): boolean {
  return (
    recurrence !== undefined &&
    recurrence !== null &&
    recurrence.every === undefined &&
    recurrence.cron === undefined
  );
}

/** `undefined`: it stays; `null`: it ends. */
function changedRecurrence(
  { recurrence }: ChangeSpec,
  before: WireTimer | undefined,
): Recurrence | null | undefined {
  if (recurrence === undefined || recurrence === null || !isPart(recurrence)) {
    return recurrence as Recurrence | null | undefined;
  }
  const known = readRecurrence(before?.recurrenceJson ?? '');
  const field = 'timeZone' in recurrence ? 'timeZone' : 'catchUp';
  if (known === undefined || (field === 'timeZone' && known.cron === undefined)) {
    const kind = field === 'timeZone' ? 'a timer with a cron pattern' : 'a timer that recurs';
    throw invalid(`change.${field}`, `no ${field}, for it is not ${kind}`, recurrence[field as 'catchUp']);
  }
  return { ...known, ...recurrence } as Recurrence;
}

/** A recurrence that begins tells when; `null`: the next time stays as it is. */
async function dueOf(
  store: TimerStore,
  recurrence: Recurrence | null | undefined,
  { recurrence: given }: ChangeSpec,
  signal?: AbortSignal,
): Promise<WireDue | null> {
  if (recurrence === undefined || recurrence === null) return null;
  if (recurrence.every !== undefined) return isPart(given) ? null : { is: 'in', with: recurrence.every };
  if (isPart(given) && !('timeZone' in (given as object))) return null;
  const { cron, timeZone } = recurrence;
  return { is: 'at', with: firstOfCron(cron, timeZone, await store.nowMs(signal), 'change') };
}

function changedDocument({ document }: ChangeSpec, before: WireTimer | undefined): string | null {
  if (before === undefined || Object.keys(document).length === 0) return null;
  return documentJson({ ...partsOf(readDocument(before.documentJson)), ...document });
}
