/**
 * Whether `text` has at most `limit` bytes of UTF-8; a lone surrogate counts three. Most strings
 * are so short that nothing needs to be counted.
 */
export function fitsInBytes(text: string, limit: number): boolean {
  const { length } = text;
  if (length * 3 <= limit) return true;
  if (length > limit) return false;
  return Buffer.byteLength(text, 'utf8') <= limit;
}

// In every Node.js since 20, but not in the library TypeScript compiles against.
const { isWellFormed } = String.prototype as unknown as { isWellFormed(this: string): boolean };

export function hasLoneSurrogate(text: string): boolean {
  return !isWellFormed.call(text);
}

/**
 * JSON in which no string holds a lone surrogate, which other languages refuse to read: each
 * becomes U+FFFD. `JSON.stringify` writes them, and only them, as `\ud...`.
 */
export function withoutLoneSurrogates(json: string): string {
  if (!json.includes('\\ud')) return json;
  return json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|[\s\S])/g, (found, lone: string | undefined) =>
    lone === undefined ? found : '\\ufffd',
  );
}

const QUOTED_MAX_LENGTH = 100;

/** A name that came from outside, for a message. */
export function shortened(text: string): string {
  return text.length > QUOTED_MAX_LENGTH ? `${text.slice(0, QUOTED_MAX_LENGTH)}...` : text;
}

/** What came, for a message: short, and never the inside of an object. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
    case 'bigint':
      return value.toString().length > 40 ? 'a bigint' : `${value}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object':
      return value === null ? 'null' : isArray(value) ? 'an array' : 'an object';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      return String(value);
  }
}

/** `Array.isArray` throws on a revoked proxy. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
