import type { TimerStore } from './store';

/** So many come back in a second, however many there are: they are claimed again, and most are put off once more. */
const PER_SECOND = 2000;
const PAUSE_MIN_MS = 2000;
/** Should this process end, others wait so long for them. */
const PAUSE_MAX_MS = 300_000;

/**
 * Webhooks that were claimed and cannot be sent soon, for their host has its share of the places. They stay claimed for
 * a while and are not kept here: their claims lapse by themselves, and whoever claims then has them. What waits behind
 * them is claimed meanwhile.
 */
export class PutOff {
  readonly #store: TimerStore;
  readonly #holder: string;
  /** How many come back when, the next ones first. */
  readonly #returns: Array<{ atMs: number; count: number }> = [];
  #count = 0;

  constructor(store: TimerStore, holder: string) {
    this.#store = store;
    this.#holder = holder;
  }

  /** Those of one claim. Nothing of this rejects. */
  add(shard: number, deliveries: string[]): void {
    const nowMs = this.#store.now();
    this.#forgetReturned(nowMs);
    this.#count += deliveries.length;
    // Spread, so that a host which works again is not sent everything in one second and nothing in the next.
    const leaseMs = Math.ceil(this.#pauseMs() * (0.5 + Math.random() / 2));
    this.#remember({ atMs: nowMs + leaseMs, count: deliveries.length });
    this.#store
      .ask(shard, { is: 'renew', with: { holder: this.#holder, leaseMs, timers: [], deliveries } }, 'renewed')
      // Then the claims last as long as any other.
      .catch(() => {});
  }

  #pauseMs(): number {
    const inTurnMs = (this.#count / PER_SECOND) * 1000;
    return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, inTurnMs));
  }

  #remember(entry: { atMs: number; count: number }): void {
    let index = this.#returns.length;
    while (index > 0 && (this.#returns[index - 1]?.atMs ?? 0) > entry.atMs) index -= 1;
    this.#returns.splice(index, 0, entry);
  }

  #forgetReturned(nowMs: number): void {
    let returned = 0;
    while ((this.#returns[returned]?.atMs ?? Infinity) <= nowMs) {
      this.#count -= this.#returns[returned]?.count ?? 0;
      returned += 1;
    }
    this.#returns.splice(0, returned);
  }
}
