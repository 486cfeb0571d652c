import { readAnswer } from '../providers/answer';
import { ProviderError } from './errors';
import { shownTexts } from './shown-text';

/** What is shorter is a word that any text may hold, and no secret. */
const TOKEN_MIN_LENGTH = 8;

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
  const words = tokens.flatMap(token => [token, JSON.stringify(token).slice(1, -1)]);
  const base64 = tokens.flatMap(asBase64);
  const decimals = tokens.map(asDecimals);
  const hex = tokens.map(token => Buffer.from(token).toString('hex'));
  try {
    for (const text of shownTexts(error)) {
      if (words.some(word => text.includes(word)) || holdsEscaped(text, tokens)) return true;
      // Lines of base64, and bytes as they are inspected.
      const compact = text.replace(/\s+/g, '');
      if (base64.some(word => compact.includes(word)) || holdsEscaped(compact, base64)) return true;
      if (decimals.some(word => compact.includes(word))) return true;
      const lowered = compact.toLowerCase();
      if (hex.some(word => lowered.includes(word))) return true;
    }
    return false;
  } catch {
    return true;
  }
}

function holdsEscaped(text: string, words: readonly string[]): boolean {
  return /[%\\]/.test(text) && words.some(word => knownForm(word).test(text));
}

/** Compiling one takes longer than searching a short error with it; a token has seven. */
const FORMS_MAX = 700;
const forms = new Map<string, RegExp>();

function knownForm(word: string): RegExp {
  const known = forms.get(word);
  if (known !== undefined) return known;
  if (forms.size >= FORMS_MAX) forms.clear();
  const form = escapedForm(word);
  forms.set(word, form);
  return form;
}

/**
 * Finds it though any of its characters are escaped: `%3D` of addresses, also more than once (`%253D`), `\u003d` and
 * `\/` of JSON. Inspected text has each backslash twice.
 */
function escapedForm(text: string): RegExp {
  return new RegExp(Array.from(text, escapedCharacter).join(''));
}

function escapedCharacter(character: string): string {
  const literal = character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
  const codes = Array.from(Buffer.from(character), byte => {
    const digits = byte.toString(16).padStart(2, '0');
    return digits.replace(/[a-f]/g, digit => `[${digit}${digit.toUpperCase()}]`);
  });
  const ways = [literal, codes.map(code => `%(?:25)*${code}`).join('')];
  if (codes.length === 1) ways.push(`\\\\{1,4}(?:u00|x)${codes[0]}`);
  if (/[/"'`]/.test(character)) ways.push(`\\\\{1,4}${literal}`);
  if (character === '\\') ways.push('\\\\{2,8}');
  return `(?:${ways.join('|')})`;
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
