import { TokenBudgetError } from '../errors';
import type { BudgetCheck, BudgetPeriod } from '../types/budget';
import type { ReservationResult, ReservationSettlement } from '../types/reservation';
import type { UsageAttribution } from '../types/usage';
import * as check from '../validate';
import type { Attachment } from './options';
import { hasEnded, NOTHING, requestIdOf, since, type Used, usedBy } from './session';
import type { DaemonSession, SessionTracker } from './types';

/** What is known of one session. */
interface Known {
  /** While it runs. */
  session: DaemonSession | undefined;
  reservationId: string | undefined;
  /** Of what the session used, as much as was reported. */
  reported: Readonly<Used>;
  hasEnded: boolean;
  /** Its last step: each begins when the one before is done. */
  last: Promise<void>;
}

/** Sessions that run at once. The oldest is forgotten when there are more: its tokens are held until they expire. */
const RUNNING_MAX = 10_000;
/** Ended sessions that are remembered, for those that go on after their end. */
const ENDED_MAX = 10_000;

/** Takes what sessions are to use from a budget, and gives back what they don't. */
export class Sessions {
  readonly #tracker: SessionTracker;
  readonly #settings: Attachment;
  readonly #running = new Map<string, Known>();
  readonly #ended = new Map<string, Known>();
  /** The objects of ended sessions: a daemon may tell that one was spawned after it has ended. */
  readonly #over = new WeakSet<DaemonSession>();
  readonly #steps = new Set<Promise<void>>();
  /** Reservations that are being ended, and how they ended. */
  readonly #settling = new Map<string, ReservationSettlement | undefined>();

  constructor(tracker: SessionTracker, settings: Attachment) {
    this.#tracker = tracker;
    this.#settings = settings;
  }

  started(session: DaemonSession): void {
    if (this.#running.has(session.id)) return;
    const isOver = this.#over.has(session);
    if (hasEnded(session) || (isOver && session.status === undefined)) {
      if (!isOver && !this.#ended.has(session.id)) this.ended(session);
      return;
    }
    // The same object goes on counting; another one is of a daemon that was started anew and uses its ids again.
    const before = isOver ? this.#ended.get(session.id) : undefined;
    const known = before === undefined ? begin(session) : Object.assign(before, { session, hasEnded: false });
    this.#ended.delete(session.id);
    this.#over.delete(session);
    remember(this.#running, session.id, known, RUNNING_MAX);
    this.#then(known, session, () => this.#admit(known, session));
  }

  /** May be told several times, for one that goes on after it was stopped. */
  ended(session: DaemonSession): void {
    const known = this.#running.get(session.id) ?? this.#ended.get(session.id) ?? begin(session);
    known.hasEnded = true;
    known.session = undefined;
    this.#running.delete(session.id);
    this.#ended.delete(session.id);
    remember(this.#ended, session.id, known, ENDED_MAX);
    this.#over.add(session);
    let used: Used | undefined;
    try {
      used = usedBy(session);
    } catch (error) {
      this.failed(error, session);
    }
    this.#then(known, session, () => this.#report(known, session, used ?? known.reported));
  }

  running(id: string): DaemonSession | undefined {
    return this.#running.get(id)?.session;
  }

  /** A listener of the tracker's `reservation:released`, which tells before `releaseReservation` resolves. */
  readonly released = (reservationId: string, settlement: ReservationSettlement): void => {
    if (this.#settling.has(reservationId)) this.#settling.set(reservationId, settlement);
  };

  /** What tells of failures is the last to be told: its own go nowhere. */
  failed(error: unknown, session: DaemonSession | null): void {
    const tell = async () => this.#settings.onError(error, session);
    tell().catch(() => {});
  }

  async idle(): Promise<void> {
    while (this.#steps.size > 0) await Promise.all(this.#steps);
  }

  #then(known: Known, session: DaemonSession, step: () => Promise<void>): void {
    known.last = this.#watch(session, known.last.then(step));
  }

  #watch(session: DaemonSession, step: Promise<void>): Promise<void> {
    const done = step.catch((error: unknown) => this.failed(error, session));
    this.#steps.add(done);
    done.then(() => this.#steps.delete(done));
    return done;
  }

  async #admit(known: Known, session: DaemonSession): Promise<void> {
    const tokens = check.count(await this.#settings.estimate(session), 'options.estimate');
    const refusal =
      this.#settings.mode === 'reserve'
        ? await this.#reserve(known, session, tokens)
        : await this.#check(session, tokens);
    // One that is over already has no need to be stopped. Nothing waits for it to stop: its end may be told meanwhile.
    if (refusal !== undefined && !known.hasEnded) this.#watch(session, this.#refuse(session, refusal));
  }

  async #refuse(session: DaemonSession, answer: BudgetCheck | ReservationResult): Promise<void> {
    try {
      await this.#settings.onRefused(session, answer);
    } catch (error) {
      this.failed(error, session);
    }
    await this.#settings.stop(session);
  }

  async #reserve(
    known: Known,
    session: DaemonSession,
    tokens: number,
  ): Promise<ReservationResult | undefined> {
    const { periods, reservationTtlMs: ttl } = this.#settings;
    const options = { ...this.#modelOf(session), ...(ttl !== undefined && { ttl }) };
    const { orchestratorId } = session;
    const answer = await unlessUnpriced(
      this.#tracker.reserveTokens(orchestratorId, tokens, periods, options),
      error => ({ success: false, remaining: 0, error, retryable: false }),
    );
    known.reservationId = answer.reservationId;
    return answer.success ? undefined : answer;
  }

  async #check(session: DaemonSession, tokens: number): Promise<BudgetCheck | undefined> {
    const model = this.#modelOf(session);
    const check = (period: BudgetPeriod) =>
      unlessUnpriced(
        this.#tracker.checkBudget(session.orchestratorId, tokens, period, model),
        (message): BudgetCheck => ({ ...unchecked(tokens, period), message }),
      );
    const checks = await Promise.all(this.#settings.periods.map(check));
    return checks.find(({ allowed }) => !allowed);
  }

  async #report(known: Known, session: DaemonSession, used: Readonly<Used>): Promise<void> {
    const more = since(known.reported, used);
    const { reservationId } = known;
    const requestId = requestIdOf(session, used.total);
    const attribution = {
      ...{ promptTokens: more.prompt, completionTokens: more.completion },
      ...(more.cacheRead > 0 && { cacheReadTokens: more.cacheRead }),
      ...(more.cacheWrite > 0 && { cacheWriteTokens: more.cacheWrite }),
      ...(more.reasoning > 0 && { reasoningTokens: more.reasoning }),
      ...this.#modelOf(session),
      sessionId: session.id,
      ...(more.total > 0 && requestId !== undefined && { requestId }),
    };
    const isCounted =
      reservationId !== undefined && (await this.#settle(reservationId, more.total, attribution));
    known.reservationId = undefined;
    if (more.total > 0 && !isCounted) {
      const { orchestratorId } = session;
      await this.#tracker.trackUsage({
        model: 'unknown',
        ...attribution,
        orchestratorId,
        timestamp: new Date(),
        totalTokens: more.total,
      });
    }
    known.reported = used;
  }

  /**
   * Whether the usage is counted with the end of the reservation: not when that is gone longer than it can be settled,
   * and not with `settle: 'release-only'`.
   */
  async #settle(reservationId: string, tokens: number, attribution: UsageAttribution): Promise<boolean> {
    this.#settling.set(reservationId, undefined);
    try {
      await this.#tracker.releaseReservation(reservationId, tokens, attribution);
      // What is known by its request id was recorded before: reporting it again changes nothing.
      return this.#settling.get(reservationId)?.recorded !== 0;
    } catch (error) {
      if (error instanceof TokenBudgetError && error.code === 'RESERVATION_NOT_FOUND') return false;
      throw error;
    } finally {
      this.#settling.delete(reservationId);
    }
  }

  /** Nothing when it has none: what that costs is the tracker's to decide. */
  #modelOf(session: DaemonSession): { model?: string } {
    if (typeof session.model === 'string' && session.model !== '') return { model: session.model };
    const model = this.#settings.model(session) as string | undefined;
    return model === undefined || model === '' ? {} : { model };
  }
}

/** Where money is limited, what nobody knows the cost of is refused as what does not fit is. */
async function unlessUnpriced<T>(answer: Promise<T>, refusal: (message: string) => T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof TokenBudgetError && error.field === 'options.cost')) throw error;
    return refusal(error.message);
  }
}

/** Of a session whose cost is not known: nothing was asked of the store. */
function unchecked(tokens: number, period: BudgetPeriod): BudgetCheck {
  return {
    ...{ allowed: false, remaining: 0, limit: 0, period, percentUsed: 0, estimatedTokens: tokens },
    ...{ wouldExceed: true, available: 0, limitedBy: 'cost' },
  };
}

function begin(session: DaemonSession): Known {
  return { session, reservationId: undefined, reported: NOTHING, hasEnded: false, last: Promise.resolve() };
}

function remember(map: Map<string, Known>, id: string, known: Known, max: number): void {
  map.set(id, known);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
