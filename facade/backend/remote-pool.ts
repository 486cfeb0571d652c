import type { StoreSettings } from '../config/store';
import { toJson } from '../json';
import type { Telling } from '../telling';
import type { StoreEvents } from '../types/events';
import { Call } from './calls';
import { Channel } from './channel';
import type { InboxRecord } from './inbox';
import { PoolOperations, type PoolOutcome } from './pool';
import { Kind } from './protocol';
import { failure } from './remote-calls';

/** Pools on Redis. */
export class RemotePoolBackend extends PoolOperations {
  readonly #channel: Channel;
  /** `store's clock - this process's`, as the last answer told it. */
  #offsetMs = 0;

  constructor(settings: StoreSettings, telling: Telling<StoreEvents>) {
    super();
    const { maxPending } = settings;
    this.#channel = new Channel({ nativeConfig: toJson(settings.native), maxPending, telling });
  }

  protected configure(pool: string, policyJson: string): void {
    this.#channel.outbox.poolConfigure(pool, policyJson);
    this.#channel.schedule();
  }

  protected send(
    pool: string,
    operationJson: string,
    signal?: AbortSignal,
  ): Promise<PoolOutcome | undefined> {
    const promise = this.#channel.begin(new PoolCall(now => this.#learn(now)), signal);
    this.#channel.outbox.poolQuery(this.#channel.last, pool, operationJson);
    return promise;
  }

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#channel.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#channel.close(timeoutMs);
  }

  #learn(storeNowMs: number): void {
    this.#offsetMs = storeNowMs - Date.now();
  }
}

class PoolCall extends Call<PoolOutcome> {
  readonly learn: (storeNowMs: number) => void;

  constructor(learn: (storeNowMs: number) => void) {
    super();
    this.learn = learn;
  }

  finish(record: InboxRecord): PoolOutcome {
    if (record.kind === Kind.picked) {
      const pickedAtMs = record.number(1);
      this.learn(pickedAtMs);
      const left = record.number(2);
      return {
        is: 'picked',
        with: {
          fingerprint: record.string(0),
          pickedAtMs,
          left: left < 0 ? null : left,
          resetsAtMs: record.number(3),
        },
      };
    }
    if (record.kind !== Kind.answer) throw failure(record);
    this.learn(record.number(1));
    return JSON.parse(record.string(0)) as PoolOutcome;
  }
}
