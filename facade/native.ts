/** The only place that loads the addon. `docs/boundary.md` says what crosses here. */

export interface EmbeddedTracker {
  configureBudget(orchestratorId: string, hourly: number, daily: number, monthly: number): void;
  check(orchestratorId: string, tokens: number, period: number, nowMs: number): number;
  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    nowMs: number,
  ): string | null;
  settle(
    reservationId: string,
    record: boolean,
    total: number,
    prompt: number,
    completion: number,
    cacheRead: number,
    cacheWrite: number,
    reasoning: number,
    model: string,
    sessionId: string,
    requestId: string | null,
    nowMs: number,
  ): number;
  track(
    orchestratorId: string,
    total: number,
    prompt: number,
    completion: number,
    cacheRead: number,
    cacheWrite: number,
    reasoning: number,
    reportedAtMs: number,
    model: string,
    sessionId: string,
    requestId: string | null,
    metadataJson: string | null,
    nowMs: number,
  ): number;
  stats(orchestratorId: string, period: number, nowMs: number): string;
  query(verb: number, orchestratorId: string, argumentsJson: string, nowMs: number): string;
  sweep(nowMs: number): number;
  nextExpiryMs(): number;
  takeEvents(): string;
  /** What the last negative status was about. */
  lastError(): string;
  close(): void;
}

export interface RemoteTracker {
  configureBudget(orchestratorId: string, hourly: number, daily: number, monthly: number): void;
  open(wake: () => void): void;
  submit(numbers: Float64Array, count: number, text: string): void;
  take(out: Float64Array): string;
  ref(): void;
  unref(): void;
}

interface Addon {
  isTimeZone(name: string): boolean;
  encodeIdentifier(id: string): string;
  decodeIdentifier(encoded: string): string;
  EmbeddedTracker: new (config: string, out: Float64Array) => EmbeddedTracker;
  RemoteTracker: new (config: string) => RemoteTracker;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- the generated loader is CommonJS
const addon = require('../native/binding.js') as Addon;

export const { isTimeZone, decodeIdentifier, EmbeddedTracker, RemoteTracker } = addon;
