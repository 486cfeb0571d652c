import type { CoordinatorOptions, TimerInput } from '@wundr.io/token-budget/timers';
import { runProcess, type WorkerOptions, type WorkerProcess } from './process';
import { eventually } from './system';

/** A claim that is not renewed lapses after so long. */
export const LEASE_MS = 30_000;

/** A `timer:expired` that a process printed. Instants are milliseconds. */
export interface Firing {
  id: string;
  deliveryId: string;
  /** By the clock of the store. */
  scheduledMs: number;
  firedMs: number;
  /** By the clock of the process, when it printed this. */
  atMs: number;
  occurrence: number;
  missed: number;
  data?: unknown;
}

export interface Made {
  id: string;
  endTime: string;
}

/** A coordinator in a process of its own, and what it has printed. */
export interface TimerProcess {
  worker: WorkerProcess;
  firings: Firing[];
  /** Other events by name, `error` among them. */
  told(name: string): Array<Record<string, unknown>>;
  /** All at once. */
  create(timers: readonly TimerInput[]): Promise<Made[]>;
  /** A method of `timers`. */
  call<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  /** Resolves when it has printed `count` firings, all in all. */
  fires(count: number, timeoutMs?: number): Promise<void>;
  kill(): Promise<void>;
}

export interface TimerProcessOptions extends WorkerOptions {
  /** Listeners take so long after they have printed. */
  lingerMs?: number;
}

const open = new Set<TimerProcess>();

export async function openTimers(
  options: CoordinatorOptions,
  { lingerMs = 0, env = {}, ...more }: TimerProcessOptions = {},
): Promise<TimerProcess> {
  const firings: Firing[] = [];
  const others = new Map<string, Array<Record<string, unknown>>>();
  let rest = '';
  const worker = runProcess('timers.cjs', {
    ...more,
    env: { ...env, TEST_LINGER_MS: String(lingerMs) },
    onOutput(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const said = parse(line);
        if (said.expired !== undefined) firings.push(firingOf(said as never));
        for (const [name, value] of Object.entries(said)) {
          others.set(name, [...(name === 'expired' ? [] : (others.get(name) ?? [])), value as never]);
        }
      }
    },
  });
  const one: TimerProcess = {
    worker,
    firings,
    told: name => others.get(name) ?? [],
    create: timers => worker.call('create', timers),
    call: (method, ...args) => worker.call('call', { method, args }),
    async fires(count, timeoutMs = 30_000) {
      await eventually(`${count} firings`, () => firings.length >= count || undefined, {
        timeoutMs,
        everyMs: 5,
      });
    },
    async kill() {
      open.delete(one);
      await worker.kill('SIGKILL');
    },
  };
  open.add(one);
  await worker.call('open', options);
  return one;
}

export async function killTimers(): Promise<void> {
  await Promise.all([...open].map(one => one.kill()));
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { unreadable: line };
  }
}

function firingOf(said: { expired: Record<string, never>; atMs: number }): Firing {
  const { id, deliveryId, scheduledFor, firedAt, occurrence, missed, data } = said.expired;
  return {
    id: id as unknown as string,
    deliveryId: deliveryId as unknown as string,
    scheduledMs: Date.parse(String(scheduledFor)),
    firedMs: Date.parse(String(firedAt)),
    atMs: said.atMs,
    occurrence: Number(occurrence),
    missed: Number(missed),
    ...(data === undefined ? {} : { data }),
  };
}

/** Resolves when each of `ids` has been printed by somebody. */
export async function allFired(
  ids: Iterable<string>,
  of: readonly TimerProcess[],
  timeoutMs = 30_000,
): Promise<void> {
  const missing = new Set(ids);
  const read = new Map<TimerProcess, number>();
  await eventually(
    'every timer',
    () => {
      for (const one of of) {
        for (const { id } of one.firings.slice(read.get(one) ?? 0)) missing.delete(id);
        read.set(one, one.firings.length);
      }
      return missing.size === 0 || undefined;
    },
    { timeoutMs, everyMs: 50 },
  ).catch(error => {
    const some = [...missing].slice(0, 5).join(', ');
    throw new Error(`${missing.size} have not fired, such as ${some}`, { cause: error });
  });
}

/** Resolves when the store knows the end of every timer, also of those that were printed by somebody who was killed. */
export async function allEnded(asked: TimerProcess, timeoutMs = 15_000): Promise<void> {
  await eventually(
    'the end of every timer',
    async () => {
      const left = await asked.worker.call<unknown[]>('all', { status: 'scheduled' });
      return left.length === 0 || undefined;
    },
    { timeoutMs, everyMs: 100 },
  );
}

/** How timers that do not recur have fired. */
export interface Tally {
  /** Different timers. */
  timers: number;
  /** Firings of a timer that had fired before. */
  doubles: number;
  /** Ids that fired before they were due, by either clock. */
  early: string[];
  /** Ids that fired with more than one delivery id. */
  unstable: string[];
}

/** `hostClock`: whether the clock of the store is that of this host, too. */
export function tally(of: readonly TimerProcess[], made: readonly Made[], hostClock = true): Tally {
  const dueMs = new Map(made.map(({ id, endTime }) => [id, Date.parse(endTime)]));
  const deliveryIds = new Map<string, string>();
  const early: string[] = [];
  const unstable: string[] = [];
  let doubles = 0;
  for (const { id, deliveryId, scheduledMs, firedMs, atMs } of of.flatMap(({ firings }) => firings)) {
    const known = deliveryIds.get(id);
    if (known !== undefined) doubles += 1;
    if (known !== undefined && known !== deliveryId) unstable.push(id);
    deliveryIds.set(id, deliveryId);
    const due = dueMs.get(id) ?? scheduledMs;
    if (firedMs < due || scheduledMs !== due || (hostClock && atMs < due)) early.push(id);
  }
  return { timers: deliveryIds.size, doubles, early, unstable };
}

/** `count` timers that are due one after the other within `withinMs`, beginning after `afterMs`. */
export function spread(count: number, withinMs: number, afterMs = 0, prefix = 't'): TimerInput[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    name: 'due',
    duration: afterMs + Math.floor((n * withinMs) / count),
  }));
}
