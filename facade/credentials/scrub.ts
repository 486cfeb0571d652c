import { inspect } from 'node:util';
import { ProviderError } from './errors';

/** What is shorter is a word that any text may hold, and no secret. */
const TOKEN_MIN_LENGTH = 8;

/**
 * The error itself, unless it shows the token anywhere: in its message, its properties or its causes. Then an
 * error that says no more than what kind it was.
 */
export function withoutToken(error: unknown, token: string, provider: string): unknown {
  if (token.length < TOKEN_MIN_LENGTH || !shows(error, token)) return error;
  return new ProviderError(
    `The request to ${provider} failed; its error held the token and is left out`,
    provider,
  );
}

function shows(error: unknown, token: string): boolean {
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
    return text.includes(token);
  } catch {
    return true;
  }
}
