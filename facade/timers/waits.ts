import { reasonOf, stopWaiting, whenAborted } from '../abort';
import type { WireTimer } from '../backend/coordination';
import { TokenBudgetError } from '../errors';
import type { TimerStore } from './store';
import type { Timer } from './types';
import { timerOf } from './views';

/** What is overdue is asked for so often at first, then less often. */
const POLL_MIN_MS = 20;
const POLL_MAX_MS = 1000;
/** A setTimeout cannot wait longer. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Who waits for timers in this process. */
export class Waits {
  /** Told of what this process changes. */
  onChanged: (id: string) => void = () => {};
  readonly #store: TimerStore;
  /** The longest time until a change by somebody else is noticed; `Infinity`: nobody else makes any. */
  readonly #idleMs: number;
  /** By timer. */
  readonly #waking = new Map<string, Set<() => void>>();

  constructor(store: TimerStore, idleMs: number) {
    this.#store = store;
    this.#idleMs = idleMs;
  }

  /** A timer has fired, or was changed. */
  told(id: string): void {
    for (const wake of this.#waking.get(id) ?? []) wake();
  }

  /** This process has changed a timer. */
  changed(id: string): void {
    this.told(id);
    this.onChanged(id);
  }

  /** Resolves with the timer when it fires. Keeps the process alive: somebody waits for it. */
  async until(id: string, signal: AbortSignal): Promise<Timer> {
    let isTold = false;
    let wake = () => {};
    const tell = () => {
      isTold = true;
      wake();
    };
    this.#add(id, tell);
    try {
      let known: WireTimer | undefined;
      let begun = 0;
      for (let overdue = 0; ; overdue += 1) {
        isTold = false;
        const found = await this.#look(id, signal);
        if (found !== undefined) {
          const now: WireTimer = this.#live(id, found, known);
          if (known === undefined) begun = now.occurrence;
          if (now.status === 'fired' || now.occurrence > begun) return timerOf(now, found.nowMs);
          known = now;
        }
        if (isTold) continue;
        const leftMs = known === undefined ? 0 : known.fireAtMs - this.#store.now();
        if (leftMs > 0) overdue = 0;
        await sleep(this.#pauseMs(leftMs, overdue), signal, woken => {
          wake = woken;
        });
      }
    } finally {
      this.#remove(id, tell);
    }
  }

  /** `undefined`: the store did not answer; it is asked again. */
  async #look(
    id: string,
    signal: AbortSignal,
  ): Promise<{ timer: WireTimer | null; nowMs: number } | undefined> {
    try {
      return await this.#store.get(id, signal);
    } catch (error) {
      const isAway =
        error instanceof TokenBudgetError && (error.code === 'STORE_UNAVAILABLE' || error.code === 'TIMEOUT');
      if (isAway) return undefined;
      throw error;
    }
  }

  /** `before`: how it was when it was looked at last. */
  #live(
    id: string,
    { timer, nowMs }: { timer: WireTimer | null; nowMs: number },
    before: WireTimer | undefined,
  ): WireTimer {
    if (timer?.status === 'cancelled') {
      throw new TokenBudgetError('TIMER_CANCELLED', `The timer ${JSON.stringify(id)} was cancelled`);
    }
    if (timer !== null && (before === undefined || before.nonce === timer.nonce)) return timer;
    // It has fired, and was not remembered.
    if (before !== undefined && before.fireAtMs <= nowMs) {
      return { ...before, status: 'fired', occurrence: before.occurrence + 1, endedAtMs: nowMs };
    }
    throw timerNotFound(id);
  }

  #pauseMs(leftMs: number, overdue: number): number {
    if (leftMs > 0) return Math.min(leftMs, this.#idleMs, TIMEOUT_MAX_MS);
    return Math.min(POLL_MAX_MS, POLL_MIN_MS * 2 ** Math.min(overdue, 10));
  }

  #add(id: string, wake: () => void): void {
    const known = this.#waking.get(id);
    if (known === undefined) this.#waking.set(id, new Set([wake]));
    else known.add(wake);
  }

  #remove(id: string, wake: () => void): void {
    const known = this.#waking.get(id);
    known?.delete(wake);
    if (known?.size === 0) this.#waking.delete(id);
  }
}

export function timerNotFound(id: string): TokenBudgetError {
  return new TokenBudgetError('TIMER_NOT_FOUND', `There is no timer ${JSON.stringify(id)}`);
}

/** Ends when its time is over or it is woken. */
function sleep(durationMs: number, signal: AbortSignal, onWake: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const end = () => {
      clearTimeout(timer);
      stopWaiting(signal, abort);
      onWake(() => {});
      resolve();
    };
    const abort = () => {
      clearTimeout(timer);
      onWake(() => {});
      reject(reasonOf(signal));
    };
    const timer = setTimeout(end, durationMs);
    whenAborted(signal, abort);
    onWake(end);
  });
}
