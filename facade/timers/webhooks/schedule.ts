/** When a webhook is sent again. */

import type { SendFailure } from './failure';
import { readSchedule, type Schedule, type WebhookOptions } from './options';

/** Beyond a `Retry-After`, so that those who were refused together do not come back together. */
const SPREAD = 0.1;

/**
 * In how many milliseconds to send again after attempt `attempt` (from 1 on), `undefined`: not at all, for it would
 * fail again or `maxAttempts` were made. The wait is `base · factor^(attempt - 1)`, at most `cap`, less up to its
 * share `jitter`; when the receiver asked to wait longer, that and up to a tenth more, at most `cap`. `random`: from
 * 0, below 1.
 *
 * @example
 * ```ts
 * const waitMs = retryInMs(1, result, { base: '1s', jitter: 0 }); // 1000
 * ```
 */
export function retryInMs(
  attempt: number,
  result: SendFailure,
  options: WebhookOptions,
  random: () => number = Math.random,
): number | undefined {
  return nextWaitMs(attempt, result, readSchedule(options), random());
}

function nextWaitMs(
  attempt: number,
  { isPermanent, isGone, retryAfterMs = 0 }: SendFailure,
  { maxAttempts, baseMs, factor, capMs, jitter }: Schedule,
  random: number,
): number | undefined {
  if (isPermanent || isGone || attempt >= maxAttempts) return undefined;
  const ownMs = Math.min(capMs, baseMs * factor ** Math.max(0, attempt - 1)) * (1 - jitter * random);
  const askedMs = retryAfterMs * (1 + SPREAD * jitter * random);
  return Math.ceil(Math.min(capMs, Math.max(ownMs, askedMs)));
}
