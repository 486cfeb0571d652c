import { isAborted, reasonOf, stopWaiting, whenAborted } from '../abort';
import { closedError } from '../errors';
import { EmbeddedLimiter, type EmbeddedLimiterOperations } from '../native';
import type {
  LimiterBackend,
  LimitRequest,
  PromptBackend,
  PromptGrant,
  SettledPermit,
} from '../rate-limit/backend';
import type { LimiterSettings } from '../rate-limit/config';
import { permitIdPrefix } from '../rate-limit/permit-id';
import type { WireGrant, WireOutcome } from '../rate-limit/wire';
import type { Telling } from '../telling';
import type { StoreEvents } from '../types/events';
import { numberAt } from './protocol';

/** See "Embedded limiters" in `docs/boundary.md`. */
const NUMBERS_LENGTH = 16;
const STATUS = 0;
const GRANTED = 8;
const POLL_IN = 9;
const PLACES = 10;
const GIVEN = 15;
const Status = { granted: 0, waiting: 1 } as const;

const TIMEOUT_MAX_MS = 2 ** 31 - 1;
const RETRY_MS = 500;
/**
 * Who waits looks at least so often, for nobody tells it that a permit has expired: at first every second, then ever
 * more seldom.
 */
const PATIENCE_MIN_MS = 1000;
const PATIENCE_MAX_MS = 30_000;
/** Threads that share a store do not tell each other whose turn it is. */
const SHARED_POLL_MS = 20;

/** One that waits in the line. */
interface Place {
  request: LimitRequest;
  resolve(outcome: WireGrant | WireOutcome): void;
  reject(error: unknown): void;
}

/** A limiter in this process: answers at once, but for who has to wait. */
export class EmbeddedLimiterBackend implements LimiterBackend, PromptBackend {
  readonly prompt = this;
  readonly #numbers = new Float64Array(NUMBERS_LENGTH);
  readonly #native: EmbeddedLimiter;
  readonly #operations: EmbeddedLimiterOperations;
  readonly #now: () => number;
  readonly #isShared: boolean;
  readonly #telling: Telling<StoreEvents>;
  readonly #line = new Map<string, Place>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The timer is set, for a sign of life only. */
  #isIdle = false;
  #isClosed = false;
  #patienceMs = PATIENCE_MIN_MS;
  #isLiningUp = false;

  constructor(settings: LimiterSettings, telling: Telling<StoreEvents>) {
    this.#native = new EmbeddedLimiter(
      settings.nativeConfig,
      this.#numbers,
      permitIdPrefix(settings.clientId),
    );
    this.#operations = this.#native.operations();
    this.#now = settings.now;
    this.#isShared = settings.isShared;
    this.#telling = telling;
  }

  admit(
    number: number,
    inputTokens: number,
    outputTokens: number,
    priority: number,
    agent: string,
    nowMs: number,
  ): PromptGrant | undefined {
    const numbers = this.#numbers;
    numbers[0] = nowMs;
    numbers[1] = inputTokens;
    numbers[2] = outputTokens;
    numbers[3] = number;
    numbers[4] = priority;
    numbers[5] = 0;
    numbers[GIVEN] = agent === '' ? 0 : 1;
    this.#operations.acquire('', agent);
    const grant =
      numbers[STATUS] === Status.granted
        ? { admittedAtMs: numberAt(numbers, 1), expiresAtMs: numberAt(numbers, 2) }
        : undefined;
    this.#look();
    return grant;
  }

  settleNumber(
    number: number,
    inputTokens: number,
    outputTokens: number,
    nowMs: number,
  ): { known: boolean; late: boolean } {
    const numbers = this.#numbers;
    numbers[0] = nowMs;
    numbers[1] = inputTokens;
    numbers[2] = outputTokens;
    numbers[3] = number;
    numbers[GIVEN] = 0;
    this.#operations.settle('', null);
    const settled = { known: numbers[1] === 1, late: numbers[2] === 1 };
    this.#look();
    return settled;
  }

  acquire(
    request: LimitRequest,
    signal: AbortSignal | undefined,
    onWait: (waitMs: number, ahead: number) => void,
  ): Promise<WireGrant | WireOutcome> {
    const outcome = this.#ask(request, true);
    if (outcome !== undefined) return Promise.resolve(outcome);
    const [waitMs, ahead] = [numberAt(this.#numbers, 1), numberAt(this.#numbers, 2)];
    this.#patienceMs = PATIENCE_MIN_MS;
    const promise = this.#wait(request, signal);
    onWait(waitMs, ahead);
    return promise;
  }

  tryAcquire(request: LimitRequest): Promise<WireGrant | WireOutcome> {
    return Promise.resolve(this.#ask(request, false) ?? { is: 'lineFull' });
  }

  settle(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signalsJson: string | null,
  ): Promise<SettledPermit> {
    const numbers = this.#numbers;
    numbers[0] = this.#now();
    numbers[1] = inputTokens;
    numbers[2] = outputTokens;
    numbers[3] = 0;
    numbers[GIVEN] = signalsJson === null ? 0 : 1;
    this.#operations.settle(id, signalsJson);
    const settled = {
      known: numbers[1] === 1,
      late: numbers[2] === 1,
      inputTokens: numberAt(numbers, 3),
      outputTokens: numberAt(numbers, 4),
    };
    this.#look();
    return Promise.resolve(settled);
  }

  cancel(id: string): Promise<boolean> {
    this.#numbers[0] = this.#now();
    this.#operations.cancel(id);
    const known = this.#numbers[1] === 1;
    this.#look();
    return Promise.resolve(known);
  }

  /** Gives up a place in the line that nobody waits for any more. */
  leave(id: string): void {
    const place = this.#line.get(id);
    if (place === undefined) return;
    this.#line.delete(id);
    this.#giveUp(id);
    place.reject(closedError('limiter'));
  }

  query(operationJson: string): Promise<WireOutcome> {
    const outcome = JSON.parse(this.#native.query(operationJson, this.#now())) as WireOutcome;
    this.#look();
    return Promise.resolve(outcome);
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const waiting = [...this.#line];
    this.#line.clear();
    for (const [id, place] of waiting) {
      this.#giveUp(id);
      place.reject(closedError('limiter'));
    }
    this.#native.close();
    return Promise.resolve();
  }

  /** `undefined`: it waits. */
  #ask(request: LimitRequest, wait: boolean): WireGrant | WireOutcome | undefined {
    const numbers = this.#numbers;
    numbers[0] = this.#now();
    numbers[1] = request.inputTokens;
    numbers[2] = request.outputTokens;
    numbers[3] = 0;
    numbers[4] = request.priority;
    numbers[5] = wait ? 1 : 0;
    numbers[GIVEN] = request.agent === '' ? 0 : 1;
    this.#operations.acquire(request.id, request.agent);
    const status = numbers[STATUS];
    if (status === Status.granted) {
      const grant = {
        id: request.id,
        admittedAtMs: numberAt(numbers, 1),
        expiresAtMs: numberAt(numbers, 2),
      };
      this.#look();
      return grant;
    }
    const outcome =
      status === Status.waiting ? undefined : (JSON.parse(this.#native.lastOutcome()) as WireOutcome);
    // Who waits is listed first: a turn of its own may have come already.
    if (outcome !== undefined) this.#look();
    return outcome;
  }

  /** Of a place that is left. Where neither clock nor disk allows it, the place ends with the lease of this client. */
  #giveUp(id: string): void {
    try {
      this.#numbers[0] = this.#now();
      this.#operations.cancel(id);
      this.#look();
    } catch {
      // Who leaves has nothing to do with it.
    }
  }

  #wait(request: LimitRequest, signal: AbortSignal | undefined): Promise<WireGrant | WireOutcome> {
    const { id } = request;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (!this.#line.delete(id)) return;
        this.#giveUp(id);
        reject(reasonOf(signal as AbortSignal));
      };
      const done = () => {
        if (signal !== undefined) stopWaiting(signal, onAbort);
      };
      this.#line.set(id, {
        request,
        resolve(outcome) {
          done();
          resolve(outcome);
        },
        reject(error) {
          done();
          reject(error);
        },
      });
      if (isAborted(signal)) onAbort();
      else if (signal !== undefined) whenAborted(signal, onAbort);
      this.#look();
    });
  }

  /** After every operation: whose turn has come, and when to look again. */
  #look(): void {
    const granted = this.#numbers[GRANTED] ?? 0;
    const pollInMs = this.#numbers[POLL_IN] ?? -1;
    const places = this.#numbers[PLACES] ?? 0;
    if (granted > 0) {
      for (const grant of JSON.parse(this.#native.takeGranted()) as WireGrant[]) this.#grant(grant);
    }
    if (this.#isClosed) return;
    if (pollInMs >= 0) this.#pollIn(pollInMs);
    if (places < this.#line.size) this.#lineUpAgain();
  }

  /**
   * The store does not know all who wait here any more: by new limits some can never be made, or it took this
   * client for dead. They ask anew, in their order, and hear why.
   */
  #lineUpAgain(): void {
    if (this.#isLiningUp) return;
    this.#isLiningUp = true;
    try {
      for (const { request, resolve } of [...this.#line.values()]) {
        // Its turn may have come with the place of another.
        if (!this.#line.has(request.id)) continue;
        const outcome = this.#ask(request, true);
        if (outcome === undefined) {
          this.#look();
        } else if (this.#line.delete(request.id)) {
          resolve(outcome);
        }
      }
    } finally {
      this.#isLiningUp = false;
    }
  }

  #grant(grant: WireGrant): void {
    const place = this.#line.get(grant.id);
    this.#line.delete(grant.id);
    place?.resolve(grant);
  }

  #pollIn(delayMs: number): void {
    const isIdle = this.#line.size === 0;
    // A sign of life that comes early does no harm, and setting it anew with each operation would cost.
    if (isIdle && this.#isIdle) return;
    clearTimeout(this.#timer);
    const most = isIdle ? TIMEOUT_MAX_MS : this.#isShared ? SHARED_POLL_MS : this.#patienceMs;
    this.#timer = setTimeout(() => this.#poll(), Math.min(Math.max(1, delayMs), most));
    this.#isIdle = isIdle;
    // The process waits for who waits, not for permits that somebody holds.
    if (isIdle && typeof this.#timer === 'object') this.#timer.unref();
  }

  #poll(): void {
    this.#isIdle = false;
    this.#patienceMs = Math.min(this.#patienceMs * 2, PATIENCE_MAX_MS);
    if (this.#isClosed) return;
    try {
      this.#native.query('{"is":"poll"}', this.#now());
      const message = this.#native.takeWarning();
      if (message !== null) this.#telling.emit('store:warning', { message });
    } catch {
      // The caller's clock threw. It may do better soon.
      this.#pollIn(RETRY_MS);
      return;
    }
    this.#look();
  }
}
