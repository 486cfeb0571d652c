import { inspect } from 'node:util';
import { crypto } from '../crypto';

const SHOWN = '[secret]';

/**
 * Holds a token so that nothing prints it: not `console.log`, not JSON, not a template string, not
 * `structuredClone`. Only {@link Secret.reveal} gives it away.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

/**
 * What stands for a token in the store, in views and in messages: the first 16 bytes, as hex, of the
 * SHA-256 of `token-budget:<provider>:<token>`. Tokens of providers are random and long, so that nobody
 * finds a token by its fingerprint.
 */
export function fingerprintOf(provider: string, token: string): string {
  return crypto()
    .createHash('sha256')
    .update(`token-budget:${provider}:${token}`, 'utf8')
    .digest('hex')
    .slice(0, 32);
}
