import type { HeaderMap } from './headers';
import { type ListItem, readList } from './structured-fields';
import type { SignalReading } from './types';

/** Parameters are of whole seconds; no window is a hundred years long. */
const SECONDS_MAX = 3_153_600_000;

/**
 * `RateLimit: "default";r=50;t=30` with `RateLimit-Policy: "default";q=100;w=60`
 * (draft-ietf-httpapi-ratelimit-headers-10). Where `t` is not told, the policy's whole window bounds it.
 * Policies that count something other than requests are passed over, and so is a malformed field.
 */
export function readRateLimitFields(headers: HeaderMap): SignalReading[] {
  const policies = readList(headers.get('ratelimit-policy') ?? '') ?? [];
  const found: SignalReading[] = [];
  for (const item of readList(headers.get('ratelimit') ?? '') ?? []) {
    const policy = policies.find(each => each.name === item.name);
    const unit = policy?.parameters.get('qu');
    const remaining = whole(item, 'r');
    const seconds = whole(item, 't') ?? whole(policy, 'w');
    if ((unit !== undefined && unit !== 'requests') || remaining === undefined) continue;
    if (seconds === undefined || seconds > SECONDS_MAX) continue;
    const limit = whole(policy, 'q');
    const resetInMs = seconds * 1000;
    found.push(
      limit === undefined
        ? { unit: 'requests', remaining, resetInMs }
        : { unit: 'requests', limit, remaining, resetInMs },
    );
  }
  return found;
}

function whole(item: ListItem | undefined, name: string): number | undefined {
  const value = item?.parameters.get(name);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
