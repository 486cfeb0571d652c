import { randomBytes } from 'node:crypto';
import { isAborted, reasonOf } from '../abort';
import type {
  BreakerOperation,
  BreakerOutcome,
  BreakerPolicy,
  BreakerView,
  CoordinationBackend,
  CoordinationNews,
} from '../backend/coordination';
import { EmbeddedCoordination } from '../backend/embedded-coordination';
import { readStore } from '../config/store';

/** While the store is away, it is looked for by what is asked meanwhile, and no more often than this. */
const SEEK_EVERY_MS = 1000;

const FRESH: BreakerView = {
  state: 'CLOSED',
  failures: 0,
  successes: 0,
  openedAtMs: 0,
  openUntilMs: 0,
  openings: 0,
  probeUntilMs: 0,
  version: 0,
};

export interface LinkOptions {
  service: string;
  policy: BreakerPolicy;
  backend: CoordinationBackend;
  /** Told of every view that is taken over, the one before it first. */
  onView(previous: BreakerView, view: BreakerView): void;
}

/**
 * What is known of one breaker, and the way to its store. While the store is away it goes on with a store of its own,
 * from what was known last; when the store is back, what that knows counts, unless it is closed where this one is open.
 */
export class BreakerLink {
  /** As it was known last. */
  view = FRESH;
  readonly #options: LinkOptions;
  readonly #unlisten: () => void;
  readonly #holderPrefix = randomBytes(9).toString('base64url');
  #holders = 0;
  #hasAsked = false;
  #isEnded = false;
  /** Counts what others told. */
  #heard = 0;
  /** Takes the store's place while that is away. */
  #twin: EmbeddedCoordination | undefined;
  #isSeeking = false;
  #soughtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#unlisten = options.backend.onNews((...news) => this.#hear(news));
  }

  /** Whether what is asked is answered at once. */
  get isInProcess(): boolean {
    return this.#options.backend.breakerNow !== undefined;
  }

  get isAway(): boolean {
    return this.#twin !== undefined;
  }

  /** The store's clock, as well as it is known here. */
  now(): number {
    return this.#options.backend.now();
  }

  /** Who probes: unlike any other, of this process or another. */
  nextHolder(): string {
    this.#holders += 1;
    return `${this.#holderPrefix}-${this.#holders}`;
  }

  /**
   * The answer: at once where the store is in this process. Rejects for nothing but `signal`, whose probe is then
   * nobody's.
   */
  ask(operation: BreakerOperation, signal?: AbortSignal): BreakerOutcome | Promise<BreakerOutcome> {
    const { backend, service, policy } = this.#options;
    if (backend.breakerNow !== undefined) return this.#take(backend.breakerNow(service, policy, operation));
    if (this.#twin === undefined) return this.#askStore(operation, signal);
    void this.seek();
    return this.#askTwin(operation);
  }

  /** The same for what is done by hand: rejects when the store does not do it. */
  async command(operation: BreakerOperation): Promise<BreakerOutcome> {
    const { backend, service, policy } = this.#options;
    if (backend.breakerNow !== undefined) return this.#take(backend.breakerNow(service, policy, operation));
    const { outcome } = await backend.breaker(service, policy, operation);
    if (outcome === undefined) throw new Error('a command is never put off');
    this.#endTwin();
    return this.#take(outcome);
  }

  /** Looks for a store that is away. */
  async seek(isThere = false): Promise<void> {
    const beganMs = performance.now();
    const isTooSoon = !isThere && beganMs - this.#soughtMs < SEEK_EVERY_MS;
    if (this.#twin === undefined || this.#isSeeking || isTooSoon) return;
    const { backend, service, policy } = this.#options;
    [this.#isSeeking, this.#soughtMs] = [true, beganMs];
    try {
      const { outcome } = await backend.breaker(service, policy, { is: 'view' });
      if (outcome !== undefined) await this.#comeBack(outcome);
    } catch {
      // It is still away.
    } finally {
      this.#isSeeking = false;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#unlisten();
    this.#endTwin();
  }

  async #askStore(operation: BreakerOperation, signal?: AbortSignal): Promise<BreakerOutcome> {
    const { backend, service, policy } = this.#options;
    const heard = this.#heard;
    this.#hasAsked = true;
    try {
      const { outcome } = await backend.breaker(service, policy, operation, signal);
      if (outcome !== undefined) {
        // What another process told meanwhile may be later than this answer.
        const isOvertaken = this.#heard > heard && outcome.view.version < this.view.version;
        return isOvertaken ? outcome : this.#take(outcome);
      }
    } catch {
      // Nobody hears what is told after the end.
      if (this.#isEnded) return { view: this.view, isGranted: false, transitions: [] };
      if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    }
    return this.#askTwin(operation);
  }

  #askTwin(operation: BreakerOperation): BreakerOutcome {
    const { service, policy } = this.#options;
    const twin = this.#twin ?? this.#openTwin();
    const outcome = twin.breakerNow(service, policy, operation);
    if (operation.is !== 'probed' || outcome.isGranted) return this.#take(outcome);
    // A probe that the store had granted.
    twin.breakerNow(service, policy, { is: 'probe', with: { holder: operation.with.holder } });
    return this.#take(twin.breakerNow(service, policy, operation));
  }

  #openTwin(): EmbeddedCoordination {
    const { service, policy } = this.#options;
    const settings = { ...readStore({}), now: () => this.now() };
    const twin = new EmbeddedCoordination(settings, { timers: { keepEndedMs: 0, keepDeadMs: 0 } });
    twin.breakerNow(service, policy, { is: 'restore', with: { view: this.view } });
    this.#twin = twin;
    this.#soughtMs = performance.now();
    return twin;
  }

  async #comeBack(found: BreakerOutcome): Promise<void> {
    if (this.#twin === undefined) return;
    const { backend, service, policy } = this.#options;
    const own = this.view;
    this.#endTwin();
    const isOwnOpen = own.state === 'OPEN' && own.openUntilMs > this.now();
    if (found.view.state !== 'CLOSED' || !isOwnOpen) {
      this.#take(found);
      return;
    }
    const { outcome } = await backend.breaker(service, policy, { is: 'restore', with: { view: own } });
    if (outcome !== undefined) this.#take(outcome);
  }

  /** What was told meanwhile may have been missed. */
  #lookAgain(): void {
    if (this.#twin !== undefined) void this.seek(true);
    else if (this.#hasAsked) void this.#askStore({ is: 'view' });
  }

  #endTwin(): void {
    void this.#twin?.close();
    this.#twin = undefined;
  }

  #take(outcome: BreakerOutcome): BreakerOutcome {
    const previous = this.view;
    this.view = outcome.view;
    this.#options.onView(previous, outcome.view);
    return outcome;
  }

  #hear(news: CoordinationNews): void {
    if (news[0] === 'listening') this.#lookAgain();
    if (news[0] !== 'breaker' || news[1] !== this.#options.service || this.#twin !== undefined) return;
    const view = viewOf(news[2]);
    if (view === undefined || view.version <= this.view.version) return;
    this.#heard += 1;
    const previous = this.view;
    this.view = view;
    this.#options.onView(previous, view);
  }
}

/** What another process published; `undefined` when it is none of ours. */
function viewOf(json: string): BreakerView | undefined {
  try {
    const view = JSON.parse(json) as Partial<BreakerView> | null;
    return typeof view?.state === 'string' && typeof view.version === 'number'
      ? { ...FRESH, ...view }
      : undefined;
  } catch {
    return undefined;
  }
}
