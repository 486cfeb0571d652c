import type {
  CoordinationBackend,
  TimerOperation,
  TimerOutcome,
  TimersAnswer,
  WireDelivery,
  WireDue,
  WireNewTimer,
  WireTimer,
} from '../backend/coordination';
import { crypto } from '../crypto';
import { TokenBudgetError } from '../errors';
import type { TimerSpec } from './arguments';
import { documentJson } from './document';
import { firstOfCron, recurrenceJson } from './recurrence';
import { newNonce, shardOf } from './shards';
import { timerId } from './timer-id';

/** What one shard answered, and when. */
export interface Answered<K extends TimerOutcome['is']> {
  outcome: Extract<TimerOutcome, { is: K }>;
  nowMs: number;
}

/** A timer that was asked for. */
export interface MadeTimer {
  timer: WireTimer;
  isNew: boolean;
  nowMs: number;
}

/** Told when something of a shard is due. */
export type DueListener = (shard: number, dueMs: number) => void;

/** Asks for nothing but what comes with every answer. */
const NOTHING: TimerOperation = { is: 'get', with: { id: '-' } };

/** The timers of a coordinator in its store: which shard is asked what. */
export class TimerStore {
  readonly shards: number;
  /** Told with every answer. */
  onDue: DueListener = () => {};
  readonly #backend: CoordinationBackend;

  constructor(backend: CoordinationBackend, shards: number) {
    this.#backend = backend;
    this.shards = shards;
  }

  /** `undefined`: the store is away; a report is kept until it is back. */
  async tell(shard: number, operation: TimerOperation): Promise<TimersAnswer> {
    const answer = await this.#backend.timers(String(shard), operation);
    if (answer.nextDueMs !== null) this.onDue(shard, answer.nextDueMs);
    return answer;
  }

  async ask<K extends TimerOutcome['is']>(
    shard: number,
    operation: TimerOperation,
    kind: K,
    signal?: AbortSignal,
  ): Promise<Answered<K>> {
    const { outcome, nowMs, nextDueMs } = await this.#backend.timers(String(shard), operation, signal);
    if (nextDueMs !== null) this.onDue(shard, nextDueMs);
    if (outcome?.is === kind) return { outcome: outcome as Answered<K>['outcome'], nowMs };
    throw unexpected(outcome?.is, kind);
  }

  /** Takes what is due of a shard; does not tell `onDue`, for whoever claims learns it from the answer. */
  async claim(
    shard: number,
    claim: Extract<TimerOperation, { is: 'claim' }>['with'],
  ): Promise<{
    outcome: Extract<TimerOutcome, { is: 'claimed' }>['with'];
    nowMs: number;
    nextDueMs: number | null;
  }> {
    const answer = await this.#backend.timers(String(shard), { is: 'claim', with: claim });
    if (answer.outcome?.is === 'claimed') return { ...answer, outcome: answer.outcome.with };
    throw unexpected(answer.outcome?.is, 'claimed');
  }

  /** When something of a shard is due. Writes nothing. */
  peek(shard: number): Promise<TimersAnswer> {
    return this.#backend.timers(String(shard), NOTHING);
  }

  shardOf(id: string): number {
    return shardOf(id, this.shards);
  }

  /** As well as it is known here. */
  now(): number {
    return this.#backend.now();
  }

  /** Asks the store. */
  async nowMs(signal?: AbortSignal): Promise<number> {
    return (await this.ask(0, NOTHING, 'timer', signal)).nowMs;
  }

  /**
   * Makes a timer, or finds the one of its id. `sameAs`: what makes two timers of one id the same, instead of all
   * that was asked for. Rejects with `REQUEST_CONFLICT` where another has the id.
   */
  async create(spec: TimerSpec, sameAs?: string, signal?: AbortSignal): Promise<MadeTimer> {
    const due = spec.due ?? (await this.#firstDue(spec, signal));
    return this.made(await this.begin(spec, due, sameAs, signal), spec);
  }

  /** Asks for a timer that is due then; its answer is for `made`. */
  begin(spec: TimerSpec, due: WireDue, sameAs?: string, signal?: AbortSignal): Promise<TimersAnswer> {
    const id = spec.id ?? timerId();
    const shard = this.shardOf(id);
    const nonce = newNonce(shard);
    const document = documentJson(spec.document);
    const recurrence = recurrenceJson(spec.recurrence);
    const timer: WireNewTimer = {
      id,
      name: spec.name,
      owner: spec.owner,
      due,
      documentJson: document,
      recurrenceJson: recurrence,
      nonce,
      // Nobody asks for an id again that was made here.
      fingerprint:
        spec.id === undefined
          ? nonce
          : hashOf(sameAs ?? [spec.name, spec.owner, spec.due ?? null, document, recurrence]),
    };
    return this.#backend.timers(String(shard), { is: 'create', with: timer }, signal);
  }

  /** What the answer to `begin` says. */
  made({ outcome, nowMs, nextDueMs }: TimersAnswer, { id }: TimerSpec): MadeTimer {
    const made = outcome?.is === 'created' ? outcome.with : undefined;
    const known = made?.timer.id ?? id;
    if (nextDueMs !== null && known !== undefined) this.onDue(this.shardOf(known), nextDueMs);
    if (made !== undefined) return { timer: made.timer, isNew: made.isNew, nowMs };
    throw new TokenBudgetError('REQUEST_CONFLICT', `Another timer has the id ${JSON.stringify(id)}`, {
      field: 'timer.id',
    });
  }

  /** When a timer is due for the first time that was told how it recurs, and nothing else. */
  async #firstDue({ recurrence }: TimerSpec, signal?: AbortSignal) {
    if (recurrence?.every !== undefined) return { is: 'in' as const, with: recurrence.every };
    const { cron = '', timeZone = '' } = recurrence as { cron?: string; timeZone?: string };
    // A pattern that cannot be read is refused before the store is asked.
    firstOfCron(cron, timeZone, this.now(), 'timer');
    return { is: 'at' as const, with: firstOfCron(cron, timeZone, await this.nowMs(signal), 'timer') };
  }

  async get(id: string, signal?: AbortSignal): Promise<{ timer: WireTimer | null; nowMs: number }> {
    const { outcome, nowMs } = await this.ask(this.shardOf(id), { is: 'get', with: { id } }, 'timer', signal);
    return { timer: outcome.with, nowMs };
  }

  async cancel(id: string, signal?: AbortSignal): Promise<WireTimer | null> {
    const operation: TimerOperation = { is: 'cancel', with: { id } };
    return (await this.ask(this.shardOf(id), operation, 'timer', signal)).outcome.with;
  }

  /** Every delivery under way, or every dead one, shard by shard. */
  async *deliveries(dead: boolean, limit: number, signal?: AbortSignal): AsyncGenerator<WireDelivery> {
    for (let shard = 0; shard < this.shards; shard += 1) {
      let after = '';
      do {
        const { outcome } = await this.ask(
          shard,
          { is: 'deliveries', with: { dead, after, limit: Math.min(limit, 1000) } },
          'deliveries',
          signal,
        );
        yield* outcome.with.deliveries;
        after = outcome.with.next;
      } while (after !== '');
    }
  }

  /** Asks every shard for the addresses that nothing is sent to. */
  async endpoints(signal?: AbortSignal): Promise<string[]> {
    const found = new Set<string>();
    for (let shard = 0; shard < this.shards; shard += 1) {
      const { outcome } = await this.ask(shard, { is: 'endpoints' }, 'endpoints', signal);
      for (const endpoint of outcome.with) found.add(endpoint);
    }
    return [...found].sort();
  }

  /** `true` when any shard had it disabled. */
  async enable(endpoint: string, signal?: AbortSignal): Promise<boolean> {
    let was = false;
    for (let shard = 0; shard < this.shards; shard += 1) {
      const operation: TimerOperation = { is: 'endpoint', with: { endpoint, enabled: true } };
      if ((await this.ask(shard, operation, 'done', signal)).outcome.with) was = true;
    }
    return was;
  }
}

function unexpected(got: string | undefined, wanted: string): TokenBudgetError {
  return new TokenBudgetError('STORE_UNAVAILABLE', `The store answered ${got} instead of ${wanted}`);
}

/** Short, and as good as unique. */
export function hashOf(value: unknown): string {
  return crypto().createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 27);
}
