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
  const words = tokens.flatMap(token => [token, JSON.stringify(token).slice(1, -1), ...asBase64(token)]);
  try {
    // Headers show themselves by a function of their own only, other things only without it.
    return [true, false].some(customInspect => {
      const text = inspect(error, {
        depth: 10,
        showHidden: true,
        getters: true,
        customInspect,
        maxArrayLength: 1000,
        maxStringLength: null,
        // One word per line would cut nothing, but a long token must not be broken either.
        breakLength: Number.POSITIVE_INFINITY,
      });
      return words.some(word => text.includes(word));
    });
  } catch {
    return true;
  }
}

/** As it stands in base64, whatever stands before it: without the ends, which depend on what is beside them. */
function asBase64(token: string): string[] {
  return ['', ' ', '  '].map(before =>
    Buffer.from(before + token)
      .toString('base64')
      .slice(4, -4),
  );
}
