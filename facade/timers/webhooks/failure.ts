/**
 * What went wrong, in our own words: messages of servers, resolvers and TLS may quote addresses and secrets, and
 * end in the store, in events and in logs. Of an error only its code is told.
 */
import type { SendResult } from '../outgoing';

export type SendFailure = SendResult & { ok: false };

/** The host resolves to an address that nothing is sent to. */
export class RefusedAddressError extends Error {
  readonly code = 'REFUSED_ADDRESS';

  constructor() {
    super('The host resolves to an address that is not allowed');
  }
}

export function failure(error: string, more: Partial<Omit<SendFailure, 'ok' | 'error'>> = {}): SendFailure {
  return { ok: false, error, isPermanent: false, isGone: false, ...more };
}

/** It would fail again however often it was sent. */
export function permanent(error: string): SendFailure {
  return failure(error, { isPermanent: true });
}

const CERTIFICATE =
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/;
const RESOLVER = /^(?:EAI_[A-Z]+|ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|EFORMERR|EBADNAME|ENOTIMP)$/;
const UNREACHABLE =
  /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|EHOSTDOWN|ENETDOWN|EACCES|EPERM)$/;

/** Of an error while the request was made. */
export function failureOf(error: unknown): SendFailure {
  if (error instanceof RefusedAddressError) {
    return failure('the host resolves to a private or reserved address, which is not allowed');
  }
  const code = codeOf(error);
  if (code === undefined) return failure('the connection failed');
  if (CERTIFICATE.test(code)) return failure(`the certificate of the host was refused (${code})`);
  if (RESOLVER.test(code)) return failure(`the name of the host could not be resolved (${code})`);
  if (UNREACHABLE.test(code)) return failure(`the host could not be reached (${code})`);
  if (code === 'ECONNRESET' || code === 'EPIPE') return failure(`the host closed the connection (${code})`);
  if (code.startsWith('HPE_')) return failure(`the answer is not HTTP (${code})`);
  return failure(`the connection failed (${code})`);
}

/** The code of an error or of the first one that it holds: several addresses fail together. */
function codeOf(error: unknown): string | undefined {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown };
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,49}$/.test(code)) return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : undefined;
}
