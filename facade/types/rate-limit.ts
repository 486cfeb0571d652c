import type { StoreOptions } from './config';
import type { StoreEvents } from './events';

/**
 * What may be used at most within any stretch of time of the given length. Each is optional; what is left out is
 * unlimited. Integers from 0 to 2^53-1; 0 allows nothing.
 */
export interface RateLimits {
  /** Requests per second. */
  rps?: number;
  /** Requests per minute. */
  rpm?: number;
  /** Requests per hour. */
  rph?: number;
  /** Requests per day: any 24 hours. */
  rpd?: number;
  /** Input tokens per minute. */
  itpm?: number;
  /** Output tokens per minute. */
  otpm?: number;
  /** Input and output tokens together, per minute. */
  tpm?: number;
  /** Input and output tokens together, per day: any 24 hours. */
  tpd?: number;
  /** Requests under way at once. */
  concurrent?: number;
}

/** The name of one of the {@link RateLimits}. */
export type RateLimitName = keyof RateLimits;

/** What is kept free, and for how long to stop when the provider refuses. */
export interface RateLimitSafety {
  /** Share of every limit that only `critical` requests may use, from 0 to below 1. Default 0.15. */
  margin?: number;
  /**
   * Seconds without a request after the provider refused one and named no time, or up to a tenth more; doubled by
   * each further refusal, less up to half, never shorter than this. After GitHub's secondary limit without a time it
   * is a minute at least. `maxCooldown` bounds all of it. After them one request at a time tries, also where this is 0, and is waited for as long, at least a second.
   * Default 60.
   */
  cooldown?: number;
  /** Seconds that no pause exceeds, whoever asked for it. Default 3,600. */
  maxCooldown?: number;
}

/**
 * How a limiter is set up. Without `redis`, state lives in this process. Durations are milliseconds where their
 * name does not say otherwise.
 *
 * @example
 * ```ts
 * const limiter = new RateLimitManager({
 *   limits: { rpm: 50, itpm: 40_000, otpm: 8_000 },
 *   safety: { margin: 0.15, cooldown: 60 },
 *   redis: { url: 'redis://localhost:6379/0' },
 * });
 * ```
 */
export interface RateLimitConfig extends StoreOptions {
  /** Limiters of one name in one store are one limiter. Name it after the key of the provider. Default `default`. */
  name?: string;
  /** Default `{ rpm: 50, itpm: 40_000, otpm: 8_000 }`. */
  limits?: RateLimits;
  safety?: RateLimitSafety;
  /**
   * Whether requests keep a distance of 60 / `rpm` seconds and a tenth: 1.32 s at 50 a minute. Default `true`.
   * `margin` is that tenth. Without `rpm` there is no distance to keep.
   */
  pacing?: boolean | { margin?: number };
  /** How long a permit is held that nobody settles. Default 600,000 (10 minutes). */
  permitTTL?: number;
  /** A process that says nothing for so long is dead: its permits, places and shares return. Default 30,000. */
  clientLease?: number;
  /** Requests that may wait at once, of all processes together. Default 10,000. */
  maxWaiting?: number;
  /**
   * What `acquire` does while the store is away: `reject`, or `allow` with a permit that holds nothing. Nothing is
   * limited then, and what such permits used is counted nowhere. Default `reject`.
   */
  onStoreError?: 'reject' | 'allow';
  /**
   * Whether limits that OpenAI, Azure OpenAI or Anthropic tell with their responses replace those of a minute, for every
   * process. Default `false`.
   */
  adoptLimits?: boolean;
  /** Share of answers that the learned estimate of output tokens covers, from 0.5 to below 1. Default 0.95. */
  outputQuantile?: number;
}

/** `critical` comes first and may use what is held back; `low` waits as if it had come a minute later. */
export type RequestPriority = 'critical' | 'normal' | 'low';

/** What a request will use, as well as it is known before. */
export interface RequestEstimate {
  /** Default: a sixtieth of `itpm`. */
  inputTokens?: number;
  /** The most it may answer with. Default: what `model` answered so far, else a sixtieth of `otpm`. */
  maxOutputTokens?: number;
  /** Learns what it answers with, for requests that name no `maxOutputTokens`. */
  model?: string;
  /** Default `normal`. */
  priority?: RequestPriority;
  /** Whose share is used, see {@link RateLimitManager.allocate}. */
  agent?: string;
}

export interface AcquireOptions extends RequestEstimate {
  /** Counts usage per session, see {@link RateLimitManager.getSessions}. */
  sessionId?: string;
  /** Gives up the place in the line. */
  signal?: AbortSignal;
  /** Stays no longer in the line; rejects with `RATE_LIMITED` then. 0 takes what there is at once. */
  maxWaitMs?: number;
}

/** Why a request has to wait or can never be made. */
export type WaitReason = RateLimitName | 'pacing' | 'provider' | 'cooldown' | 'probe' | 'line' | 'share';

/** Whether a request could be made. Nothing was consumed. */
export interface RequestVerdict {
  /** `verdict` is `now`. */
  allowed: boolean;
  verdict: 'now' | 'wait' | 'never';
  /** How long it would wait, as far as is known; `Infinity` for never, 0 when it depends on others. */
  waitMs: number;
  reason: WaitReason | null;
  /** With `never`: the most that could be asked for. */
  limit: number | null;
}

/** What a request really used. */
export interface RequestUsage {
  inputTokens: number;
  outputTokens: number;
  /**
   * Anything the provider answered with: a `Response`, its headers, or the error its SDK threw. A success ends the
   * backoff after a refusal, whatever its headers say; headers alone, even none (`{}`), are a success, and so is a
   * settle that gives none of the three.
   */
  headers?: unknown;
  response?: unknown;
  error?: unknown;
  /** How long the provider took. Default: the time since the permit was granted. */
  responseTimeMs?: number;
}

export interface PermitSettlement {
  /** What the permit was granted for. */
  estimated: { inputTokens: number; outputTokens: number };
  used: { inputTokens: number; outputTokens: number };
  /** The permit had expired before. */
  late: boolean;
  /** Whether the store knew the permit: it forgets one an hour after its end. */
  known: boolean;
}

/** What happens to a limiter, with the arguments of its listeners. */
export interface RateLimitEvents extends StoreEvents {
  /** The provider refused a request for its limits; nothing is admitted meanwhile. */
  'limit:hit': [
    event: { kind: 'rate' | 'quota' | 'secondary'; retryAfterMs: number | null; provider: string },
  ];
  /** A request waits in the line. */
  'limit:waiting': [event: { waitMs: number; ahead: number }];
  /** A limit is used to 80 % or more; once until it falls below. */
  'limit:approaching': [event: { limit: RateLimitName; used: number; of: number }];
  /** The limits in force changed. */
  'limits:changed': [limits: RateLimits];
}

/** How far one limit is used. */
export interface LimitStatus {
  limit: number;
  /** What requests may use that are not critical. */
  ordinary: number;
  used: number;
  /** `max(0, ordinary - used)`. */
  remaining: number;
  windowMs: number | null;
}

/** What the provider told last about one of its quotas. */
export interface ProviderQuota {
  limit: number | null;
  remaining: number;
  resetsAt: Date;
}

export interface RateLimitStatus {
  limits: Partial<Record<RateLimitName, LimitStatus>>;
  provider: Partial<Record<'requests' | 'inputTokens' | 'outputTokens' | 'tokens', ProviderQuota>>;
  /** Requests with a permit. */
  underWay: number;
  waiting: number;
  /** Nothing is admitted before. */
  pausedUntil: Date | null;
  /**
   * What the last refusal was for, as long as it has effects: too fast, or nothing left of the day or of the money.
   * `null` as well when somebody paused by hand.
   */
  pausedBy: 'rate' | 'quota' | null;
  /** Refusals of the provider since it last served a request. */
  hits: number;
  agents: Array<{ agent: string; share: number; waiting: number; requests: number }>;
}

/** What is to be expected if requests go on as they did. */
export interface RateLimitForecast {
  limits: Partial<Record<RateLimitName, { perMinute: number; exhaustedInMs: number | null }>>;
  /** The limit that is used up first. */
  scarcest: RateLimitName | null;
  /** The pause between requests that uses the scarcest limit evenly. */
  recommendedPauseMs: number;
}

export interface RateLimitSession {
  sessionId: string;
  requests: number;
  inputTokens: number;
  outputTokens: number;
  errors: number;
  startedAt: Date;
  lastActiveAt: Date;
  /** The session waits until then. */
  coolsDownUntil: Date | null;
}

/** What `saveState` gives and `restoreState` takes: plain JSON. */
export interface RateLimitState {
  version: 1;
  name: string;
  savedAt: string;
  limiter: unknown;
  sessions: unknown[];
  learned: Array<[name: string, count: number]>;
}
