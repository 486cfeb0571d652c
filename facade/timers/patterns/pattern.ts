/** What the patterns have in common. */
import type { WireDue } from '../../backend/coordination';
import { metadataJson } from '../../json';
import { fitsInBytes } from '../../text';
import { boolean, object, onlyNames, own } from '../../validate';
import { nameAt, ownerAt, readOnExpire, type TimerSpec } from '../arguments';
import type { TimerParts } from '../service';
import { hashOf } from '../store';
import type { OnExpire, Timer } from '../types';
import { timerOf } from '../views';

/** What every pattern takes. */
export interface PatternOptions {
  /** What happens when the timer fires, besides the event. */
  on_expire?: OnExpire;
  /** The name of the timer. */
  name?: string;
  owner?: string;
  metadata?: Record<string, unknown>;
  broadcast?: boolean;
  signal?: AbortSignal;
}

export const PATTERN_NAMES = ['on_expire', 'name', 'owner', 'metadata', 'broadcast', 'signal'] as const;

/** What was given of it, checked. */
export type PatternSpec = Pick<TimerSpec, 'owner' | 'document'> & { name: string | undefined };

/** Refuses names that neither every pattern nor this one has. */
export function readPattern(
  value: unknown,
  names: readonly string[],
  parts: TimerParts,
  at = 'options',
): { source: object; spec: PatternSpec } {
  const source = object(value, at);
  onlyNames(source, at, new Set([...PATTERN_NAMES, ...names]));
  const given = <T>(key: string, reader: (value: unknown, path: string) => T): T | undefined => {
    const found = own(source, key, at);
    return found === undefined ? undefined : reader(found, `${at}.${key}`);
  };
  const spec: PatternSpec = {
    name: given('name', nameAt),
    owner: given('owner', ownerAt) ?? parts.defaults.owner,
    document: {
      metadataJson: given('metadata', metadataJson),
      broadcast: given('broadcast', boolean),
      webhook: undefined,
      message: undefined,
      dataJson: undefined,
      ...given('on_expire', (expire, path) => readOnExpire(expire, parts.defaults, path)),
    },
  };
  return { source, spec };
}

/** Makes the timer of a pattern. Whoever comes first says what it does: its id alone makes it the same. */
export async function make(
  { store }: TimerParts,
  id: string | undefined,
  name: string,
  due: WireDue,
  spec: PatternSpec,
  signal?: AbortSignal,
): Promise<{ timer: Timer; isNew: boolean }> {
  const { timer, isNew, nowMs } = await store.create(
    {
      id,
      name: clipped(spec.name ?? name),
      owner: spec.owner,
      due,
      recurrence: undefined,
      document: spec.document,
    },
    id === undefined ? undefined : `pattern ${id}`,
    signal,
  );
  return { timer: timerOf(timer, nowMs), isNew };
}

/** An id of names that may be long: what does not fit becomes a hash. */
export function idOf(pattern: string, scope: string, rest: string): string {
  const id = `${pattern}:${scope}:${rest}`;
  return fitsInBytes(id, 256) ? id : `${pattern}:${hashOf(scope)}:${rest}`;
}

/**
 * What stands in an id for a name that was not given: what is to be done. Else two that have nothing to do with each
 * other would be one timer, and one of them would not hear of it. Empty: nothing.
 */
export function deedOf({ document: { webhook, message, dataJson } }: PatternSpec): string {
  const isNothing = webhook === undefined && message === undefined && dataJson === undefined;
  return isNothing ? '' : `:${hashOf([webhook, message, dataJson])}`;
}

const NAME_MAX_BYTES = 256;

/** A name that fits. */
function clipped(name: string): string {
  if (fitsInBytes(name, NAME_MAX_BYTES)) return name;
  let text = name.slice(0, NAME_MAX_BYTES);
  while (!fitsInBytes(`${text}...`, NAME_MAX_BYTES)) text = text.slice(0, -1);
  return `${text.replace(/[\ud800-\udbff]$/, '')}...`;
}
