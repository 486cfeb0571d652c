/** What timers are made of, and what they tell. */
import type { StoreEvents } from '../types/events';

/** What happens when a timer fires, besides the event `timer:expired`. */
export interface OnExpire {
  /** Where a POST with JSON goes: `http:` or `https:`, at most 2,048 bytes. */
  webhook?: string;
  /** Comes with the event and the webhook. At most 4,096 bytes. */
  message?: string;
  /** Anything that JSON can hold, at most 64 KiB of it. Comes with the event and the webhook. */
  data?: unknown;
}

export interface TimerActions {
  on_expire?: OnExpire;
}

/** What is done about occurrences that were due while nobody ran. */
export type CatchUp = 'once' | 'all' | 'none';

export type TimerStatus = 'scheduled' | 'fired' | 'cancelled';

/**
 * A timer to be made. It needs one of `duration`, `fireAt`, `every` and `cron`.
 *
 * @example
 * ```ts
 * await minoots.timers.create({
 *   name: 'GitHub API Reset',
 *   duration: '15m',
 *   events: { on_expire: { webhook: 'https://your-app.com/resume-github-ops' } },
 * });
 * ```
 */
export interface TimerInput {
  /**
   * Makes creation idempotent: the same timer is created once, however often it is asked for, while it is
   * remembered; another one of this id rejects with `REQUEST_CONFLICT`. 1 to 256 bytes. Default: a UUID.
   */
  id?: string;
  /** 1 to 256 bytes. */
  name: string;
  /**
   * Milliseconds from 0 on, or text such as `'20ms'`, `'30s'`, `'5m'`, `'6m0s'`, `'1h30m'`, `'2d'`, `'1w'`; counted
   * by the store's clock from when it hears of the timer.
   */
  duration?: number | string;
  /** A Date, milliseconds since the epoch, or ISO 8601 text with a zone. In the past: at once. */
  fireAt?: Date | number | string;
  /** Recurs after so long, as `duration`; at least 1 ms. The first time after one period, or as told beside it. */
  every?: number | string;
  /** Recurs by a cron pattern of five fields, or of six with seconds first. */
  cron?: string;
  /** IANA name of the zone of `cron`. Default: the coordinator's `defaultTimeZone`. */
  timeZone?: string;
  /**
   * Of a recurring timer: `once` (default) fires once for all that was missed, `all` for each, `none` for what is
   * less than a minute late only.
   */
  catchUp?: CatchUp;
  /** Whose it is, for `list`. At most 256 bytes. Default: the coordinator's `owner`. */
  owner?: string;
  /** Kept with the timer and returned with it; an object, at most 64 KiB of JSON. */
  metadata?: Record<string, unknown>;
  /** Whether `timer:expired` is told in every process instead of the one that fires it. Default `false`. */
  broadcast?: boolean;
  events?: TimerActions;
}

/** What is changed of a scheduled timer; what is left out stays. */
export interface TimerChange {
  name?: string;
  owner?: string;
  /** From now on. */
  duration?: number | string;
  fireAt?: Date | number | string;
  /** `null`: it fires once more. Without `duration` or `fireAt` the next time is one period from now. */
  every?: number | string | null;
  cron?: string | null;
  timeZone?: string;
  catchUp?: CatchUp;
  metadata?: Record<string, unknown>;
  broadcast?: boolean;
  events?: TimerActions;
}

/** A timer as the store knew it when it was asked. Instants are the store's. */
export interface Timer {
  id: string;
  name: string;
  /** Empty: nobody's. */
  owner: string;
  status: TimerStatus;
  /** When the period began that ends at `endTime`. */
  startTime: Date;
  /** When it is due, or was. */
  endTime: Date;
  /** Milliseconds from `startTime` to `endTime`. */
  duration: number;
  /** Milliseconds until it is due; 0 when it is or has ended. */
  timeRemaining: number;
  /** From 0 to 1. */
  progress: number;
  createdAt: Date;
  /** When it fired for the last time or was cancelled. */
  endedAt?: Date;
  /** How often it has fired, or was given another time while it was about to. */
  occurrence: number;
  /** Milliseconds. */
  every?: number;
  cron?: string;
  timeZone?: string;
  catchUp?: CatchUp;
  metadata: Record<string, unknown>;
  broadcast: boolean;
  events: TimerActions;
}

/** A timer that fired. What is told twice has the same `deliveryId`. */
export interface TimerExpiredEvent {
  id: string;
  name: string;
  /** Empty: nobody's. */
  owner: string;
  message?: string;
  data?: unknown;
  metadata: Record<string, unknown>;
  /** Of this occurrence: the same in every event, webhook and repetition of it. */
  deliveryId: string;
  scheduledFor: Date;
  firedAt: Date;
  /** 1 for the first time; a timer that was given another time while it was told of goes on counting. */
  occurrence: number;
  /** Later occurrences that were missed and that this one stands for, counted up to 1,000. */
  missed: number;
}

/** A webhook on its way, or one that was given up. */
export interface TimerDelivery {
  id: string;
  timerId: string;
  timerName: string;
  webhook: string;
  /** How often it was tried. */
  attempts: number;
  createdAt: Date;
  nextAttemptAt: Date;
  /** Why the last attempt failed; empty when none did. */
  error: string;
  isDead: boolean;
  /** Whether nothing is sent to its address any more. */
  isDisabled: boolean;
  /** What is sent. */
  body: Record<string, unknown>;
}

export interface TimerDeliveryEvent {
  deliveryId: string;
  timerId: string;
  timerName: string;
  webhook: string;
  /** How often it was tried, this time included. */
  attempts: number;
  /** Of the answer, where there was one. */
  status?: number;
}

export interface TimerDeliveryFailedEvent extends TimerDeliveryEvent {
  error: string;
  /** When it is tried next; absent when it is given up. */
  retryAt?: Date;
}

/** Which timers `list` looks for. */
export interface TimerFilter {
  status?: TimerStatus;
  name?: string;
  owner?: string;
  /** 1 to 1,000. Default 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
  signal?: AbortSignal;
}

/** A part of a list; it is the last one without a `cursor`. A page can be shorter than asked for, even empty. */
export interface TimerPage {
  timers: Timer[];
  cursor?: string;
}

/** Every event of a coordinator, with the arguments of its listeners. */
export interface CoordinatorEvents extends StoreEvents {
  /**
   * A timer has fired. It counts as fired when all listeners have returned and what they returned has settled, after
   * five minutes at the latest; one that throws is told by `error`, and the timer has fired all the same.
   */
  'timer:expired': [event: TimerExpiredEvent];
  /** A webhook has arrived. */
  'timer:delivered': [event: TimerDeliveryEvent];
  /** It has not; it is tried again when there is a `retryAt`. */
  'timer:delivery-failed': [event: TimerDeliveryFailedEvent];
  /** A webhook was given up; see `timers.deadLetters()`. */
  'timer:dead': [event: TimerDeliveryFailedEvent];
  /** An address answered 410: nothing is sent to it any more; see `timers.enableEndpoint(webhook)`. */
  'endpoint:disabled': [event: { webhook: string }];
}
