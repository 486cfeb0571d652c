import { statsAnswer } from '../answers';
import type { Amounts, CheckedUsage } from '../arguments';
import type { Settings } from '../config';
import type { Announcer } from '../events';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { Backend } from './backend';
import { ColdCall } from './calls';
import { Channel } from './channel';
import type { InboxRecord } from './inbox';
import { NOTHING_USED } from './nothing-used';
import { Kind, STATS_MODELS, type VerbNumber } from './protocol';
import { CheckCall, failure, ReserveCall, SettleCall, TrackCall } from './remote-calls';
import { announceRecord } from './remote-events';

/** Budgets on Redis. */
export class RemoteBackend implements Backend {
  readonly #channel: Channel;
  readonly #announcer: Announcer;
  readonly #record: boolean;

  constructor(settings: Settings, announcer: Announcer) {
    const { nativeConfig, maxPending } = settings;
    const onEvent = (record: InboxRecord) => announceRecord(announcer, record);
    this.#channel = new Channel({ nativeConfig, maxPending, telling: announcer, onEvent });
    this.#announcer = announcer;
    this.#record = !settings.releaseOnly;
    for (const [id, limits] of settings.orchestratorBudgets) {
      this.#channel.native.configureBudget(
        id,
        Float64Array.from(limits, limit => limit ?? NaN),
      );
    }
  }

  check(
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<BudgetCheck> {
    const promise = this.#channel.begin(
      new CheckCall(this.#announcer, orchestratorId, tokens, period, costMicros),
      signal,
    );
    this.#channel.outbox.check(this.#channel.last, orchestratorId, tokens, period);
    return promise;
  }

  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<ReservationResult> {
    const giveBack = (reservationId: string) => this.#giveBack(reservationId);
    const call = new ReserveCall(this.#announcer, orchestratorId, tokens, periods, costMicros, giveBack);
    const promise = this.#channel.begin(call, signal);
    this.#channel.outbox.reserve(this.#channel.last, orchestratorId, tokens, periods, ttlMs, costMicros);
    return promise;
  }

  /** Ends a reservation that was granted to nobody. It expires by itself should that fail. */
  #giveBack(reservationId: string): void {
    this.#channel.beginUnawaited(new ColdCall(() => {}));
    this.#channel.outbox.settle(this.#channel.last, reservationId, false, NOTHING_USED, Date.now());
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    const nowMs = Date.now();
    const promise = this.#channel.begin(new SettleCall(this.#announcer, reservationId, amounts, nowMs));
    this.#channel.outbox.settle(this.#channel.last, reservationId, this.#record, amounts, nowMs);
    return promise;
  }

  track(usage: CheckedUsage): Promise<void> {
    const promise = this.#channel.begin(new TrackCall(this.#announcer, usage.given));
    this.#channel.outbox.track(this.#channel.last, usage, Date.now());
    return promise;
  }

  stats(orchestratorId: string, period: PeriodIndex, signal: AbortSignal | undefined): Promise<UsageStats> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.stats) throw failure(record);
      const count = record.number(STATS_MODELS);
      const names = STATS_MODELS + 1 + count;
      const models = Array.from({ length: count }, (_, rank) => record.string(names + rank));
      return statsAnswer(record.numbers, record.at, models, orchestratorId, period, this.#announcer.currency);
    };
    const promise = this.#channel.begin(new ColdCall(finish), signal);
    this.#channel.outbox.stats(this.#channel.last, orchestratorId, period);
    return promise;
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    const finish = (record: InboxRecord) => {
      if (record.kind !== Kind.answer) throw failure(record);
      return record.string(0);
    };
    const promise = this.#channel.begin(new ColdCall(finish));
    this.#channel.outbox.query(this.#channel.last, orchestratorId, argumentsJson, verb);
    return promise;
  }

  ping(): Promise<void> {
    return this.#channel.ping();
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#channel.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#channel.close(timeoutMs);
  }
}
