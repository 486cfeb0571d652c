import { inspect } from 'node:util';
import { readAnswer } from '../providers/answer';
import { ProviderError } from './errors';

/** What is shorter is a word that any text may hold, and no secret. */
const TOKEN_MIN_LENGTH = 8;

/**
 * The error itself, unless it shows one of the tokens anywhere: in its message, its properties or its causes. Then
 * an error that says no more than its status.
 */
export function withoutToken(error: unknown, tokens: Iterable<string>, provider: string): unknown {
  const secrets = [...tokens].filter(token => token.length >= TOKEN_MIN_LENGTH);
  if (secrets.length === 0 || !shows(error, secrets)) return error;
  return new ProviderError(
    `The request to ${provider} failed; its error held the token and is left out`,
    provider,
    readAnswer(error).status,
  );
}

function shows(error: unknown, tokens: readonly string[]): boolean {
  try {
    const text = inspect(error, {
      depth: 10,
      showHidden: true,
      customInspect: false,
      maxArrayLength: 1000,
      maxStringLength: null,
      // One word per line would cut nothing, but a long token must not be broken either.
      breakLength: Number.POSITIVE_INFINITY,
    });
    return tokens.some(token => text.includes(token));
  } catch {
    return true;
  }
}
