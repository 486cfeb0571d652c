import { Alarm } from './alarm';
import { atMost } from './at-most';
import { Firing, type FiringOptions } from './firing';
import { LEASE_MS, Leases } from './leases';
import { Outgoing, type OutgoingOptions } from './outgoing';

/** Timers and webhooks that are claimed at once, of each. */
const CLAIM_MAX = 500;
/** After a store that did not answer, doubled each time. */
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;
/** Claims that are not given back in this time lapse by themselves. */
const RELEASE_MAX_MS = 1000;
/** When something is due that could not be claimed. */
const BUSY_MS = 50;
/** Between claims that bring nothing but webhooks of hosts that have their share. */
const SIFT_MS = 20;

export type DriverOptions = Omit<FiringOptions, 'leases' | 'takesOn' | 'onDelivery' | 'onRoom'> &
  Omit<OutgoingOptions, 'leases' | 'onRoom'> & {
    /** The longest sleep between two looks at a shard; `Infinity` where nobody else changes it. */
    idleMs: number;
  };

/** Fires the timers of all shards, in this process. */
export class Driver {
  readonly #firing: Firing;
  readonly #outgoing: Outgoing;
  readonly #leases: Leases;
  readonly #loops: ShardLoop[];

  constructor(options: DriverOptions) {
    const { store, holder } = options;
    this.#leases = new Leases(store, holder);
    const shared = { ...options, leases: this.#leases, onRoom: () => this.wake() };
    this.#outgoing = new Outgoing(shared);
    this.#firing = new Firing({
      ...shared,
      takesOn: endpoint => this.#outgoing.takesOn(endpoint),
      onDelivery: (shard, delivery) => this.#outgoing.take(shard, delivery),
    });
    this.#loops = Array.from(
      { length: store.shards },
      (_, shard) => new ShardLoop(shard, options, this.#firing, this.#outgoing),
    );
  }

  /** Something of a shard is due. */
  due(shard: number, dueMs: number): void {
    this.#loops[shard]?.due(dueMs);
  }

  /** Looks at every shard. */
  wake(): void {
    for (const loop of this.#loops) loop.due(-Infinity);
  }

  /** Claims nothing more, lets what runs end within `timeoutMs`, and gives back what is left. */
  async close(timeoutMs: number): Promise<void> {
    this.#firing.stop();
    const claims = this.#loops.map(loop => loop.end());
    const ended = Promise.all(claims)
      .then(() => this.#firing.idle())
      .then(() => this.#outgoing.close(timeoutMs));
    await atMost(ended, timeoutMs);
    await this.#outgoing.close(0);
    await atMost(this.#leases.releaseAll(), Math.min(timeoutMs, RELEASE_MAX_MS));
  }
}

/** One shard: claims what is due, then sleeps until more is. */
class ShardLoop {
  readonly #shard: number;
  readonly #options: DriverOptions;
  readonly #firing: Firing;
  readonly #outgoing: Outgoing;
  readonly #alarm: Alarm;
  #claiming: Promise<void> | undefined;
  /** What was said to be due while a claim was under way. */
  #heardMs = Infinity;
  /** When something is due, as far as it is known; `-Infinity`: it is not. */
  #nextMs = -Infinity;
  #failures = 0;
  #isEnded = false;

  constructor(shard: number, options: DriverOptions, firing: Firing, outgoing: Outgoing) {
    this.#shard = shard;
    this.#options = options;
    this.#firing = firing;
    this.#outgoing = outgoing;
    this.#alarm = new Alarm(
      () => options.store.now(),
      () => this.#turn(),
    );
  }

  due(dueMs: number): void {
    if (this.#claiming !== undefined) {
      this.#heardMs = Math.min(this.#heardMs, dueMs);
      return;
    }
    this.#nextMs = Math.min(this.#nextMs, dueMs);
    // A store that does not answer is not asked more often because something is due.
    if (this.#failures === 0 || dueMs === -Infinity) this.#alarm.atLatest(dueMs);
  }

  /** Resolves when no claim is under way. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#alarm.end();
    await this.#claiming;
  }

  #turn(): void {
    if (this.#claiming !== undefined || this.#isEnded) return;
    this.#heardMs = Infinity;
    const { store, idleMs } = this.#options;
    const asked = store.now() < this.#nextMs ? this.#peek() : this.#claim();
    this.#claiming = asked.then(
      nextMs => {
        this.#failures = 0;
        this.#nextMs = Math.min(nextMs, this.#heardMs);
        this.#rest(Math.min(this.#nextMs, store.now() + idleMs));
      },
      () => {
        this.#nextMs = -Infinity;
        this.#rest(this.#heardMs === -Infinity ? this.#heardMs : store.now() + this.#backoffMs());
      },
    );
  }

  #rest(untilMs: number): void {
    this.#claiming = undefined;
    this.#alarm.at(untilMs);
  }

  /** Nothing is due, as far as it is known: a look at the store, which writes nothing, tells whether that is so. */
  async #peek(): Promise<number> {
    const { nextDueMs } = await this.#options.store.peek(this.#shard);
    return nextDueMs ?? Infinity;
  }

  /** Returns when to look again, by the store's clock. */
  async #claim(): Promise<number> {
    const timers = Math.min(CLAIM_MAX, this.#firing.room);
    // Also what is more than there is room for, for it may stand before what there is room for.
    const deliveries = this.#outgoing.room > 0 ? CLAIM_MAX : 0;
    // Whoever makes room wakes this up.
    if (timers === 0 && deliveries === 0) return Infinity;
    const { store, holder } = this.#options;
    const { outcome, nowMs, nextDueMs } = await store.claim(this.#shard, {
      holder,
      leaseMs: LEASE_MS,
      timers,
      deliveries,
    });
    const kept = this.#outgoing.takeAll(this.#shard, outcome.deliveries);
    await this.#firing.takeAll(this.#shard, outcome.timers, nowMs);
    const count = outcome.timers.length + outcome.deliveries.length;
    if (isFull(outcome.timers, timers)) return nowMs;
    if (isFull(outcome.deliveries, deliveries)) return kept > 0 ? nowMs : store.now() + SIFT_MS;
    if (nextDueMs === null) return Infinity;
    if (count > 0) return nextDueMs;
    // It was too early, by an estimate of the store's clock: what the store itself says counts.
    return store.now() + Math.max(1, nextDueMs <= nowMs ? BUSY_MS : nextDueMs - nowMs);
  }

  #backoffMs(): number {
    this.#failures += 1;
    const limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 10));
    return limitMs * (0.5 + Math.random() / 2);
  }
}

/** Whether there may be more. */
function isFull(found: readonly unknown[], limit: number): boolean {
  return limit > 0 && found.length >= limit;
}
