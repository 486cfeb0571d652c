/** What the methods of a limiter are given, checked. */
import { signalOf } from '../abort';
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
  const source = check.object(options, 'options');
  check.onlyNames(source, 'options', REQUEST_NAMES);
  const optional = <T>(
    key: keyof AcquireOptions,
    reader: (value: unknown, at: string) => T,
  ): T | undefined => {
    const value = check.own(source, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  return {
    inputTokens: optional('inputTokens', check.count),
    maxOutputTokens: optional('maxOutputTokens', check.count),
    model: optional('model', (value, at) => check.text(value, at, MODEL_MAX_BYTES, 'well-formed')),
    priority: optional('priority', readPriority) ?? NORMAL,
    agent: optional('agent', readAgent) ?? '',
    sessionId: optional('sessionId', (value, at) => check.text(value, at, TEXT_MAX_BYTES, 'well-formed')),
    signal: signalOf(source),
    maxWaitMs: optional('maxWaitMs', (value, at) => check.integer(value, at, 0, check.MAX_DURATION_MS)),
  };
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
  const source = check.object(usage, 'usage');
  check.onlyNames(source, 'usage', USAGE_NAMES);
  const responseTimeMs = check.own(source, 'responseTimeMs', 'usage');
  return {
    inputTokens: check.countField(source, 'inputTokens', 'usage'),
    outputTokens: check.countField(source, 'outputTokens', 'usage'),
    answer:
      check.own(source, 'error', 'usage') ??
      check.own(source, 'response', 'usage') ??
      check.own(source, 'headers', 'usage'),
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
