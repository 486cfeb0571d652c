import { checkWithoutStore } from '../../answers';
import type { Amounts, CheckedUsage } from '../../arguments';
import type { Settings } from '../../config';
import { isStoreDown } from '../../errors';
import type { Announcer } from '../../events';
import type { PeriodIndex } from '../../periods';
import type { BudgetCheck } from '../../types/budget';
import type { ReservationResult } from '../../types/reservation';
import type { UsageStats } from '../../types/usage';
import type { Backend } from '../backend';
import { EmbeddedBackend } from '../embedded';
import { NOTHING_USED } from '../nothing-used';
import type { VerbNumber } from '../protocol';
import { reserveWithoutStore, tellDenied } from '../without-store';
import { GatedAnnouncer } from './gated-announcer';
import { type RunOptions, Stored } from './stored';

/** Budgets in this process, kept on disk. */
export class StoredBackend implements Backend {
  readonly #stored: Stored<EmbeddedBackend>;
  readonly #announcer: Announcer;
  readonly #onStoreError: Settings['onStoreError'];
  readonly #now: () => number;

  constructor(settings: Settings, announcer: Announcer) {
    this.#announcer = announcer;
    this.#onStoreError = settings.onStoreError;
    this.#now = settings.now;
    this.#stored = new Stored({
      path: settings.storagePath ?? '',
      what: 'tracker',
      commandTimeoutMs: settings.commandTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      maxPending: settings.maxPending,
      telling: announcer,
      open: gate => new EmbeddedBackend(settings, new GatedAnnouncer(announcer, gate)),
    });
  }

  async check(
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<BudgetCheck> {
    try {
      return await this.#stored.run(backend => backend.check(orchestratorId, tokens, period, costMicros), {
        signal,
        ...this.#late(),
      });
    } catch (error) {
      if (this.#onStoreError === 'reject' || !isStoreDown(error)) throw error;
      const check = checkWithoutStore(this.#onStoreError === 'allow', tokens, period);
      if (!check.allowed) tellDenied(this.#announcer, orchestratorId, tokens, check, 'check');
      return check;
    }
  }

  async reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<ReservationResult> {
    try {
      return await this.#stored.run(
        backend => backend.reserve(orchestratorId, tokens, periods, ttlMs, costMicros),
        {
          signal,
          // A hold that nobody knows of. It expires by itself should that fail.
          giveBack: (backend, { reservationId }) => {
            if (reservationId !== undefined) backend.settle(reservationId, NOTHING_USED).catch(() => {});
          },
          ...this.#late(),
        },
      );
    } catch (error) {
      if (this.#onStoreError === 'reject' || !isStoreDown(error)) throw error;
      const isAllowed = this.#onStoreError === 'allow';
      const result = reserveWithoutStore(isAllowed, orchestratorId, tokens, periods, this.#now());
      if (result.reservation === undefined) {
        tellDenied(this.#announcer, orchestratorId, tokens, result, 'reserve');
      } else {
        this.#announcer.emit('reservation:created', result.reservation);
      }
      return result;
    }
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    return this.#stored.run(backend => backend.settle(reservationId, amounts));
  }

  track(usage: CheckedUsage): Promise<void> {
    return this.#stored.run(backend => backend.track(usage));
  }

  stats(orchestratorId: string, period: PeriodIndex, signal: AbortSignal | undefined): Promise<UsageStats> {
    return this.#stored.run(backend => backend.stats(orchestratorId, period), { signal });
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    return this.#stored.run(backend => backend.query(verb, orchestratorId, argumentsJson));
  }

  ping(): Promise<void> {
    return this.#stored.ping();
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#stored.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#stored.close(timeoutMs, backend => {
      void backend.close();
    });
  }

  /** With `onStoreError: 'allow'`, what memory decided is answered though it is not on disk. */
  #late<T extends BudgetCheck | ReservationResult>(): Pick<RunOptions<EmbeddedBackend, T>, 'answerLate'> {
    if (this.#onStoreError !== 'allow') return {};
    return { answerLate: answer => ({ ...answer, storeUnavailable: true }) };
  }
}
