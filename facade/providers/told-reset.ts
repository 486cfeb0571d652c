import { readAnswer } from './answer';
import { httpDateMs } from './quantities';
import { instantOrDelayMs } from './readings';

/** One limit of OpenAI, Azure or Anthropic; the first group that is there names it. */
const RESET_NAME = /^(?:x-rate-?limit-reset-([a-z-]+)|anthropic-ratelimit-([a-z-]+)-reset)$/;

/**
 * When the limits are whole again that a refusal was for, in milliseconds from now on: the latest reset of those with
 * nothing left; where no limit says what is left, the latest reset at all. `undefined`: none was told. Unlike
 * readings it contains nothing that was assumed.
 *
 * @example
 * ```ts
 * toldResetMs({ status: 429, headers: { 'x-ratelimit-reset-requests': '20m0s' } }); // 1_200_000
 * ```
 */
export function toldResetMs(source: unknown): number | undefined {
  const { headers } = readAnswer(source);
  const baseMs = httpDateMs(headers.get('date')) ?? Date.now();
  const [spent, untold]: [number[], number[]] = [[], []];
  let isAnyLeft = false;
  for (const [name, text] of headers) {
    const [, bucket, anthropics] = RESET_NAME.exec(name) ?? [];
    if (bucket === undefined && anthropics === undefined) continue;
    const remaining = headers.get(
      bucket === undefined
        ? `anthropic-ratelimit-${anthropics}-remaining`
        : `x-ratelimit-remaining-${bucket}`,
    );
    isAnyLeft ||= remaining !== undefined && remaining !== '0';
    const resetInMs = instantOrDelayMs(text, baseMs);
    if (resetInMs === undefined || resetInMs <= 0) continue;
    if (remaining === '0') spent.push(resetInMs);
    else if (remaining === undefined) untold.push(resetInMs);
  }
  const told = spent.length === 0 && !isAnyLeft ? untold : spent;
  return told.length > 0 ? Math.max(...told) : undefined;
}
