import type { WireDelivery, WireTimer } from '../backend/coordination';
import { TokenBudgetError } from '../errors';
import { RawJson, toJson } from '../json';
import type { Announcer } from './announcer';
import { readDocument, type TimerDocument } from './document';
import { type Held, LEASE_MS, type Leases } from './leases';
import { type Plan, planOf } from './recurrence';
import type { TimerStore } from './store';
import type { TimerDeliveryFailedEvent, TimerExpiredEvent } from './types';

/** Timers of one process whose listeners run, or whose end the store has not confirmed. */
const OPEN_MAX = 2000;
/** A listener's promise that takes longer is not waited for. */
const LISTENER_MAX_MS = 300_000;
/** Listeners that keep the thread busy for so long make a break. */
const SLICE_MS = 50;
/** Occurrences that were told of, and whose end the store may not know. */
const TOLD_MAX = 10_000;

export interface FiringOptions {
  store: TimerStore;
  /** Who claims. */
  holder: string;
  leases: Leases;
  announcer: Announcer;
  /** Whether the webhook can be taken on at once; else it is left for whoever claims it. */
  takesOn(endpoint: string): boolean;
  /** A webhook that this process holds the claim of. */
  onDelivery(shard: number, delivery: WireDelivery): void;
  /** A timer has fired here. */
  onFired(id: string): void;
  /** There is room again after there was none. */
  onRoom(): void;
}

/** What one process does about timers that it has claimed. */
export class Firing {
  readonly #options: FiringOptions;
  /** By the id of the occurrence. */
  readonly #open = new Map<string, Held>();
  readonly #told = new Set<string>();
  #isStopped = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: FiringOptions) {
    this.#options = options;
  }

  /** How many more may be claimed. */
  get room(): number {
    return Math.max(0, OPEN_MAX - this.#open.size);
  }

  /**
   * Fires what was claimed at `nowMs`, the store's clock. Listeners that keep this thread busy get a break now and then, in
   * which claims are renewed and webhooks sent; what was lost meanwhile is left to whoever has it.
   */
  async takeAll(shard: number, timers: readonly WireTimer[], nowMs: number): Promise<void> {
    const { leases, store } = this.#options;
    let begunMs = performance.now();
    let waiting: Map<WireTimer, Held> | undefined;
    for (const [index, timer] of timers.entries()) {
      if (performance.now() - begunMs > SLICE_MS) {
        waiting ??= new Map(timers.slice(index).map(later => [later, this.#wait(shard, later)]));
        await turn();
        begunMs = performance.now();
      }
      const held = waiting?.get(timer);
      if (held !== undefined) {
        // What is left is given back with all the rest.
        if (this.#isStopped) return;
        leases.drop(held);
        if (held.isLost || held.untilMs <= store.now()) continue;
      }
      this.take(shard, timer, nowMs, held?.untilMs);
    }
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** `nowMs`: the store's clock when it was claimed. */
  take(shard: number, timer: WireTimer, nowMs: number, untilMs = timer.claimedUntilMs): void {
    const deliveryId = `${timer.nonce}.${timer.occurrence}`;
    const known = this.#open.get(deliveryId);
    if (known !== undefined) {
      // The claim lapsed while listeners run, and came back to us.
      known.untilMs = untilMs;
      return;
    }
    const { leases, announcer } = this.#options;
    let plan: Plan;
    try {
      plan = planOf(timer, nowMs);
    } catch (cause) {
      // It stays claimed for a while, and is tried again, by somebody who can read it perhaps.
      const message = `The timer ${JSON.stringify(timer.id)} cannot be fired: its recurrence cannot be read`;
      announcer.emit('error', new TokenBudgetError('STORE_UNAVAILABLE', message, { cause }));
      return;
    }
    const held = heldOf(shard, timer, untilMs);
    this.#open.set(deliveryId, held);
    const document = readDocument(timer.documentJson);
    const event = eventOf(timer, document, plan, deliveryId, nowMs);
    const isTold = plan.isSkipped || this.#told.has(deliveryId);
    const running = isTold ? [] : this.#announce(shard, document, event);
    const end = () => void this.#end(held, timer, document, plan, event);
    if (running.length === 0) {
      end();
      return;
    }
    leases.hold(held);
    void settled(running).then(end);
  }

  /** Resolves when nothing is open any more. */
  async idle(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>(resolve => {
      this.#whenIdle = resolve;
    });
  }

  /** It is renewed until its turn comes. */
  #wait(shard: number, timer: WireTimer): Held {
    const held = heldOf(shard, timer, timer.claimedUntilMs);
    this.#options.leases.hold(held);
    return held;
  }

  #announce(shard: number, document: TimerDocument, event: TimerExpiredEvent): Array<Promise<unknown>> {
    const { announcer, store, holder } = this.#options;
    const running = announcer.expired(event);
    if (document.broadcast) {
      const message = toJson({ from: holder, event: new RawJson(JSON.stringify(event)) });
      store
        .tell(shard, { is: 'broadcast', with: { message } })
        .catch(error => announcer.emit('error', error));
    }
    return running;
  }

  async #end(
    held: Held,
    timer: WireTimer,
    document: TimerDocument,
    plan: Plan,
    event: TimerExpiredEvent,
  ): Promise<void> {
    const { leases, store, announcer, holder, takesOn, onDelivery, onFired } = this.#options;
    const { webhook } = document;
    const isSent = webhook !== undefined && !plan.isSkipped;
    leases.drop(held);
    this.#remember(event.deliveryId);
    try {
      const { outcome } = await store.tell(held.shard, {
        is: 'fired',
        with: {
          id: timer.id,
          nonce: timer.nonce,
          holder,
          occurrence: timer.occurrence,
          nextFireAtMs: plan.nextMs,
          delivery: isSent
            ? {
                endpoint: webhook,
                documentJson: bodyOf(event),
                leaseMs: takesOn(webhook) ? LEASE_MS : 0,
              }
            : null,
        },
      });
      // `undefined`: kept until the store is back. Should the claim lapse before, nobody here is told again.
      if (outcome?.is === 'fired') {
        this.#told.delete(event.deliveryId);
        const { delivery } = outcome.with;
        if (delivery?.isDead === true) announcer.emit('timer:dead', deadOf(delivery, timer));
        else if (delivery?.holder === holder) onDelivery(held.shard, delivery);
      }
      onFired(timer.id);
    } catch (error) {
      announcer.emit('error', error);
    } finally {
      this.#close(event.deliveryId);
    }
  }

  #remember(deliveryId: string): void {
    this.#told.add(deliveryId);
    if (this.#told.size <= TOLD_MAX) return;
    for (const oldest of this.#told) {
      this.#told.delete(oldest);
      break;
    }
  }

  #close(deliveryId: string): void {
    const wasFull = this.room === 0;
    this.#open.delete(deliveryId);
    if (wasFull) this.#options.onRoom();
    if (this.#open.size === 0) this.#whenIdle?.();
  }
}

function heldOf(shard: number, { id }: WireTimer, untilMs: number): Held {
  return { kind: 'timers', shard, id, untilMs, isLost: false };
}

/** Lets everything else of this thread have its turn. */
function turn(): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, 0);
    if (typeof timer === 'object') timer.unref();
  });
}

function eventOf(
  timer: WireTimer,
  { metadata, message, data }: TimerDocument,
  { missed }: Plan,
  deliveryId: string,
  nowMs: number,
): TimerExpiredEvent {
  return {
    id: timer.id,
    name: timer.name,
    owner: timer.owner,
    ...(message === undefined ? {} : { message }),
    ...(data === undefined ? {} : { data }),
    metadata,
    deliveryId,
    scheduledFor: new Date(timer.fireAtMs),
    firedAt: new Date(nowMs),
    occurrence: timer.occurrence + 1,
    missed,
  };
}

/** A webhook to an address that nothing is sent to. */
function deadOf({ id, endpoint, attempts, error }: WireDelivery, timer: WireTimer): TimerDeliveryFailedEvent {
  return { deliveryId: id, timerId: timer.id, timerName: timer.name, webhook: endpoint, attempts, error };
}

/** What a webhook sends: the same text at each attempt. */
function bodyOf(event: TimerExpiredEvent): string {
  return JSON.stringify({ type: 'timer.expired', timestamp: event.firedAt, data: event });
}

/** Resolves when all of them have settled, or have had their time. None of them rejects. */
function settled(running: ReadonlyArray<Promise<unknown>>): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, LISTENER_MAX_MS);
    if (typeof timer === 'object') timer.unref();
    void Promise.all(running).then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
