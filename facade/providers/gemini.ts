import { items, member, textMember } from './members';
import { durationMs } from './quantities';

const VIOLATIONS_MAX = 64;

export interface GoogleDetails {
  retryAfterMs: number | undefined;
  /** Whether a quota of a day is used up; waiting as long as for one of a minute does not help. */
  isDaily: boolean;
}

/** Whether it is one of the details that Google's interfaces add to an error. */
export function isGoogles(detail: unknown): boolean {
  return textMember(detail, '@type')?.startsWith('type.googleapis.com/google.rpc.') === true;
}

/** `RetryInfo.retryDelay`, and whether one of `QuotaFailure.violations` is of a day. */
export function readGoogleDetails(details: readonly unknown[]): GoogleDetails {
  let retryAfterMs: number | undefined;
  let isDaily = false;
  for (const detail of details) {
    if (!isGoogles(detail)) continue;
    const type = textMember(detail, '@type');
    if (type?.endsWith('.RetryInfo') === true) {
      retryAfterMs ??= durationMs(textMember(detail, 'retryDelay') ?? '');
    } else if (type?.endsWith('.QuotaFailure') === true) {
      const violations = items(member(detail, 'violations'), VIOLATIONS_MAX);
      isDaily ||= violations.some(violation => /PerDay/i.test(textMember(violation, 'quotaId') ?? ''));
    }
  }
  return { retryAfterMs, isDaily };
}
