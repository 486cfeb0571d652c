import type { TimerStore } from './store';

/** How long a claim is this process's without being renewed. */
export const LEASE_MS = 30_000;
/** Looked after so often; what is older than this is renewed. */
const ROUND_MS = LEASE_MS / 3;
/** Ids in one renewal. */
const CHUNK = 500;

export type Claimed = 'timers' | 'deliveries';

/** A claim that this process holds. */
export interface Held {
  readonly kind: Claimed;
  readonly shard: number;
  readonly id: string;
  /** By the store's clock. */
  untilMs: number;
  /** Somebody else may have it by now. */
  isLost: boolean;
  onLost?(): void;
}

/** Lengthens the claims of work that takes long. */
export class Leases {
  readonly #store: TimerStore;
  readonly #holder: string;
  readonly #held = new Set<Held>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;

  constructor(store: TimerStore, holder: string) {
    this.#store = store;
    this.#holder = holder;
  }

  hold(held: Held): void {
    this.#held.add(held);
    if (this.#timer === undefined && !this.#isEnded) this.#later();
  }

  /** It has ended. */
  drop(held: Held): void {
    this.#held.delete(held);
  }

  /** No longer renewed, and given back to whoever claims next. */
  async releaseAll(): Promise<void> {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    const held = [...this.#held];
    this.#held.clear();
    await this.#each(held, async (shard, timers, deliveries) => {
      await this.#store.tell(shard, {
        is: 'release',
        with: { holder: this.#holder, timers, deliveries },
      });
    });
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#renew().finally(() => {
        if (this.#held.size > 0 && this.#timer === undefined && !this.#isEnded) this.#later();
      });
    }, ROUND_MS);
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const soonMs = this.#store.now() + LEASE_MS - ROUND_MS + 1;
    const due = [...this.#held].filter(({ untilMs }) => untilMs <= soonMs);
    await this.#each(due, async (shard, timers, deliveries, claims) => {
      const count = await this.#renewed(shard, timers, deliveries);
      if (count.held === claims.length) {
        for (const claim of claims) claim.untilMs = count.untilMs;
        return;
      }
      for (const claim of claims) await this.#renewOne(claim);
    });
  }

  /** Which of several were lost is found out one by one. */
  async #renewOne(claim: Held): Promise<void> {
    const ids = (kind: Claimed) => (claim.kind === kind ? [claim.id] : []);
    const { held, untilMs } = await this.#renewed(claim.shard, ids('timers'), ids('deliveries'));
    if (held === 1) {
      claim.untilMs = untilMs;
    } else if (this.#held.delete(claim)) {
      claim.isLost = true;
      claim.onLost?.();
    }
  }

  async #renewed(
    shard: number,
    timers: string[],
    deliveries: string[],
  ): Promise<{ held: number; untilMs: number }> {
    const { outcome, nowMs } = await this.#store.ask(
      shard,
      { is: 'renew', with: { holder: this.#holder, leaseMs: LEASE_MS, timers, deliveries } },
      'renewed',
    );
    return { held: outcome.with, untilMs: nowMs + LEASE_MS };
  }

  /** By shard, in chunks. A store that is away is tried again in the next round. */
  async #each(
    held: readonly Held[],
    act: (shard: number, timers: string[], deliveries: string[], claims: Held[]) => Promise<void>,
  ): Promise<void> {
    const byShard = new Map<number, Held[]>();
    for (const claim of held) {
      const known = byShard.get(claim.shard);
      if (known === undefined) byShard.set(claim.shard, [claim]);
      else known.push(claim);
    }
    const acts: Array<Promise<void>> = [];
    for (const [shard, claims] of byShard) {
      for (let from = 0; from < claims.length; from += CHUNK) {
        const chunk = claims.slice(from, from + CHUNK);
        const ids = (kind: Claimed) => chunk.filter(claim => claim.kind === kind).map(({ id }) => id);
        acts.push(act(shard, ids('timers'), ids('deliveries'), chunk));
      }
    }
    await Promise.allSettled(acts);
  }
}
