/** What the methods of a limiter are given, checked. */
import { checkedSignal } from '../abort';
import type { AcquireOptions, RequestUsage } from '../types/rate-limit';
import * as check from '../validate';
import { PRIORITIES } from './wire';

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

export function readRequest(options: unknown): CheckedRequest {
  const source = check.object(options, 'options') as Record<string, unknown>;
  const request: CheckedRequest = {
    inputTokens: undefined,
    maxOutputTokens: undefined,
    model: undefined,
    priority: NORMAL,
    agent: '',
    sessionId: undefined,
    signal: undefined,
    maxWaitMs: undefined,
  };
  for (const name of check.ownNames(source, 'options')) {
    const value = read(source, name, 'options');
    if (value === undefined && REQUEST_NAMES.has(name)) continue;
    switch (name as keyof AcquireOptions) {
      case 'inputTokens':
        request.inputTokens = check.count(value, 'options.inputTokens');
        break;
      case 'maxOutputTokens':
        request.maxOutputTokens = check.count(value, 'options.maxOutputTokens');
        break;
      case 'model':
        request.model = check.text(value, 'options.model', MODEL_MAX_BYTES, 'well-formed');
        break;
      case 'priority':
        request.priority = readPriority(value, 'options.priority');
        break;
      case 'agent':
        request.agent = readAgent(value, 'options.agent');
        break;
      case 'sessionId':
        request.sessionId = check.text(value, 'options.sessionId', TEXT_MAX_BYTES, 'well-formed');
        break;
      case 'signal':
        request.signal = checkedSignal(value);
        break;
      case 'maxWaitMs':
        request.maxWaitMs = check.integer(value, 'options.maxWaitMs', 0, check.MAX_DURATION_MS);
        break;
      default:
        throw check.unknownName(name, 'options', REQUEST_NAMES);
    }
  }
  return request;
}

/** The value of an own property, of a name that {@link check.ownNames} gave. */
function read(source: Record<string, unknown>, name: string, at: string): unknown {
  try {
    return source[name];
  } catch (cause) {
    throw check.readingThrew(check.join(at, name), cause);
  }
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
  const source = check.object(usage, 'usage') as Record<string, unknown>;
  let inputTokens: unknown;
  let outputTokens: unknown;
  let responseTimeMs: unknown;
  let error: unknown;
  let response: unknown;
  let headers: unknown;
  for (const name of check.ownNames(source, 'usage')) {
    const value = read(source, name, 'usage');
    switch (name as keyof RequestUsage) {
      case 'inputTokens':
        inputTokens = value;
        break;
      case 'outputTokens':
        outputTokens = value;
        break;
      case 'responseTimeMs':
        responseTimeMs = value;
        break;
      case 'error':
        error = value;
        break;
      case 'response':
        response = value;
        break;
      case 'headers':
        headers = value;
        break;
      default:
        throw check.unknownName(name, 'usage', USAGE_NAMES);
    }
  }
  return {
    inputTokens: check.count(inputTokens, 'usage.inputTokens'),
    outputTokens: check.count(outputTokens, 'usage.outputTokens'),
    answer: error ?? response ?? headers,
    responseTimeMs:
      responseTimeMs === undefined
        ? undefined
        : check.integer(responseTimeMs, 'usage.responseTimeMs', 0, check.MAX_DURATION_MS),
  };
}

/** A share of the whole, in millionths. */
export function readShare(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return Math.round(value * 1_000_000);
  throw check.invalid(at, 'a number from 0 to 1', value);
}
