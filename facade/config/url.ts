import { TokenBudgetError } from '../errors';
import { shortened } from '../text';
import { invalid } from '../validate';

/** What an address says; what it leaves out is `undefined`. */
export interface UrlParts {
  host: string | undefined;
  port: number | undefined;
  username: string | undefined;
  password: string | undefined;
  db: number | undefined;
  tls: boolean | undefined;
}

const NOTHING: UrlParts = {
  host: undefined,
  port: undefined,
  username: undefined,
  password: undefined,
  db: undefined,
  tls: undefined,
};

/** `redis://` and `rediss://`. The address itself never gets into a message: it may hold a password. */
export function readUrl(value: unknown, at: string): UrlParts {
  if (value === undefined) return NOTHING;
  if (typeof value !== 'string') throw invalid(at, 'a string', value);
  const url = parse(value, at);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw refused(at, `redis:// or rediss://, got ${shortened(url.protocol)}//`);
  }
  return {
    host: part(url.hostname.replace(/^\[(.*)\]$/, '$1'), at),
    port: url.port === '' ? undefined : readPort(url.port, at),
    username: part(url.username, at),
    password: part(url.password, at),
    db: readDb(url.pathname, at),
    tls: url.protocol === 'rediss:',
  };
}

function parse(text: string, at: string): URL {
  try {
    return new URL(text);
  } catch {
    throw refused(at, 'redis://user:password@host:port/db, got something else');
  }
}

function part(text: string, at: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(at, 'percent-encoded UTF-8, got something else');
  }
}

function readPort(text: string, at: string): number {
  const port = Number(text);
  if (port >= 1) return port;
  throw refused(at, 'a port from 1 to 65535, got 0');
}

function readDb(path: string, at: string): number | undefined {
  if (path === '' || path === '/') return undefined;
  const digits = /^\/(\d{1,9})$/.exec(path)?.[1];
  if (digits === undefined) throw refused(at, 'a path that is the number of a database, got something else');
  return Number(digits);
}

function refused(at: string, expected: string): TokenBudgetError {
  return new TokenBudgetError('INVALID_ARGUMENT', `${at}: expected ${expected}`, { field: at });
}
