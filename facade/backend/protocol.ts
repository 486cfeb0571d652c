/** Every number that has a meaning at the boundary. `docs/boundary.md` describes them. */
import type { TokenBudgetErrorCode } from '../errors';

/** Operations handed to a remote tracker. */
export const Op = {
  check: 1,
  reserve: 2,
  settle: 3,
  track: 4,
  stats: 5,
  query: 6,
  ping: 7,
  ready: 8,
  close: 9,
  forget: 10,
  limitAcquire: 11,
  limitSettle: 12,
  limitCancel: 13,
  limitQuery: 14,
  poolQuery: 15,
  poolConfigure: 16,
  timerQuery: 17,
  breakerQuery: 18,
  coordinationConfigure: 19,
  breakerConfigure: 20,
  timerCreate: 21,
} as const;

/** Records taken from it, and events of either tracker. */
export const Kind = {
  check: 1,
  reserved: 2,
  denied: 3,
  settled: 4,
  tracked: 5,
  stats: 6,
  answer: 7,
  done: 8,
  spooled: 9,
  error: 10,
  closed: 11,
  storeDown: 12,
  limitGranted: 13,
  limitWaiting: 14,
  limitSettled: 15,
  picked: 16,
  timerCreated: 17,
  threshold: 20,
  expired: 21,
  connected: 22,
  disconnected: 23,
  warning: 24,
  due: 25,
  message: 26,
  breaker: 27,
  listening: 28,
  pause: 29,
} as const;

/** Which of a record's numbers, counted from behind `call`, measure its texts. */
const TEXT_LENGTHS: Readonly<Record<number, readonly number[]>> = {
  [Kind.reserved]: [0],
  [Kind.settled]: [8],
  [Kind.answer]: [0],
  [Kind.error]: [1],
  [Kind.picked]: [0],
  [Kind.threshold]: [6],
  [Kind.expired]: [5, 6],
  [Kind.connected]: [0],
  [Kind.disconnected]: [0, 1],
  [Kind.warning]: [0],
  [Kind.due]: [1],
  [Kind.message]: [0],
  [Kind.breaker]: [0, 1],
  [Kind.pause]: [0, 1],
};

const NO_TEXT: readonly number[] = [];

/** Numbers of the view of a period: used, reserved, limit, window start and end, paused until; money used, reserved, limit. */
export const VIEW_LENGTH = 9;
/** Where `stats` counts its models; their tokens follow. */
export const STATS_MODELS = VIEW_LENGTH + 7;

/** The text of a record whose numbers begin at `at`, in UTF-16 code units. */
export function textLength(kind: number, numbers: Float64Array, at: number): number {
  let length = 0;
  if (kind === Kind.stats) {
    const models = numbers[at + STATS_MODELS] ?? 0;
    const names = at + STATS_MODELS + 1 + models;
    for (let index = 0; index < models; index++) length += numbers[names + index] ?? 0;
    return length;
  }
  for (const index of TEXT_LENGTHS[kind] ?? NO_TEXT) length += Math.max(0, numbers[at + index] ?? 0);
  return length;
}

export const Verb = {
  setBudget: 1,
  getBudget: 2,
  setOverride: 3,
  removeOverride: 4,
  listOverrides: 5,
  listReservations: 6,
  history: 7,
  clearThresholds: 8,
  pause: 9,
  resume: 10,
  getPause: 11,
} as const;

export type VerbNumber = (typeof Verb)[keyof typeof Verb];

const ERROR_CODES: readonly TokenBudgetErrorCode[] = [
  'STORE_UNAVAILABLE',
  'RESERVATION_NOT_FOUND',
  'REQUEST_CONFLICT',
  'TIMEOUT',
  'STORE_UNAVAILABLE',
  'CLOSED',
  'INVALID_ARGUMENT',
  'INVALID_CONFIG',
];

export function errorCode(number: number): TokenBudgetErrorCode {
  return ERROR_CODES[number] ?? 'STORE_UNAVAILABLE';
}

/** A number of an answer. Every index used is inside: 0 stands for what cannot happen. */
export function numberAt(numbers: Float64Array, index: number): number {
  return numbers[index] ?? 0;
}

/** `-1` is unlimited. */
export function limitOf(number: number): number {
  return number < 0 ? Infinity : number;
}
