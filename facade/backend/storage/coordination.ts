import type { StoreSettings } from '../../config/store';
import type { Telling } from '../../telling';
import type { StoreEvents } from '../../types/events';
import type {
  BreakerAnswer,
  BreakerOperation,
  BreakerPolicy,
  CoordinationBackend,
  CoordinationNews,
  CoordinationOptions,
  TimerOperation,
  TimersAnswer,
} from '../coordination';
import { EmbeddedCoordination } from '../embedded-coordination';
import { type NewsListeners, newsOf } from '../news';
import { type RunOptions, Stored } from './stored';

/** What has happened and is only reported: it is kept until the disk takes it, and nobody has to try again. */
const REPORTS: ReadonlySet<(TimerOperation | BreakerOperation)['is']> = new Set([
  'fired',
  'release',
  'delivered',
  'undelivered',
  'broadcast',
  'record',
  'probed',
]);

/** Timers and circuit breakers in this process, kept on disk. */
export class StoredCoordination implements CoordinationBackend {
  readonly #stored: Stored<EmbeddedCoordination>;
  /** Those of everybody in this thread who names the file. */
  readonly #news: NewsListeners;
  readonly #now: () => number;

  constructor(settings: StoreSettings, options: CoordinationOptions, telling: Telling<StoreEvents>) {
    const path = settings.storagePath ?? '';
    this.#now = settings.now;
    this.#news = newsOf(`storage:${path}`);
    this.#stored = new Stored({
      path,
      what: 'coordinator',
      commandTimeoutMs: settings.commandTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      maxPending: settings.maxPending,
      telling,
      open: gate =>
        new EmbeddedCoordination(settings, options, {
          add: listener => this.#news.add(listener),
          tell: (...news) => gate.tell(() => this.#news.tell(...news)),
        }),
    });
  }

  timers(shard: string, operation: TimerOperation, signal?: AbortSignal): Promise<TimersAnswer> {
    const options: RunOptions<EmbeddedCoordination, TimersAnswer> = {
      signal,
      // What was claimed for nobody.
      giveBack: (backend, { outcome }) => {
        if (operation.is !== 'claim' || outcome?.is !== 'claimed') return;
        const ids = (list: ReadonlyArray<{ id: string }>) => list.map(({ id }) => id);
        const { timers, deliveries } = outcome.with;
        const { holder } = operation.with;
        const release = { holder, timers: ids(timers), deliveries: ids(deliveries) };
        backend.timers(shard, { is: 'release', with: release }).catch(() => {});
      },
      ...(REPORTS.has(operation.is) && {
        answerLate: answer => ({ ...answer, outcome: undefined, nextDueMs: null }),
      }),
    };
    return this.#stored.run(backend => backend.timers(shard, operation), options);
  }

  breaker(
    name: string,
    policy: BreakerPolicy,
    operation: BreakerOperation,
    signal?: AbortSignal,
  ): Promise<BreakerAnswer> {
    const options: RunOptions<EmbeddedCoordination, BreakerAnswer> = {
      signal,
      // A probe that is nobody's.
      giveBack: (backend, { outcome }) => {
        if (operation.is !== 'probe' || outcome?.isGranted !== true) return;
        const { holder } = operation.with;
        const ended = { is: 'probed', with: { holder, succeeded: null, resetInMs: null } } as const;
        backend.breaker(name, policy, ended).catch(() => {});
      },
      ...(REPORTS.has(operation.is) && { answerLate: answer => ({ ...answer, outcome: undefined }) }),
    };
    return this.#stored.run(backend => backend.breaker(name, policy, operation), options);
  }

  onNews(listener: (...news: CoordinationNews) => void): () => void {
    return this.#news.add(listener);
  }

  now(): number {
    return this.#now();
  }

  ping(): Promise<void> {
    return this.#stored.ping();
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#stored.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#stored.close(timeoutMs, backend => {
      void backend.close();
    });
  }
}
