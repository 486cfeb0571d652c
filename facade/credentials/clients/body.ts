import { ProviderError } from '../errors';

/**
 * The body of a response as JSON. Rejects with a `ProviderError` that quotes nothing of it, for a server may
 * repeat what it was sent; with the reason of `signal` when that ended it.
 */
export async function jsonOf(
  response: Response,
  provider: string,
  path: string,
  signal?: AbortSignal,
): Promise<unknown> {
  try {
    return JSON.parse(await response.text());
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unexpected(response, provider, path, 'JSON');
  }
}

/** The elements of an array that are objects. Throws a `ProviderError` when it is no array. */
export function listOf(
  value: unknown,
  response: Response,
  provider: string,
  path: string,
): Array<Record<string, unknown>> {
  if (Array.isArray(value)) return objectsOf(value);
  throw unexpected(response, provider, path, 'a list');
}

/** The elements of an array that are objects; empty for anything else. */
export function objectsOf(value: unknown): Array<Record<string, unknown>> {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}

/** Without the host and the query, in which people put tokens. */
export function shownPath(path: string): string {
  return path.replace(/[?#].*$/s, '').replace(/^https?:\/\/[^/]*/i, '');
}

export function unexpected(
  { status }: Response,
  provider: string,
  path: string,
  expected: string,
): ProviderError {
  const message = `GET ${shownPath(path)} was answered with ${status} and a body that is not ${expected}`;
  return new ProviderError(message, provider, status);
}
