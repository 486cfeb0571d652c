import * as check from '../validate';
import type { DaemonSession } from './types';

/** Tokens of a session, as far as they are known; all of them are counted in `total`. */
export interface Used {
  total: number;
  prompt: number;
  completion: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
}

export const NOTHING: Readonly<Used> = {
  ...{ total: 0, prompt: 0, completion: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
};
const ENDED: ReadonlySet<unknown> = new Set(['completed', 'failed', 'terminated']);
const REQUEST_ID_MAX = 1024;

/**
 * The session of an event. Daemons give it as it is, with other arguments after it, or, when it failed, as
 * `{ session, error }`.
 */
export function sessionOf(payload: unknown): DaemonSession {
  const outer = check.object(payload, 'session') as { session?: unknown; id?: unknown };
  const session = outer.id === undefined && outer.session !== undefined ? outer.session : outer;
  const { id, orchestratorId } = check.object(session, 'session') as Partial<DaemonSession>;
  check.text(id, 'session.id', 1024, 'well-formed');
  check.orchestrator(orchestratorId, 'session.orchestratorId');
  return session as DaemonSession;
}

export function hasEnded(session: DaemonSession): boolean {
  return ENDED.has(session.status);
}

/** As it is now: a daemon goes on counting in the same object. Throws `INVALID_ARGUMENT`, naming the field. */
export function usedBy({ metrics }: DaemonSession): Used {
  if (metrics === undefined || metrics === null) return NOTHING;
  const source = check.object(metrics, 'session.metrics') as Record<string, unknown>;
  const count = (name: string) => {
    const value = source[name];
    return value === undefined || value === null ? undefined : check.count(value, `session.metrics.${name}`);
  };
  const prompt = count('promptTokens') ?? 0;
  const completion = count('completionTokens') ?? 0;
  return {
    total: count('tokensUsed') ?? check.count(prompt + completion, 'session.metrics'),
    prompt,
    completion,
    cacheRead: count('cacheReadTokens') ?? 0,
    cacheWrite: count('cacheWriteTokens') ?? 0,
    reasoning: count('reasoningTokens') ?? 0,
  };
}

/** What came after `before`. */
export function since(before: Readonly<Used>, now: Readonly<Used>): Used {
  const more = (name: keyof Used) => Math.max(0, now[name] - before[name]);
  return {
    total: more('total'),
    prompt: more('prompt'),
    completion: more('completion'),
    cacheRead: more('cacheRead'),
    cacheWrite: more('cacheWrite'),
    reasoning: more('reasoning'),
  };
}

/**
 * The same for everybody who reports the same usage of the same session, so that it counts once. Ids alone may begin
 * anew when a daemon does; then the usage has no name.
 */
export function requestIdOf({ id, startedAt }: DaemonSession, total: number): string | undefined {
  const beganMs = startedAt instanceof Date ? startedAt.getTime() : Number.NaN;
  if (Number.isNaN(beganMs)) return undefined;
  const name = `${id}@${beganMs}#${total}`;
  return Buffer.byteLength(name) <= REQUEST_ID_MAX ? name : undefined;
}
