import type { WireDelivery } from '../backend/coordination';
import { shortened } from '../text';
import type { Announcer } from './announcer';
import { atMost } from './at-most';
import { parsed } from './document';
import { HostQueues } from './host-queues';
import type { Held, Leases } from './leases';
import { PutOff } from './put-off';
import type { TimerStore } from './store';
import type { TimerDeliveryEvent } from './types';
import { timerNameOf } from './views';

/** Webhooks that one process holds the claims of, sent or waiting. */
const HELD_MAX = 10_000;
/** Of one host; those of new timers beyond it are left for whoever has time. */
const HOST_HELD_MAX = 500;

/** How one attempt went; see the sender of webhooks. */
export type SendResult =
  | { ok: true; status: number }
  | {
      ok: false;
      error: string;
      status?: number;
      retryAfterMs?: number;
      isPermanent: boolean;
      isGone: boolean;
    };

export interface Sender {
  send(
    message: { id: string; url: string; body: string; attempt: number },
    signal?: AbortSignal,
  ): Promise<SendResult>;
  /** In how many milliseconds to try again; `undefined`: it is given up. */
  retryInMs(attempt: number, result: SendResult & { ok: false }): number | undefined;
  close(): Promise<void>;
}

export interface OutgoingOptions {
  store: TimerStore;
  holder: string;
  leases: Leases;
  announcer: Announcer;
  /** Made when it is first needed. */
  sender(): Sender;
  /** Webhooks sent at once. */
  concurrency: number;
  onRoom(): void;
}

interface Letter {
  shard: number;
  delivery: WireDelivery;
  held: Held;
}

/** Sends the webhooks that this process has claimed, no host keeping the others waiting. */
export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #queues: HostQueues<Letter>;
  readonly #known = new Map<string, Letter>();
  readonly #ending = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  readonly #putOff: PutOff;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    const { concurrency, store, holder } = options;
    this.#putOff = new PutOff(store, holder);
    // A quarter each: a host that hangs leaves three quarters to the others.
    this.#queues = new HostQueues(concurrency, Math.max(1, Math.floor(concurrency / 4)));
  }

  /** How many more may be claimed. */
  get room(): number {
    return Math.max(0, HELD_MAX - this.#known.size);
  }

  /** Whether one that comes up now is sent soon. */
  takesOn(endpoint: string): boolean {
    const host = hostOf(endpoint);
    return this.#queues.waiting(host) < HOST_HELD_MAX && this.#hasRoomFor(host);
  }

  /**
   * What was claimed of a shard. What is beyond the share of its host is put off, so that what waits behind it is
   * claimed. Returns how many were kept.
   */
  takeAll(shard: number, deliveries: readonly WireDelivery[]): number {
    const excess: string[] = [];
    for (const delivery of deliveries) {
      if (this.#known.has(delivery.id) || this.#hasRoomFor(hostOf(delivery.endpoint))) {
        this.take(shard, delivery);
      } else {
        excess.push(delivery.id);
      }
    }
    if (excess.length > 0 && !this.#ending.signal.aborted) this.#putOff.add(shard, excess);
    return deliveries.length - excess.length;
  }

  take(shard: number, delivery: WireDelivery): void {
    if (this.#ending.signal.aborted) return;
    const known = this.#known.get(delivery.id);
    if (known !== undefined) {
      known.held.untilMs = delivery.claimedUntilMs;
      return;
    }
    const held: Held = {
      kind: 'deliveries',
      shard,
      id: delivery.id,
      untilMs: delivery.claimedUntilMs,
      isLost: false,
      onLost: () => {
        if (this.#queues.remove(host, letter)) this.#forget(letter);
      },
    };
    const letter: Letter = { shard, delivery, held };
    const host = hostOf(delivery.endpoint);
    this.#known.set(delivery.id, letter);
    this.#options.leases.hold(held);
    this.#queues.add(host, letter);
    this.#pump();
  }

  /** What is being sent gets so long. What is not done by then, or waits, is released with the leases. */
  async close(timeoutMs: number): Promise<void> {
    this.#queues.clear();
    if (this.#sending.size > 0) await atMost(Promise.all([...this.#sending]), timeoutMs);
    this.#ending.abort();
  }

  /** One host never holds more than what is left to all others; n hosts that hang leave a part in n + 1. */
  #hasRoomFor(host: string): boolean {
    return this.#queues.held(host) < this.room;
  }

  #pump(): void {
    for (let next = this.#queues.next(); next !== undefined; next = this.#queues.next()) {
      const { host, item } = next;
      const sending = this.#send(item).finally(() => {
        this.#sending.delete(sending);
        this.#queues.done(host);
        this.#pump();
      });
      this.#sending.add(sending);
    }
  }

  /** Never rejects. */
  async #send(letter: Letter): Promise<void> {
    const { store, announcer } = this.#options;
    const { delivery, held } = letter;
    let isBrokenOff = false;
    try {
      // While it waited, and nobody could tell, the claim was over.
      if (held.isLost || held.untilMs <= store.now()) return;
      const attempt = delivery.attempts + 1;
      const result = delivery.isDisabled ? DISABLED : await this.#attempt(delivery, attempt);
      isBrokenOff = result === undefined;
      if (result === undefined) return;
      this.#options.leases.drop(held);
      if (result.ok) await this.#delivered(letter, attempt, result.status);
      else await this.#undelivered(letter, attempt, result);
    } catch (error) {
      announcer.emit('error', error);
    } finally {
      this.#forget(letter, isBrokenOff);
    }
  }

  /** `undefined`: it was broken off, and says nothing. */
  async #attempt(delivery: WireDelivery, attempt: number): Promise<SendResult | undefined> {
    const { id, endpoint: url, documentJson: body } = delivery;
    try {
      return await this.#options.sender().send({ id, url, body, attempt }, this.#ending.signal);
    } catch (error) {
      if (this.#ending.signal.aborted) return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      return { ok: false, error: shortened(reason), isPermanent: false, isGone: false };
    }
  }

  async #delivered({ shard, delivery }: Letter, attempt: number, status: number): Promise<void> {
    const { store, holder, announcer } = this.#options;
    await store.tell(shard, { is: 'delivered', with: { id: delivery.id, holder } });
    announcer.emit('timer:delivered', { ...told(delivery, attempt), status });
  }

  async #undelivered(
    { shard, delivery }: Letter,
    attempt: number,
    result: SendResult & { ok: false },
  ): Promise<void> {
    const { store, holder, announcer } = this.#options;
    const isOver = result.isGone || result.isPermanent;
    const retryInMs = isOver ? undefined : this.#options.sender().retryInMs(attempt, result);
    const { error, status } = result;
    const { nowMs } = await store.tell(shard, {
      is: 'undelivered',
      with: { id: delivery.id, holder, error, retryInMs: retryInMs ?? null, disable: result.isGone },
    });
    const event = {
      ...told(delivery, attempt),
      ...(status === undefined ? {} : { status }),
      error,
      ...(retryInMs === undefined ? {} : { retryAt: new Date(nowMs + retryInMs) }),
    };
    announcer.emit('timer:delivery-failed', event);
    if (result.isGone) {
      await this.#disableElsewhere(shard, delivery.endpoint);
      announcer.emit('endpoint:disabled', { webhook: delivery.endpoint });
    }
    if (retryInMs === undefined) announcer.emit('timer:dead', event);
  }

  /** Each shard knows for itself which addresses nothing is sent to. */
  async #disableElsewhere(shard: number, endpoint: string): Promise<void> {
    const { store } = this.#options;
    for (let other = 0; other < store.shards; other += 1) {
      if (other !== shard) await store.tell(other, { is: 'endpoint', with: { endpoint, enabled: false } });
    }
  }

  /** `isKept`: its claim is, and is released with the other leases. */
  #forget(letter: Letter, isKept = false): void {
    const wasFull = this.room === 0;
    if (!isKept) this.#options.leases.drop(letter.held);
    this.#known.delete(letter.delivery.id);
    if (wasFull) this.#options.onRoom();
  }
}

const DISABLED: SendResult = {
  ok: false,
  error: 'its address has answered 410 before, and nothing is sent to it',
  isPermanent: true,
  isGone: false,
};

function told(delivery: WireDelivery, attempts: number): TimerDeliveryEvent {
  return {
    deliveryId: delivery.id,
    timerId: delivery.timerId,
    timerName: timerNameOf(parsed(delivery.documentJson) ?? {}),
    webhook: delivery.endpoint,
    attempts,
  };
}

/** Whose requests wait for each other. */
function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).host : endpoint;
}
