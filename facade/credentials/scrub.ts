import { readAnswer } from '../providers/answer';
import { ProviderError } from './errors';
import { shownTexts } from './shown-text';

/** What is shorter is a word that any text may hold, and no secret. */
const TOKEN_MIN_LENGTH = 8;
/** An address within an address is encoded twice. */
const ENCODINGS_MAX = 3;

/**
 * The error itself, unless it shows one of the tokens anywhere: in its message, its properties or its causes, as it
 * is or encoded. Then an error that says no more than its status.
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
  const words = tokens.flatMap(wordsOf);
  const compactWords = tokens.flatMap(token => [...asBase64(token), asDecimals(token)]);
  const hexWords = tokens.map(token => Buffer.from(token).toString('hex'));
  try {
    for (const shown of shownTexts(error)) {
      for (const text of decodings(shown)) {
        if (words.some(word => text.includes(word))) return true;
        // Lines of base64, and bytes as they are inspected.
        const compact = text.replace(/\s+/g, '');
        if (compactWords.some(word => compact.includes(word))) return true;
        const lowered = compact.toLowerCase();
        if (hexWords.some(word => lowered.includes(word))) return true;
      }
    }
    return false;
  } catch {
    return true;
  }
}

/** As it is, in JSON, and byte by byte, which is how `unescaped` leaves what is not ASCII. */
function wordsOf(token: string): string[] {
  return [token, JSON.stringify(token).slice(1, -1), Buffer.from(token).toString('latin1')];
}

/** The text, and what it is without one escaping after the other, however much of it was escaped. */
function* decodings(text: string): Iterable<string> {
  yield text;
  let current = text;
  for (let count = 0; count < ENCODINGS_MAX; count += 1) {
    const plain = unescaped(current);
    if (plain === current) return;
    yield plain;
    current = plain;
  }
}

/** `%3D` of addresses, `\u003d` and `\/` of JSON; inspected text has each backslash twice. */
function unescaped(text: string): string {
  return text
    .replace(/\\+/g, '\\')
    .replace(/(?:%|\\u00|\\x)([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    .replaceAll('\\/', '/');
}

/** As it stands in base64, whatever stands before it: without the ends, which depend on what is beside them. */
function asBase64(token: string): string[] {
  return ['', ' ', '  '].flatMap(before => {
    const bytes = Buffer.from(before + token);
    // Without the padding, which base64url has none of.
    const length = Math.ceil(bytes.length / 3) * 4;
    return (['base64', 'base64url'] as const).map(encoding => bytes.toString(encoding).slice(4, length - 4));
  });
}

/** As lists of bytes are inspected, and written to JSON. */
function asDecimals(token: string): string {
  return Buffer.from(token).join(',');
}
