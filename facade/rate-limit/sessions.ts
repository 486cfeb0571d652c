import type { RateLimitSession } from '../types/rate-limit';

/** Sessions that are remembered; the one that was silent longest makes room. */
const SESSIONS_MAX = 10_000;

interface Entry {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  errors: number;
  startedAtMs: number;
  lastActiveAtMs: number;
  coolsDownUntilMs: number;
}

/** A session as `saveState` writes it. */
export type SavedSession = [sessionId: string, entry: Entry];

/** What each session of this process used. */
export class Sessions {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A session does something. */
  touch(sessionId: string): void {
    this.#entry(sessionId);
  }

  count(sessionId: string, inputTokens: number, outputTokens: number, isError: boolean): void {
    const entry = this.#entry(sessionId);
    entry.requests += 1;
    entry.inputTokens += inputTokens;
    entry.outputTokens += outputTokens;
    if (isError) entry.errors += 1;
  }

  coolDown(sessionId: string, forMs: number): void {
    const entry = this.#entry(sessionId);
    entry.coolsDownUntilMs = Math.max(entry.coolsDownUntilMs, this.#now() + forMs);
  }

  /** How long a session has to wait yet. */
  coolsDownForMs(sessionId: string): number {
    const entry = this.#entries.get(sessionId);
    return entry === undefined ? 0 : Math.max(0, entry.coolsDownUntilMs - this.#now());
  }

  end(sessionId: string): RateLimitSession | undefined {
    const entry = this.#entries.get(sessionId);
    this.#entries.delete(sessionId);
    return entry === undefined ? undefined : viewOf(sessionId, entry, this.#now());
  }

  all(): RateLimitSession[] {
    const nowMs = this.#now();
    return [...this.#entries].map(([sessionId, entry]) => viewOf(sessionId, entry, nowMs));
  }

  save(): SavedSession[] {
    return [...this.#entries].map(([id, entry]) => [id, { ...entry }]);
  }

  /** Takes sessions up that are not known here. */
  restore(saved: Iterable<SavedSession>): void {
    for (const [id, entry] of saved) {
      if (!this.#entries.has(id) && this.#entries.size < SESSIONS_MAX) this.#entries.set(id, { ...entry });
    }
  }

  #entry(sessionId: string): Entry {
    const nowMs = this.#now();
    let entry = this.#entries.get(sessionId);
    if (entry === undefined) {
      if (this.#entries.size >= SESSIONS_MAX) this.#forgetSilent();
      entry = {
        requests: 0,
        inputTokens: 0,
        outputTokens: 0,
        errors: 0,
        startedAtMs: nowMs,
        lastActiveAtMs: nowMs,
        coolsDownUntilMs: 0,
      };
    } else {
      // Behind all others: the map is in the order of the last activity.
      this.#entries.delete(sessionId);
      entry.lastActiveAtMs = nowMs;
    }
    this.#entries.set(sessionId, entry);
    return entry;
  }

  #forgetSilent(): void {
    for (const sessionId of this.#entries.keys()) {
      this.#entries.delete(sessionId);
      return;
    }
  }
}

function viewOf(sessionId: string, entry: Entry, nowMs: number): RateLimitSession {
  const { requests, inputTokens, outputTokens, errors } = entry;
  return {
    sessionId,
    requests,
    inputTokens,
    outputTokens,
    errors,
    startedAt: new Date(entry.startedAtMs),
    lastActiveAt: new Date(entry.lastActiveAtMs),
    coolsDownUntil: entry.coolsDownUntilMs > nowMs ? new Date(entry.coolsDownUntilMs) : null,
  };
}
