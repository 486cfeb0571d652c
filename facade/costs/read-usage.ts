/** Usage as callers give it, checked, as the native table takes it. */
import { TokenBudgetError } from '../errors';
import { boolean, countField, instant, join, object, optionalCountField, own, text } from '../validate';

const NAME_MAX_BYTES = 256;

export interface CheckedUsage {
  modelId: string;
  /** Empty: not said. */
  provider: string;
  atMs: number;
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  isBatch: boolean;
}

/** Of `costOf` and of records. Parts must be contained in their whole: elsewise somebody counts in another way. */
export function readUsage(value: unknown, at: string): CheckedUsage {
  const source = object(value, at);
  const timestamp = own(source, 'timestamp', at);
  const batch = own(source, 'batch', at);
  const usage: CheckedUsage = {
    modelId: readName(source, 'modelId', at),
    provider: own(source, 'provider', at) === undefined ? '' : readName(source, 'provider', at),
    atMs: timestamp === undefined ? Date.now() : instant(timestamp, join(at, 'timestamp')),
    input: countField(source, 'inputTokens', at),
    output: countField(source, 'outputTokens', at),
    cacheRead: optionalCountField(source, 'cacheReadTokens', at),
    cacheWrite: optionalCountField(source, 'cacheWriteTokens', at),
    reasoning: optionalCountField(source, 'reasoningTokens', at),
    isBatch: batch === undefined ? false : boolean(batch, join(at, 'batch')),
  };
  const { input, output, cacheRead, cacheWrite, reasoning } = usage;
  if (cacheRead > input) throw beyond(join(at, 'cacheReadTokens'), 'inputTokens', cacheRead, input);
  if (cacheWrite > input - cacheRead) {
    throw beyond(join(at, 'cacheWriteTokens'), 'inputTokens', cacheRead + cacheWrite, input);
  }
  if (reasoning > output) throw beyond(join(at, 'reasoningTokens'), 'outputTokens', reasoning, output);
  return usage;
}

/** Whether it has nothing but input and output tokens, which is all that the published module knows. */
export function isPlain(usage: CheckedUsage): boolean {
  return usage.cacheRead === 0 && usage.cacheWrite === 0 && usage.reasoning === 0 && !usage.isBatch;
}

function readName(source: object, key: string, at: string): string {
  return text(own(source, key, at), join(at, key), NAME_MAX_BYTES, 'lone allowed');
}

function beyond(field: string, whole: string, part: number, all: number): TokenBudgetError {
  const message = `${field}: expected a part of ${whole} (${all}, which contain them), got ${part}`;
  return new TokenBudgetError('INVALID_ARGUMENT', message, { field });
}
