import type { LimiterBackend, LimitRequest, SettledPermit } from '../rate-limit/backend';
import type { LimiterSettings } from '../rate-limit/config';
import type { WireGrant, WireOutcome } from '../rate-limit/wire';
import type { Telling } from '../telling';
import type { StoreEvents } from '../types/events';
import { Call, ColdCall } from './calls';
import { Channel } from './channel';
import type { InboxRecord } from './inbox';
import { Kind } from './protocol';
import { failure } from './remote-calls';

/** A limiter on Redis. */
export class RemoteLimiter implements LimiterBackend {
  readonly #channel: Channel;
  /** Told when a call has to wait, by its number. */
  readonly #onWait = new Map<number, (waitMs: number, ahead: number) => void>();

  constructor(settings: LimiterSettings, telling: Telling<StoreEvents>) {
    const { nativeConfig, maxPending } = settings;
    const onNews = (record: InboxRecord) =>
      this.#onWait.get(record.call)?.(record.number(0), record.number(1));
    this.#channel = new Channel({ nativeConfig, maxPending, telling, onNews });
  }

  async acquire(
    request: LimitRequest,
    signal: AbortSignal | undefined,
    onWait: (waitMs: number, ahead: number) => void,
  ): Promise<WireGrant | WireOutcome> {
    const promise = this.#ask(request, signal, true);
    const call = this.#channel.last;
    this.#onWait.set(call, onWait);
    try {
      return await promise;
    } finally {
      this.#onWait.delete(call);
    }
  }

  tryAcquire(request: LimitRequest): Promise<WireGrant | WireOutcome> {
    return this.#ask(request, undefined, false);
  }

  #ask(request: LimitRequest, signal: AbortSignal | undefined, wait: boolean) {
    const { id, agent, inputTokens, outputTokens, priority } = request;
    const promise = this.#channel.begin(new AcquireCall(id), signal);
    this.#channel.outbox.limitAcquire(
      this.#channel.last,
      id,
      agent,
      inputTokens,
      outputTokens,
      priority,
      wait,
    );
    return promise;
  }

  settle(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signalsJson: string | null,
  ): Promise<SettledPermit> {
    const promise = this.#channel.begin(new SettlePermitCall(inputTokens, outputTokens));
    this.#channel.outbox.limitSettle(this.#channel.last, id, signalsJson, inputTokens, outputTokens);
    return promise;
  }

  async cancel(id: string): Promise<boolean> {
    const promise = this.#channel.begin(new ColdCall(outcomeOf));
    this.#channel.outbox.limitCancel(this.#channel.last, id);
    const outcome = await promise;
    // Kept while the store is away: it is known, as far as anybody can tell.
    return outcome === undefined || (outcome.is === 'cancelled' && outcome.with.known);
  }

  query(operationJson: string): Promise<WireOutcome> {
    const promise = this.#channel.begin(new ColdCall(outcomeOf));
    this.#channel.outbox.limitQuery(this.#channel.last, operationJson);
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

class AcquireCall extends Call<WireGrant | WireOutcome> {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }

  finish(record: InboxRecord): WireGrant | WireOutcome {
    if (record.kind !== Kind.limitGranted) return outcomeOf(record);
    return { id: this.id, admittedAtMs: record.number(0), expiresAtMs: record.number(1) };
  }
}

class SettlePermitCall extends Call<SettledPermit> {
  readonly inputTokens: number;
  readonly outputTokens: number;

  constructor(inputTokens: number, outputTokens: number) {
    super();
    this.inputTokens = inputTokens;
    this.outputTokens = outputTokens;
  }

  finish(record: InboxRecord): SettledPermit {
    if (record.kind !== Kind.limitSettled) throw failure(record);
    return {
      known: record.number(0) === 1,
      late: record.number(1) === 1,
      inputTokens: record.number(2),
      outputTokens: record.number(3),
    };
  }
}

function outcomeOf(record: InboxRecord): WireOutcome {
  if (record.kind !== Kind.answer) throw failure(record);
  return JSON.parse(record.string(0)) as WireOutcome;
}
