import { AuthError, ProviderError } from './errors';
import type { Sender } from './fetch';
import type { Credential } from './options';
import type { Pool } from './pool';
import type { PoolView } from './pool-backend';
import { DEFAULT_RESOURCE, profileOf } from './profiles';
import { readLimits } from './read-limits';
import { judge } from './signals';

/** What is left of one quota; `null` where the provider does not say. */
export interface RateLimitInfo {
  limit: number | null;
  remaining: number | null;
  used: number | null;
  /** When the quota is whole again. */
  resetTime: Date | null;
}

/** What is left of a token. The fields of its own are those of `core`. */
export interface TokenRateLimit extends RateLimitInfo {
  provider: string;
  account: string;
  fingerprint: string;
  /** Each quota by its name; GitHub tells all of them. */
  resources: Record<string, RateLimitInfo>;
  /** Bitbucket, which does not tell what is left, says at least whether it is little. */
  nearLimit?: boolean;
  /** `known`: the provider was not asked. It does not answer such a question, or must not be asked now. */
  source: 'provider' | 'known';
  error?: Error;
}

const NOTHING: RateLimitInfo = { limit: null, remaining: null, used: null, resetTime: null };
/** Asking for many tokens at once is what secondary limits are for. */
const AT_ONCE = 4;

/** What is left of every token of a pool, in the order they were given. Errors are told per token. */
export async function checkLimits(
  pool: Pool,
  sender: Sender,
  signal?: AbortSignal,
): Promise<TokenRateLimit[]> {
  const views = new Map((await pool.view()).map(view => [view.fingerprint, view]));
  const credentials = pool.all();
  const found: TokenRateLimit[] = [];
  for (let from = 0; from < credentials.length; from += AT_ONCE) {
    const batch = credentials.slice(from, from + AT_ONCE);
    found.push(
      ...(await Promise.all(
        batch.map(credential =>
          limitsOf(pool, sender, credential, views.get(credential.fingerprint), signal),
        ),
      )),
    );
  }
  return found;
}

/** Of one token. Never rejects, unless `signal` was aborted. */
export async function limitsOf(
  pool: Pool,
  sender: Sender,
  credential: Credential,
  view: PoolView | undefined,
  signal?: AbortSignal,
): Promise<TokenRateLimit> {
  const { provider, account, fingerprint } = credential;
  const owner = { provider, account, fingerprint };
  if (view?.isValid === false) {
    const error = new AuthError(`${provider} does not accept this token`, provider);
    return { ...owner, ...NOTHING, resources: {}, source: 'known', error };
  }
  try {
    const nowMs = await pool.now();
    pool.closing.throwIfClosed();
    if (!mayAsk(provider, view, nowMs)) return { ...owner, ...known(view, nowMs), source: 'known' };
    return { ...owner, ...(await ask(pool, sender, credential, signal)), source: 'provider' };
  } catch (error) {
    if (signal?.aborted || pool.closing.isClosed) throw error;
    return { ...owner, ...NOTHING, resources: {}, source: 'provider', error: asError(error, provider) };
  }
}

/** Nobody is asked with a token that rests or, where the question costs a request, that has none left. */
function mayAsk(provider: string, view: PoolView | undefined, nowMs: number): boolean {
  const { limitsPath, isLimitsFree } = profileOf(provider);
  if (limitsPath === undefined) return false;
  const core = view?.resources.find(({ resource }) => resource === DEFAULT_RESOURCE);
  if (core === undefined) return true;
  const isSpent = core.resetsAtMs > nowMs && core.left === 0;
  return core.pausedUntilMs <= nowMs && (isLimitsFree || !isSpent);
}

function known(view: PoolView | undefined, nowMs: number) {
  const resources: Record<string, RateLimitInfo> = {};
  for (const { resource, limit, left, resetsAtMs, pausedUntilMs } of view?.resources ?? []) {
    const isKnown = resetsAtMs > nowMs;
    const rests = pausedUntilMs > nowMs;
    const whole = limit > 0 ? limit : null;
    const remaining = isKnown ? left : rests ? 0 : null;
    resources[resource] = {
      limit: whole,
      remaining,
      used: whole === null || remaining === null ? null : Math.max(0, whole - remaining),
      resetTime: isKnown || rests ? new Date(Math.max(isKnown ? resetsAtMs : 0, pausedUntilMs)) : null,
    };
  }
  return { ...(resources[DEFAULT_RESOURCE] ?? NOTHING), resources };
}

async function ask(
  pool: Pool,
  sender: Sender,
  { provider, fingerprint, secret }: Credential,
  signal?: AbortSignal,
) {
  const { limitsPath = '' } = profileOf(provider);
  const url = new URL(limitsPath, sender.baseUrl(provider, 'provider'));
  const sentAtMs = await pool.now();
  const response = await sender.sendOn(provider, url, secret.reveal(), signal);
  const nowMs = await pool.now();
  const from = {
    provider,
    resource: DEFAULT_RESOURCE,
    longestPauseMs: pool.longestPauseMs,
    now: () => nowMs,
  };
  const { verdict, answered } = await judge(response, from);
  if (verdict !== 'served' || !response.ok) {
    if (verdict !== 'served') await pool.report(fingerprint, DEFAULT_RESOURCE, 0, answered);
    void response.body?.cancel().catch(() => {});
    const message = `GET ${url.pathname} was answered with ${response.status}`;
    throw verdict === 'unauthorized'
      ? new AuthError(`${provider} does not accept this token`, provider)
      : new ProviderError(message, provider, response.status);
  }
  const limits = await readLimits(response, provider, nowMs);
  for (const [resource, { limit, remaining, resetInMs }] of limits.readings) {
    const ageMs = Math.max(0, Math.ceil((await pool.now()) - sentAtMs));
    const reading = { remaining, resetInMs, ageMs, ...(limit === null ? {} : { limit }) };
    await pool.report(fingerprint, resource, 0, { kind: 'served', reading });
  }
  const { core, resources, nearLimit } = limits;
  return { ...core, resources, ...(nearLimit === undefined ? {} : { nearLimit }) };
}

function asError(error: unknown, provider: string): Error {
  return error instanceof Error ? error : new ProviderError('The request failed', provider);
}

/**
 * Lines as they are printed for people:
 *
 * ```text
 * Token 1: 4999/5000 remaining
 *          Resets at: 2026-01-14T13:00:00.000Z
 * Token 2: Error - github does not accept this token
 * ```
 */
export function formatRateLimits(limits: readonly TokenRateLimit[]): string[] {
  return limits.flatMap(({ limit, remaining, resetTime, nearLimit, error }, index) => {
    const name = `Token ${index + 1}: `;
    if (error !== undefined) return [`${name}Error - ${error.message}`];
    const little = remaining === null && nearLimit === true ? ' (little is left)' : '';
    return [
      `${name}${remaining ?? 'unknown'}/${limit ?? 'unknown'} remaining${little}`,
      `${' '.repeat(name.length)}Resets at: ${resetTime?.toISOString() ?? 'unknown'}`,
    ];
  });
}
