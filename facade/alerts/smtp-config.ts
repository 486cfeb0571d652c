/** Reads servers of mail. */
import { crypto } from '../crypto';
import { TokenBudgetError } from '../errors';
import type { AddressRules } from '../timers/webhooks/addresses';
import * as check from '../validate';
import { optionalOf, readLine, refused } from './fields';
import type { SmtpConfig } from './types';

export interface Smtp {
  host: string;
  port: number;
  secure: boolean;
  auth: { user: string; pass: string } | undefined;
  requireTls: boolean;
  ca: readonly string[];
  rejectUnauthorized: boolean;
  servername: string | undefined;
}

const SMTP_NAMES: ReadonlySet<string> = new Set<keyof SmtpConfig>([
  ...(['host', 'port', 'secure', 'auth', 'requireTls', 'ca', 'rejectUnauthorized', 'servername'] as const),
]);
const AUTH_NAMES: ReadonlySet<string> = new Set(['user', 'pass']);
const PASSWORD_MAX_BYTES = 4096;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export function readSmtp(value: unknown, at: string): Smtp {
  const source = check.object(value, at);
  check.onlyNames(source, at, SMTP_NAMES);
  const field = (key: keyof SmtpConfig) => check.own(source, key, at);
  const optional = optionalOf(source, at);
  const host = readLine(field('host'), `${at}.host`);
  if (host === '') throw check.invalid(`${at}.host`, 'the name of a host', host);
  const auth = optional('auth', readAuth);
  return {
    host,
    port: check.integer(field('port'), `${at}.port`, 1, 65_535),
    secure: check.boolean(field('secure'), `${at}.secure`),
    auth,
    requireTls: optional('requireTls', check.boolean) ?? auth !== undefined,
    ca: optional('ca', readCertificates) ?? [],
    rejectUnauthorized: optional('rejectUnauthorized', check.boolean) ?? true,
    servername: optional('servername', readLine),
  };
}

/** Said of a host that mail may not go to. */
export const REFUSED_HOST =
  'the address of the server is private or reserved: webhooks.allow or webhooks.allowPrivateAddresses allow it';

/** Throws at `<at>.host` when it is sure, before anybody resolved it, that no mail will be sent there. */
export function checkHost({ host }: Smtp, at: string, rules: AddressRules): void {
  if (!rules.refusesHost(host)) return;
  const field = `${at}.host`;
  const message = `${field}: expected a host that mail may go to; ${REFUSED_HOST}`;
  throw new TokenBudgetError('INVALID_ARGUMENT', message, { field });
}

function readAuth(value: unknown, at: string): { user: string; pass: string } {
  const source = check.object(value, at);
  check.onlyNames(source, at, AUTH_NAMES);
  const secret = (key: 'user' | 'pass') => {
    const text = check.own(source, key, at);
    if (typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= PASSWORD_MAX_BYTES) return text;
    throw refused(`${at}.${key}`, `text of 1 to ${PASSWORD_MAX_BYTES} bytes`);
  };
  return { user: secret('user'), pass: secret('pass') };
}

/** Each is read once: TLS would leave out what it cannot read, and say nothing. */
function readCertificates(value: unknown, at: string): string[] {
  const given = typeof value === 'string' ? [value] : check.elements(value, at, 100);
  return given.map(each => {
    const found = typeof each === 'string' ? each.match(PEM) : null;
    if (found === null) throw refused(at, 'certificates as PEM text');
    try {
      for (const one of found) new (crypto().X509Certificate)(one);
    } catch {
      throw refused(at, 'certificates as PEM text');
    }
    return found.join('\n');
  });
}
