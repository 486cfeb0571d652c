/** What the methods of the tracker are given, checked, as numbers and strings for a backend. */
import { types } from 'node:util';
import { signalOf } from './abort';
import { metadataJson } from './json';
import { DOLLARS, type MoneyTerms, readLimit, readMoney } from './money';
import { ALL_PERIODS, PERIODS, type PeriodIndex } from './periods';
import type { TokenUsage } from './types/usage';
import { uuid } from './uuid';
import {
  count,
  countField,
  elements,
  instant,
  integer,
  invalid,
  join,
  MAX_DURATION_MS,
  object,
  onlyNames,
  optionalCountField,
  orchestrator,
  own,
  ownNames,
  period,
  readingThrew,
  text,
} from './validate';

const { getPrototypeOf } = Object;
const { isProxy } = types;

const MODEL_MAX_BYTES = 256;
const ID_MAX_BYTES = 1024;
/** Longer pages would keep the server from everybody else. */
const PAGE_MAX = 10_000;
const REASON_MAX_BYTES = 4096;
const OVERRIDE_ID_MAX_BYTES = 256;

/** Tokens and what they were spent on. Absent numbers are 0, absent names are empty. */
export interface Amounts {
  total: number;
  prompt: number;
  completion: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  model: string;
  sessionId: string;
  requestId: string | null;
  /** Micro-units; {@link UNKNOWN_COST} until it is priced. */
  costMicros: number;
}

/** Nobody said what it cost. Of a reservation that ends the store takes it as its share of what was held. */
export const UNKNOWN_COST = -1;

/** Of tokens, then of money in micro-units, in the order of the periods; `null` is unlimited. */
export type BudgetLimits = [
  hourly: number | null,
  daily: number | null,
  monthly: number | null,
  hourlyCost: number | null,
  dailyCost: number | null,
  monthlyCost: number | null,
];

export function hasCost(limits: BudgetLimits): boolean {
  return limits.some((limit, index) => index >= PERIODS.length && limit !== null);
}

export interface CheckedUsage extends Amounts {
  orchestratorId: string;
  timestampMs: number;
  metadata: string | null;
  /** As it was given, for the event. */
  given: TokenUsage;
}

export interface CheckedOverride {
  id: string;
  orchestratorId: string;
  period: PeriodIndex;
  additionalTokens: number;
  /** Micro-units; one of the two is 0. */
  additionalCostMicros: number;
  reason: string;
  expiresAtMs: number;
  createdBy: string;
  metadata: string | null;
}

export function readUsage(usage: unknown, terms: MoneyTerms = DOLLARS): CheckedUsage {
  return isPlain(usage) ? readPlainUsage(usage, terms) : readAnyUsage(usage, terms);
}

function readAnyUsage(usage: unknown, terms: MoneyTerms): CheckedUsage {
  const source = object(usage, 'usage');
  return {
    orchestratorId: orchestrator(own(source, 'orchestratorId', 'usage'), 'usage.orchestratorId'),
    sessionId: text(own(source, 'sessionId', 'usage'), 'usage.sessionId', ID_MAX_BYTES, 'well-formed'),
    timestampMs: instant(own(source, 'timestamp', 'usage'), 'usage.timestamp'),
    prompt: countField(source, 'promptTokens', 'usage'),
    completion: countField(source, 'completionTokens', 'usage'),
    cacheRead: optionalCountField(source, 'cacheReadTokens', 'usage'),
    cacheWrite: optionalCountField(source, 'cacheWriteTokens', 'usage'),
    reasoning: optionalCountField(source, 'reasoningTokens', 'usage'),
    total: countField(source, 'totalTokens', 'usage'),
    model: text(own(source, 'model', 'usage'), 'usage.model', MODEL_MAX_BYTES, 'well-formed'),
    requestId: optionalText(source, 'requestId', 'usage', ID_MAX_BYTES, 'lone allowed'),
    metadata: optionalMetadata(source, 'usage'),
    costMicros: optionalCost(source, 'usage', terms, 'half up'),
    given: usage as TokenUsage,
  };
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown };

/**
 * The same for an object that inherits nothing under these names: `source.key` is its own
 * property, and each of these loads has a place of its own that V8 can remember the object's shape
 * at. `reading` tells a getter that threw from a value that was refused.
 */
function readPlainUsage(source: Unchecked<TokenUsage>, terms: MoneyTerms): CheckedUsage {
  let reading: keyof TokenUsage | '' = '';
  try {
    reading = 'orchestratorId';
    const id = source.orchestratorId;
    reading = '';
    const orchestratorId = orchestrator(id, 'usage.orchestratorId');
    reading = 'sessionId';
    const session = source.sessionId;
    reading = '';
    const sessionId = session === knownSession ? knownSession : readSession(session);
    reading = 'timestamp';
    const timestamp = source.timestamp;
    reading = '';
    const timestampMs = instant(timestamp, 'usage.timestamp');
    reading = 'promptTokens';
    const promptTokens = source.promptTokens;
    reading = '';
    const prompt = count(promptTokens, 'usage.promptTokens');
    reading = 'completionTokens';
    const completionTokens = source.completionTokens;
    reading = '';
    const completion = count(completionTokens, 'usage.completionTokens');
    reading = 'cacheReadTokens';
    const cacheReadTokens = source.cacheReadTokens;
    reading = '';
    const cacheRead = cacheReadTokens === undefined ? 0 : count(cacheReadTokens, 'usage.cacheReadTokens');
    reading = 'cacheWriteTokens';
    const cacheWriteTokens = source.cacheWriteTokens;
    reading = '';
    const cacheWrite = cacheWriteTokens === undefined ? 0 : count(cacheWriteTokens, 'usage.cacheWriteTokens');
    reading = 'reasoningTokens';
    const reasoningTokens = source.reasoningTokens;
    reading = '';
    const reasoning = reasoningTokens === undefined ? 0 : count(reasoningTokens, 'usage.reasoningTokens');
    reading = 'totalTokens';
    const totalTokens = source.totalTokens;
    reading = '';
    const total = count(totalTokens, 'usage.totalTokens');
    reading = 'model';
    const named = source.model;
    reading = '';
    const model = named === knownModel ? knownModel : readModel(named);
    reading = 'requestId';
    const request = source.requestId;
    reading = '';
    const requestId =
      request === undefined ? null : text(request, 'usage.requestId', ID_MAX_BYTES, 'lone allowed');
    reading = 'metadata';
    const data = source.metadata;
    reading = '';
    const metadata = data === undefined ? null : metadataJson(data, 'usage.metadata');
    reading = 'cost';
    const money = source.cost;
    reading = '';
    const costMicros = money === undefined ? UNKNOWN_COST : readMoney(money, 'usage.cost', terms, 'half up');
    return {
      orchestratorId,
      sessionId,
      timestampMs,
      prompt,
      completion,
      cacheRead,
      cacheWrite,
      reasoning,
      total,
      model,
      requestId,
      metadata,
      costMicros,
      given: source as unknown as TokenUsage,
    };
  } catch (cause) {
    throw reading === '' ? cause : readingThrew(`usage.${reading}`, cause);
  }
}

/** The last ones that were found right: callers repeat them, and then they are not looked at again. */
let knownSession = '';
let knownModel = '';

function readSession(value: unknown): string {
  knownSession = text(value, 'usage.sessionId', ID_MAX_BYTES, 'well-formed');
  return knownSession;
}

function readModel(value: unknown): string {
  knownModel = text(value, 'usage.model', MODEL_MAX_BYTES, 'well-formed');
  return knownModel;
}

const NOTHING = {};

/** Whether what `value` has under the names of a usage is its own. */
function isPlain(value: unknown): value is Unchecked<TokenUsage> {
  if (typeof value !== 'object' || value === null || isProxy(value) || Array.isArray(value)) return false;
  try {
    // The `in` is seemingly idle: it makes the shape of `value` known, and `getPrototypeOf` a constant.
    return 'orchestratorId' in value && getPrototypeOf(value) === Object.prototype && inheritsNothing();
  } catch {
    // A prototype that is a proxy.
    return false;
  }
}

/** An `in` on an empty object is an answer V8 keeps until somebody writes to `Object.prototype`. */
function inheritsNothing(): boolean {
  return !(
    'orchestratorId' in NOTHING ||
    'sessionId' in NOTHING ||
    'timestamp' in NOTHING ||
    'promptTokens' in NOTHING ||
    'completionTokens' in NOTHING ||
    'cacheReadTokens' in NOTHING ||
    'cacheWriteTokens' in NOTHING ||
    'reasoningTokens' in NOTHING ||
    'totalTokens' in NOTHING ||
    'model' in NOTHING ||
    'requestId' in NOTHING ||
    'metadata' in NOTHING ||
    'cost' in NOTHING
  );
}

/** The third argument of `releaseReservation`. */
export function readAttribution(attribution: unknown, total: number, terms: MoneyTerms = DOLLARS): Amounts {
  if (attribution === undefined) return unattributed(total);
  const source = object(attribution, 'attribution');
  return {
    total,
    prompt: optionalCountField(source, 'promptTokens', 'attribution'),
    completion: optionalCountField(source, 'completionTokens', 'attribution'),
    cacheRead: optionalCountField(source, 'cacheReadTokens', 'attribution'),
    cacheWrite: optionalCountField(source, 'cacheWriteTokens', 'attribution'),
    reasoning: optionalCountField(source, 'reasoningTokens', 'attribution'),
    model: optionalText(source, 'model', 'attribution', MODEL_MAX_BYTES, 'well-formed') ?? '',
    sessionId: optionalText(source, 'sessionId', 'attribution', ID_MAX_BYTES, 'well-formed') ?? '',
    requestId: optionalText(source, 'requestId', 'attribution', ID_MAX_BYTES, 'lone allowed'),
    costMicros: optionalCost(source, 'attribution', terms, 'half up'),
  };
}

function unattributed(total: number): Amounts {
  return {
    total,
    prompt: 0,
    completion: 0,
    cacheRead: 0,
    cacheWrite: 0,
    reasoning: 0,
    model: '',
    sessionId: '',
    requestId: null,
    costMicros: UNKNOWN_COST,
  };
}

export function readOverride(override: unknown, terms: MoneyTerms = DOLLARS): CheckedOverride {
  const source = object(override, 'override');
  const read = (key: string) => own(source, key, 'override');
  const id = read('id');
  const cost = read('additionalCost');
  const costMicros = cost === undefined ? 0 : readLimit(cost, 'override.additionalCost', terms);
  const tokens = countField(source, 'additionalTokens', 'override');
  if (costMicros > 0 && tokens > 0) {
    throw invalid('override.additionalTokens', '0 beside additionalCost: an override of each', tokens);
  }
  return {
    id: id === undefined ? uuid() : overrideId(id, 'override.id'),
    orchestratorId: orchestrator(read('orchestratorId'), 'override.orchestratorId'),
    period: period(read('period'), 'override.period'),
    additionalTokens: tokens,
    additionalCostMicros: costMicros,
    reason: text(read('reason'), 'override.reason', REASON_MAX_BYTES, 'lone allowed'),
    expiresAtMs: instant(read('expiresAt'), 'override.expiresAt'),
    createdBy: text(read('createdBy'), 'override.createdBy', ID_MAX_BYTES, 'lone allowed'),
    metadata: optionalMetadata(source, 'override'),
  };
}

export interface CheckedPause {
  untilMs: number | null;
  reason: string | null;
  pausedBy: string | null;
}

const PAUSE_OPTIONS: ReadonlySet<string> = new Set(['reason', 'until', 'pausedBy']);

/** The options of `pauseOrchestrator`. */
export function readPause(options: unknown): CheckedPause {
  if (options === undefined) return { untilMs: null, reason: null, pausedBy: null };
  const source = object(options, 'options');
  onlyNames(source, 'options', PAUSE_OPTIONS);
  const until = own(source, 'until', 'options');
  return {
    untilMs: until === undefined ? null : instant(until, 'options.until'),
    reason: optionalText(source, 'reason', 'options', REASON_MAX_BYTES, 'lone allowed'),
    pausedBy: optionalText(source, 'pausedBy', 'options', ID_MAX_BYTES, 'lone allowed'),
  };
}

export function overrideId(value: unknown, at: string): string {
  const id = text(value, at, OVERRIDE_ID_MAX_BYTES, 'well-formed');
  if (id === '') throw invalid(at, 'a string that is not empty', id);
  return id;
}

const COSTS = ['hourlyCost', 'dailyCost', 'monthlyCost'] as const;
const BUDGET_FIELDS: ReadonlySet<string> = new Set([...PERIODS, ...COSTS]);

export function readBudget(budget: unknown, at: string, terms: MoneyTerms = DOLLARS): BudgetLimits {
  const source = object(budget, at);
  for (const key of ownNames(source, at)) {
    // A misspelled period would be no limit at all.
    if (!BUDGET_FIELDS.has(key)) {
      throw invalid(
        join(at, key),
        'no field but hourly, daily and monthly, each also with Cost behind it',
        key,
      );
    }
  }
  const limit = (key: string) => {
    const value = own(source, key, at);
    return value === undefined ? null : count(value, join(at, key));
  };
  const cost = (key: (typeof COSTS)[number]) => {
    const value = own(source, key, at);
    return value === undefined ? null : readLimit(value, join(at, key), terms);
  };
  const tokens = [limit('hourly'), limit('daily'), limit('monthly')] as const;
  return [...tokens, cost('hourlyCost'), cost('dailyCost'), cost('monthlyCost')];
}

/** `'hourly'`, `['hourly', 'daily']` or `'all'`, as a bit mask. */
export function readPeriods(value: unknown): number {
  if (value === 'all') return ALL_PERIODS;
  if (typeof value !== 'object') return 1 << period(value, 'period');
  const names = elements(value, 'period', 16);
  if (names.length === 0) throw invalid('period', 'at least one period', value);
  return names.reduce<number>((mask, name, index) => mask | (1 << period(name, `period[${index}]`)), 0);
}

export interface CheckedOptions {
  signal: AbortSignal | undefined;
  /** Milliseconds: `ttl` or `timeout`, whichever the method has. */
  duration: number;
}

export function readOptions(
  options: unknown,
  durationKey: 'ttl' | 'timeout',
  fallback: number,
): CheckedOptions {
  if (options === undefined) return { signal: undefined, duration: fallback };
  const source = object(options, 'options');
  const given = own(source, durationKey, 'options');
  const min = durationKey === 'ttl' ? 1 : 0;
  const duration =
    given === undefined ? fallback : integer(given, `options.${durationKey}`, min, MAX_DURATION_MS);
  return { signal: signalOf(source), duration };
}

/** `cost` and `model` of a check or a reservation. */
export function readCost(options: unknown, terms: MoneyTerms): { costMicros: number; model: string | null } {
  if (options === undefined) return { costMicros: UNKNOWN_COST, model: null };
  const source = object(options, 'options');
  return {
    costMicros: optionalCost(source, 'options', terms, 'up'),
    model: optionalText(source, 'model', 'options', MODEL_MAX_BYTES, 'well-formed'),
  };
}

function optionalCost(source: object, at: string, terms: MoneyTerms, rounding: 'up' | 'half up'): number {
  const value = own(source, 'cost', at);
  return value === undefined ? UNKNOWN_COST : readMoney(value, join(at, 'cost'), terms, rounding);
}

/** `period`, `offset` and `limit` of a list. */
export function readPage(options: unknown): { period: PeriodIndex | null; offset: number; limit: number } {
  if (options === undefined) return { period: null, offset: 0, limit: 100 };
  const source = object(options, 'options');
  const wanted = own(source, 'period', 'options');
  const limit = own(source, 'limit', 'options');
  return {
    period: wanted === undefined ? null : period(wanted, 'options.period'),
    offset: optionalCountField(source, 'offset', 'options'),
    limit: limit === undefined ? 100 : integer(limit, 'options.limit', 0, PAGE_MAX),
  };
}

function optionalText(
  source: object,
  key: string,
  at: string,
  maxBytes: number,
  lone: 'lone allowed' | 'well-formed',
): string | null {
  const value = own(source, key, at);
  return value === undefined ? null : text(value, join(at, key), maxBytes, lone);
}

function optionalMetadata(source: object, at: string): string | null {
  const value = own(source, 'metadata', at);
  return value === undefined ? null : metadataJson(value, join(at, 'metadata'));
}
