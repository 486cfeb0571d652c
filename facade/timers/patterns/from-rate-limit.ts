import type { WireTimer } from '../../backend/coordination';
import { type Provider, type ProviderSignals, readSignals } from '../../providers';
import { withBody } from '../../providers/response-body';
import { object, oneOf, own } from '../../validate';
import { nameAt, readOnExpire } from '../arguments';
import { durationAt } from '../durations';
import type { TimerParts } from '../service';
import type { TimerStore } from '../store';
import type { OnExpire, Timer } from '../types';
import { timerOf } from '../views';
import { deedOf, idOf, make, type PatternOptions, type PatternSpec, readPattern } from './pattern';

export interface RateLimitTimerOptions extends Omit<PatternOptions, 'on_expire'> {
  /** Whose answer it is. Default: guessed. */
  provider?: Provider;
  /**
   * Whose limit it is, where several accounts meet several limits. Default: one for all that have the same `on_expire`.
   */
  scope?: string;
  /** How long to wait after a refusal that tells no time. Default 60,000 ms. */
  defaultWait?: number | string;
}

const PROVIDERS = [
  ...(['openai', 'anthropic', 'azure', 'gemini', 'github', 'gitlab', 'bitbucket', 'ietf'] as const),
  'generic',
] as const satisfies readonly Provider[];

const LABELS: Record<Provider, string> = {
  openai: 'OpenAI API',
  anthropic: 'Anthropic API',
  azure: 'Azure OpenAI API',
  gemini: 'Gemini API',
  github: 'GitHub API',
  gitlab: 'GitLab API',
  bitbucket: 'Bitbucket API',
  ietf: 'API',
  generic: 'API',
};

const DEFAULT_WAIT_MS = 60_000;
/** Resets that are closer to each other may be one, told at different moments. */
const GRAIN_MS = 15_000;
/** An earlier one is put off when it is so much earlier. */
const SLACK_MS = 1000;
/** Timers of one grain that have fired already, until an id is free. */
const LINKS_MAX = 20;
/** Timers that end while a reset is about to be left to them. */
const ROUNDS_MAX = 10;

/** A timer for when a provider lets requests through again; `undefined` when it refused none. */
export async function fromRateLimit(
  parts: TimerParts,
  source: unknown,
  onExpire: OnExpire | undefined,
  options: RateLimitTimerOptions,
  signal: AbortSignal | undefined,
): Promise<Timer | undefined> {
  const given = object(options, 'options');
  const { spec } = readPattern(given, ['provider', 'scope', 'defaultWait'], parts);
  if (onExpire !== undefined) {
    Object.assign(spec.document, readOnExpire(onExpire, parts.defaults, 'on_expire'));
  }
  const field = <T>(key: string, reader: (value: unknown, at: string) => T): T | undefined => {
    const value = own(given, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  const provider = field('provider', (value, at) => oneOf(value, at, PROVIDERS));
  const scope = field('scope', nameAt);
  const defaultWaitMs = field('defaultWait', (value, at) => durationAt(value, at, 1)) ?? DEFAULT_WAIT_MS;
  const signals = readSignals(await withBody(source), provider === undefined ? {} : { provider });
  const waitMs = waitOf(signals, defaultWaitMs);
  if (waitMs === undefined) return undefined;
  const { resource = 'all' } = signals;
  const metadata = { provider: signals.provider, resource, kind: signals.hit?.kind ?? 'rate' };
  spec.document.metadataJson ??= JSON.stringify(metadata);
  const deed = scope === undefined ? deedOf(spec) : '';
  const base = `{${idOf('rate-limit', scope ?? '', `${signals.provider}/${resource}${deed}`)}}`;
  return once(parts, base, waitMs, `${LABELS[signals.provider]} Reset`, spec, signal);
}

/** `undefined`: nothing was refused. */
function waitOf({ hit, readings, status }: ProviderSignals, defaultWaitMs: number): number | undefined {
  const spent = readings.filter(({ remaining }) => remaining === 0).map(({ resetInMs }) => resetInMs);
  if (hit !== undefined) {
    return hit.retryAfterMs ?? (spent.length > 0 ? Math.max(...spent) : defaultWaitMs);
  }
  // Headers alone do not say whether the request was served; the next one will not be.
  return status === undefined && spent.length > 0 ? Math.max(...spent) : undefined;
}

/** One timer for one reset, however many processes hear of it, each a moment later. */
async function once(
  parts: TimerParts,
  base: string,
  waitMs: number,
  name: string,
  spec: PatternSpec,
  signal: AbortSignal | undefined,
): Promise<Timer> {
  const dueMs = (await parts.store.get(base, signal)).nowMs + waitMs;
  const due = { is: 'at', with: dueMs } as const;
  const makeAs = (id: string | undefined) => make(parts, id, name, due, spec, signal);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const timer = await tryOnce(parts, base, dueMs, makeAs, signal);
    if (timer !== undefined) return timer;
  }
  // Better one too many than none.
  return (await makeAs(undefined)).timer;
}

/** `undefined`: the timer that was to stand for this reset has ended meanwhile. */
async function tryOnce(
  parts: TimerParts,
  base: string,
  dueMs: number,
  makeAs: (id: string | undefined) => ReturnType<typeof make>,
  signal: AbortSignal | undefined,
): Promise<Timer | undefined> {
  const { store } = parts;
  const grain = Math.floor(dueMs / GRAIN_MS);
  const [before, same, after] = [grain - 1, grain, grain + 1].map(each => `${base}:${each}`) as [
    string,
    string,
    string,
  ];
  const places = await Promise.all([before, same, after].map(root => placeOf(store, root, signal)));
  for (const { timer } of places) if (timer !== null) return putOff(parts, timer, dueMs, signal);
  const { timer: mine, isNew } = await makeAs(places[1]?.id);
  // Two that were made at once on either side of a grain's edge are one: the first stays.
  const others = await Promise.all([before, after].map(root => placeOf(store, root, signal)));
  const first = others.map(({ timer }) => timer).find(timer => timer !== null && isEarlier(timer, mine));
  if (first !== undefined && first !== null) {
    const cancelled = isNew ? await store.cancel(mine.id, signal) : null;
    // Somebody may have put it off before it gave way.
    return putOff(parts, first, Math.max(dueMs, cancelled?.fireAtMs ?? 0), signal);
  }
  if (isNew) return mine;
  const { timer } = await store.get(mine.id, signal);
  if (timer?.status === 'scheduled') return putOff(parts, timer, dueMs, signal);
  return timer?.status === 'cancelled' ? undefined : mine;
}

/**
 * The timer of a grain, or the id that the next one gets. Where one has fired or was cancelled, everybody goes on to
 * the same next id. No id: as many as are looked at have ended.
 */
async function placeOf(
  store: TimerStore,
  root: string,
  signal: AbortSignal | undefined,
): Promise<{ id: string | undefined; timer: WireTimer | null }> {
  let id = root;
  for (let links = 0; links < LINKS_MAX; links += 1) {
    const { timer } = await store.get(id, signal);
    if (timer === null || timer.status === 'scheduled') return { id, timer };
    id = `${root}:${timer.endedAtMs}`;
  }
  return { id: undefined, timer: null };
}

function isEarlier(timer: WireTimer, than: Timer): boolean {
  const thanMs = than.createdAt.getTime();
  return timer.createdAtMs < thanMs || (timer.createdAtMs === thanMs && timer.id < than.id);
}

/** Of two resets the later one counts. `undefined`: it has ended meanwhile. */
async function putOff(
  { store }: TimerParts,
  timer: WireTimer,
  dueMs: number,
  signal: AbortSignal | undefined,
): Promise<Timer | undefined> {
  if (timer.fireAtMs >= dueMs - SLACK_MS) return timerOf(timer, store.now());
  const change = { name: null, owner: null, documentJson: null, recurrenceJson: null };
  const { outcome, nowMs } = await store.ask(
    store.shardOf(timer.id),
    { is: 'update', with: { id: timer.id, change: { ...change, due: { is: 'at', with: dueMs } } } },
    'timer',
    signal,
  );
  return outcome.with === null ? undefined : timerOf(outcome.with, nowMs);
}
