import type { Telling } from '../telling';
import type { RateLimitEvents, RateLimitName } from '../types/rate-limit';
import { ruleName, usedOf } from './status';
import type { WireView } from './wire';

/** A limit that is used so far is told. */
const APPROACHING = 0.8;
const LOOK_EVERY_MS = 1000;
const UNHEARD_FOR_MS = 100;

/** Looks at the limits now and then while requests are made and somebody listens, and tells which are nearly used up. */
export class Watch {
  readonly #telling: Telling<RateLimitEvents>;
  readonly #view: () => Promise<WireView>;
  readonly #told = new Set<RateLimitName>();
  #lookedAtMs = -Infinity;
  /** Nobody listens; it is asked again then. */
  #unheardUntilMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(telling: Telling<RateLimitEvents>, view: () => Promise<WireView>) {
    this.#telling = telling;
    this.#view = view;
  }

  /** After an admission at `nowMs`, by any clock. */
  look(nowMs: number): void {
    // Asking whether somebody listens takes longer than an admission's share of it should.
    if (nowMs < this.#unheardUntilMs && nowMs >= this.#unheardUntilMs - UNHEARD_FOR_MS) return;
    if (!this.#telling.reaches('limit:approaching')) {
      this.#unheardUntilMs = nowMs + UNHEARD_FOR_MS;
      return;
    }
    if (this.#timer !== undefined) return;
    const agoMs = performance.now() - this.#lookedAtMs;
    if (agoMs >= LOOK_EVERY_MS) {
      this.#lookNow();
      return;
    }
    // Of a burst the last admission counts, not the first.
    this.#timer = setTimeout(() => this.#lookNow(), LOOK_EVERY_MS - agoMs);
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  #lookNow(): void {
    this.#timer = undefined;
    this.#lookedAtMs = performance.now();
    this.#view().then(
      view => this.#tell(view),
      // The store is away: the next look is soon.
      () => {},
    );
  }

  #tell(view: WireView): void {
    for (const rule of view.terms.rules) {
      const limit = ruleName(rule);
      const used = usedOf(view, rule);
      if (used < rule.limit * APPROACHING) {
        this.#told.delete(limit);
      } else if (!this.#told.has(limit)) {
        this.#told.add(limit);
        this.#telling.emit('limit:approaching', { limit, used, of: rule.limit });
      }
    }
  }
}
