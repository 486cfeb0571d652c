import { isAborted, reasonOf } from '../abort';
import { AuthError, ProviderError } from './errors';
import { isAnswerAt, isEvidence } from './evidence';
import type { Pool } from './pool';
import type { Exhausted } from './pool-backend';
import { withoutToken } from './scrub';
import { isResponse, type Judgement, SERVED } from './signals';
import { within } from './surroundings';
import { TakenToken } from './taken';
import { wait } from './wait';

export interface RotationOptions {
  /** The quota that is asked for, such as `search`. Default `core`. */
  resource?: string;
  signal?: AbortSignal;
  /** Whether to wait for the earliest reset when every token is limited. Default: as the manager does. */
  waitForReset?: boolean;
}

/** What a function gets beside the token. */
export interface RotationContext {
  provider: string;
  resource: string;
  account: string;
  fingerprint: string;
  /** How often the function was called before. */
  attempt: number;
  signal: AbortSignal | undefined;
  /** For a result that is no response: where its headers, or the response, are handed over to learn from. */
  observe(answer: unknown): void;
}

interface Plan {
  resource: string;
  signal: AbortSignal | undefined;
  waitForReset: boolean;
}

/** What a function came to. */
interface Attempt<T> {
  judgement: Judgement;
  value?: T;
  error?: unknown;
  failed: boolean;
}

/**
 * Nobody sleeps longer than this without asking the store again: another process may have learned that a
 * token is usable, and after a suspended machine wakes up a long timer is late by as long as it slept.
 */
const LOOK_AGAIN_MS = 30_000;

/**
 * Runs `fn` with one token after the other, until one is not refused. Each is tried once between two resets. What
 * it threw on the last of them is the cause of the error that none is left.
 */
export async function rotate<T>(
  pool: Pool,
  plan: Plan,
  fn: (token: string, context: RotationContext) => Promise<T> | T,
  hooks: { isUnsent?: (error: unknown) => boolean } = {},
): Promise<T> {
  const tried: string[] = [];
  const tokens = new Set<string>();
  let last: { cause: unknown } | undefined;
  for (let attempt = 0; ; attempt++) {
    const taken = await next(pool, plan, tried, last);
    tokens.add(taken.credential.secret.reveal());
    const outcome = await run(taken, plan, attempt, fn);
    if (outcome.failed && hooks.isUnsent?.(outcome.error)) {
      await taken.cancel();
      throw outcome.error;
    }
    if (outcome.failed) outcome.error = withoutToken(outcome.error, tokens, pool.provider);
    // The work is done, whether or not the store hears of it: what it does not hear of ends with `requestTTL`.
    await taken.conclude(outcome.judgement).catch(() => {});
    if (outcome.judgement.verdict === 'served') {
      if (outcome.failed) throw outcome.error;
      return outcome.value as T;
    }
    if (outcome.failed) last = { cause: outcome.error };
    else discard(outcome.value);
    tried.push(taken.credential.fingerprint);
  }
}

/** The next token that was not tried; waits for it if that is wanted, and then all may be tried again. */
async function next(
  pool: Pool,
  plan: Plan,
  tried: string[],
  last: { cause: unknown } | undefined,
): Promise<TakenToken> {
  for (;;) {
    const picked = await pool.pick(plan.resource, tried, plan.signal);
    if (picked instanceof TakenToken) return picked;
    const canWait = plan.waitForReset && picked.resetsAtMs > 0;
    if (!canWait) throw pool.exhaustedError(picked, last);
    await untilReset(pool, picked, plan.signal);
    tried.length = 0;
  }
}

/** Also when the reset is over already, a moment passes: nothing turns in circles. */
async function untilReset(pool: Pool, { resetsAtMs }: Exhausted, signal?: AbortSignal): Promise<void> {
  const leftMs = resetsAtMs - (await pool.now());
  await pool.closing.during(signal, either => wait(Math.min(Math.max(leftMs, 10), LOOK_AGAIN_MS), either));
}

async function run<T>(
  taken: TakenToken,
  plan: Plan,
  attempt: number,
  fn: (token: string, context: RotationContext) => Promise<T> | T,
): Promise<Attempt<T>> {
  const { closing } = taken.pool;
  if (isAborted(plan.signal) || closing.isClosed) {
    await taken.cancel().catch(() => {});
    closing.throwIfClosed();
    throw reasonOf(plan.signal as AbortSignal);
  }
  const { resource, credential } = taken;
  const { provider, account, fingerprint } = credential;
  const seen: { answer?: unknown } = {};
  const context: RotationContext = {
    ...{ provider, resource, account, fingerprint, attempt, signal: plan.signal },
    observe(answer) {
      seen.answer = answer;
    },
  };
  let value: T;
  try {
    const token = credential.secret.reveal();
    value = await within(token, context.observe, async () => fn(token, context));
  } catch (error) {
    return { failed: true, error, judgement: await afterFailure(taken, error, seen.answer) };
  }
  const answer = seen.answer ?? (isResponse(value) ? value : undefined);
  return { failed: false, value, judgement: await judged(taken, answer) };
}

/**
 * An answer that was seen on this very token tells more than any error. But a client that knows its token to be
 * spent throws before it asks: then only our own error tells of the limit. With neither, the error has to be an
 * answer of the provider.
 */
async function afterFailure(taken: TakenToken, error: unknown, answer: unknown): Promise<Judgement> {
  const isOurs = isA(error, ProviderError);
  if (answer === undefined) {
    return isOurs || isEvidence(error, taken.pool) ? judged(taken, error) : SERVED;
  }
  const shown = await judged(taken, answer);
  // What our clients throw for a token they do not accept is about the very answer that was seen.
  if (isA(error, AuthError)) return shown;
  if (!isOurs && !isAnswerAt(error, taken.pool.baseUrl)) return shown;
  const judgement = await judged(taken, error);
  return judgement.verdict === 'served' || judgement.verdict === shown.verdict ? shown : judgement;
}

/** What is thrown may be anything, a proxy that throws included. */
function isA(error: unknown, kind: typeof ProviderError): boolean {
  try {
    return error instanceof kind;
  } catch {
    return false;
  }
}

/** Lets go of the connection of a response that nobody will read. */
export function discard(value: unknown): void {
  if (!isResponse(value)) return;
  try {
    void value.body?.cancel().catch(() => {});
  } catch {
    // What is no stream holds no connection.
  }
}

/** A store that does not tell the time keeps nobody from an answer that is there. */
async function judged(taken: TakenToken, answer: unknown): Promise<Judgement> {
  try {
    return await taken.judge(answer);
  } catch {
    return SERVED;
  }
}
