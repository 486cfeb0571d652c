import type { ScryptOptions } from 'node:crypto';
import { crypto } from '../crypto';
import { TokenBudgetError } from '../errors';
import { type Credential, credentialOf } from './options';

/** 2^15 blocks of 8 * 128 bytes: 32 MiB and about a tenth of a second for each guess. */
const SCRYPT: ScryptOptions = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 16;
/** So many keys of one passphrase are remembered; each writer has its salt, and takes one that is there. */
const KEYS_MAX = 100;

export interface Kept {
  fingerprint: string;
  account: string;
  sealed: string;
}

/**
 * Encrypts tokens for the store, with AES-256-GCM: `v1.<salt>.<iv>.<ciphertext and tag>`, base64url each; the
 * salt is empty unless the key is a passphrase. Provider, fingerprint and account are authenticated with it, so
 * that no entry passes for another.
 */
export class Sealer {
  readonly #key: Buffer | undefined;
  readonly #passphrase: string | undefined;
  readonly #keys = new Map<string, Promise<Buffer>>();
  #salt: string | undefined;

  constructor(given: string | Uint8Array) {
    this.#key = keyOf(given);
    if (this.#key === undefined) this.#passphrase = given as string;
  }

  async seal({ secret, provider, fingerprint, account, weight }: Credential): Promise<string> {
    const salt = this.#key === undefined ? this.#ownSalt() : '';
    const iv = crypto().randomBytes(IV_BYTES);
    const cipher = crypto().createCipheriv('aes-256-gcm', await this.#keyFor(salt), iv);
    cipher.setAAD(boundTo(provider, fingerprint, account));
    const text = JSON.stringify({ token: secret.reveal(), weight });
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return ['v1', salt, iv.toString('base64url'), sealed.toString('base64url')].join('.');
  }

  /** Rejects with `INVALID_CONFIG` at `encryptionKey` when it was sealed with another key. */
  async open(provider: string, { fingerprint, account, sealed }: Kept): Promise<Credential> {
    const [version, salt = '', iv = '', rest = ''] = sealed.split('.');
    const bytes = Buffer.from(rest, 'base64url');
    const isOurs =
      version === 'v1' && (salt === '') === (this.#key !== undefined) && bytes.length > TAG_BYTES;
    if (!isOurs) throw wrongKey(provider);
    const key = await this.#keyFor(salt);
    let text: string;
    try {
      const decipher = crypto().createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'));
      decipher.setAAD(boundTo(provider, fingerprint, account));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      text = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString(
        'utf8',
      );
    } catch {
      // The cause would say no more.
      throw wrongKey(provider);
    }
    const { token, weight } = JSON.parse(text) as { token: string; weight: number };
    this.#salt ??= salt;
    return credentialOf(token, provider, account, weight);
  }

  #ownSalt(): string {
    this.#salt ??= crypto().randomBytes(SALT_BYTES).toString('base64url');
    return this.#salt;
  }

  #keyFor(salt: string): Promise<Buffer> {
    if (this.#key !== undefined) return Promise.resolve(this.#key);
    const known = this.#keys.get(salt);
    if (known !== undefined) return known;
    const derived = derive(this.#passphrase as string, Buffer.from(salt, 'base64url'));
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    this.#keys.set(salt, derived);
    return derived;
  }
}

function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    crypto().scrypt(passphrase.normalize('NFKC'), salt, KEY_BYTES, SCRYPT, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** Bytes, hex or base64 of exactly 32 bytes; anything else is a passphrase. */
function keyOf(given: string | Uint8Array): Buffer | undefined {
  if (typeof given !== 'string') return Buffer.from(given);
  if (/^[0-9a-f]{64}$/i.test(given)) return Buffer.from(given, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(given) ? Buffer.from(given, 'base64') : undefined;
}

function boundTo(provider: string, fingerprint: string, account: string): Buffer {
  return Buffer.from(JSON.stringify(['token-budget', provider, fingerprint, account]), 'utf8');
}

function wrongKey(provider: string): TokenBudgetError {
  const message = `encryptionKey: expected the key that the tokens of ${provider} were kept with, got another one`;
  return new TokenBudgetError('INVALID_CONFIG', message, { field: 'encryptionKey' });
}
