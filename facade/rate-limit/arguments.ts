/** What the methods of a limiter are given, checked. */
import { checkedSignal } from '../abort';
import type { AcquireOptions, RequestUsage } from '../types/rate-limit';
import * as check from '../validate';
import { PRIORITIES } from './wire';

const { hasOwnProperty: hasOwn } = Object.prototype;

const MODEL_MAX_BYTES = 256;
const TEXT_MAX_BYTES = 256;

export interface CheckedRequest {
  inputTokens: number | undefined;
  maxOutputTokens: number | undefined;
  model: string | undefined;
  /** Index in `PRIORITIES`. */
  priority: number;
  agent: string;
  sessionId: string | undefined;
  signal: AbortSignal | undefined;
  maxWaitMs: number | undefined;
}

const REQUEST_NAMES: ReadonlySet<string> = new Set<keyof AcquireOptions>([
  'inputTokens',
  'maxOutputTokens',
  'model',
  'priority',
  'agent',
  'sessionId',
  'signal',
  'maxWaitMs',
]);

const NORMAL = PRIORITIES.indexOf('normal');

type Unchecked<T> = { [Name in keyof T]-?: unknown };

export function readRequest(options: unknown): CheckedRequest {
  const given = ownOptions(check.object(options, 'options') as Unchecked<AcquireOptions>);
  const { inputTokens, maxOutputTokens, model, priority, agent, sessionId, signal, maxWaitMs } = given;
  return {
    inputTokens: inputTokens === undefined ? undefined : check.count(inputTokens, 'options.inputTokens'),
    maxOutputTokens:
      maxOutputTokens === undefined ? undefined : check.count(maxOutputTokens, 'options.maxOutputTokens'),
    model:
      model === undefined ? undefined : check.text(model, 'options.model', MODEL_MAX_BYTES, 'well-formed'),
    priority: priority === undefined ? NORMAL : readPriority(priority, 'options.priority'),
    agent: agent === undefined ? '' : readAgent(agent, 'options.agent'),
    sessionId:
      sessionId === undefined
        ? undefined
        : check.text(sessionId, 'options.sessionId', TEXT_MAX_BYTES, 'well-formed'),
    signal: signal === undefined ? undefined : checkedSignal(signal),
    maxWaitMs:
      maxWaitMs === undefined
        ? undefined
        : check.integer(maxWaitMs, 'options.maxWaitMs', 0, check.MAX_DURATION_MS),
  };
}

/**
 * Each is read by its own name, which is several times faster than by a name that varies; and names are looked over
 * one after the other, without a list of them. `reading`: what may throw; empty for the object as a whole, `undefined`
 * when the error is made here.
 */
function ownOptions(source: Unchecked<AcquireOptions>): Unchecked<AcquireOptions> {
  const own: Unchecked<AcquireOptions> = {
    inputTokens: undefined,
    maxOutputTokens: undefined,
    model: undefined,
    priority: undefined,
    agent: undefined,
    sessionId: undefined,
    signal: undefined,
    maxWaitMs: undefined,
  };
  let reading: string | undefined = '';
  try {
    for (const name in source) {
      if (!hasOwn.call(source, name)) continue;
      reading = name;
      switch (name) {
        case 'inputTokens':
          own.inputTokens = source.inputTokens;
          break;
        case 'maxOutputTokens':
          own.maxOutputTokens = source.maxOutputTokens;
          break;
        case 'model':
          own.model = source.model;
          break;
        case 'priority':
          own.priority = source.priority;
          break;
        case 'agent':
          own.agent = source.agent;
          break;
        case 'sessionId':
          own.sessionId = source.sessionId;
          break;
        case 'signal':
          own.signal = source.signal;
          break;
        case 'maxWaitMs':
          own.maxWaitMs = source.maxWaitMs;
          break;
        default:
          reading = undefined;
          throw check.unknownName(name, 'options', REQUEST_NAMES);
      }
      reading = '';
    }
  } catch (cause) {
    throw reading === undefined
      ? cause
      : check.readingThrew(reading === '' ? 'options' : `options.${reading}`, cause);
  }
  return own;
}

function readPriority(value: unknown, at: string): number {
  return PRIORITIES.indexOf(check.oneOf(value, at, PRIORITIES));
}

/** The name of an agent: not empty, for that is nobody. */
export function readAgent(value: unknown, at: string): string {
  const agent = check.text(value, at, TEXT_MAX_BYTES, 'well-formed');
  if (agent === '') throw check.invalid(at, 'a name that is not empty', agent);
  return agent;
}

export interface CheckedUsage {
  inputTokens: number;
  outputTokens: number;
  /** What the provider answered, where it was given. */
  answer: unknown;
  /** It was given as an error. */
  isError: boolean;
  responseTimeMs: number | undefined;
}

const USAGE_NAMES: ReadonlySet<string> = new Set<keyof RequestUsage>([
  'inputTokens',
  'outputTokens',
  'headers',
  'response',
  'error',
  'responseTimeMs',
]);

export function readUsage(usage: unknown): CheckedUsage {
  const given = ownUsage(check.object(usage, 'usage') as Unchecked<RequestUsage>);
  const { inputTokens, outputTokens, error, response, headers, responseTimeMs } = given;
  return {
    inputTokens: check.count(inputTokens, 'usage.inputTokens'),
    outputTokens: check.count(outputTokens, 'usage.outputTokens'),
    // `null` is nothing that was given.
    answer: error ?? response ?? headers ?? undefined,
    isError: error !== undefined && error !== null,
    responseTimeMs:
      responseTimeMs === undefined
        ? undefined
        : check.integer(responseTimeMs, 'usage.responseTimeMs', 0, check.MAX_DURATION_MS),
  };
}

/** As {@link ownOptions}. */
function ownUsage(source: Unchecked<RequestUsage>): Unchecked<RequestUsage> {
  const own: Unchecked<RequestUsage> = {
    inputTokens: undefined,
    outputTokens: undefined,
    headers: undefined,
    response: undefined,
    error: undefined,
    responseTimeMs: undefined,
  };
  let reading: string | undefined = '';
  try {
    for (const name in source) {
      if (!hasOwn.call(source, name)) continue;
      reading = name;
      switch (name) {
        case 'inputTokens':
          own.inputTokens = source.inputTokens;
          break;
        case 'outputTokens':
          own.outputTokens = source.outputTokens;
          break;
        case 'headers':
          own.headers = source.headers;
          break;
        case 'response':
          own.response = source.response;
          break;
        case 'error':
          own.error = source.error;
          break;
        case 'responseTimeMs':
          own.responseTimeMs = source.responseTimeMs;
          break;
        default:
          reading = undefined;
          throw check.unknownName(name, 'usage', USAGE_NAMES);
      }
      reading = '';
    }
  } catch (cause) {
    throw reading === undefined
      ? cause
      : check.readingThrew(reading === '' ? 'usage' : `usage.${reading}`, cause);
  }
  return own;
}

/** A share of the whole, in millionths. */
export function readShare(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return Math.floor(value * 1_000_000 + 1e-3);
  throw check.invalid(at, 'a number from 0 to 1', value);
}
