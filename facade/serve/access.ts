/** Who may look: by the name they call us, and by the token they tell. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type DashboardSettings, isLoopback } from './options';

const COOKIE = 'token_budget_dashboard';

/**
 * `welcome`; `stranger`: called by a name that is not ours, as a page does whose name was made to point here (DNS
 * rebinding); `unknown`: no token, or a wrong one; `newcomer`: told the token in the address.
 */
export type Access = 'welcome' | 'stranger' | 'unknown' | 'newcomer';

export function accessOf(request: IncomingMessage, url: URL, settings: DashboardSettings): Access {
  const { token, allowedHosts } = settings;
  if (token === null) return isOurName(request.headers.host, allowedHosts) ? 'welcome' : 'stranger';
  const given = url.searchParams.get('token');
  if (given !== null) return same(given, token) ? 'newcomer' : 'unknown';
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (bearer !== undefined) return same(bearer, token) ? 'welcome' : 'unknown';
  return same(cookieOf(request), cookieValue(token)) ? 'welcome' : 'unknown';
}

/** What a newcomer's browser keeps: not the token itself. A page of another site cannot have it sent along. */
export function cookieFor(token: string): string {
  return `${COOKIE}=${cookieValue(token)}; HttpOnly; SameSite=Strict; Path=/`;
}

function isOurName(host: string | undefined, allowed: readonly string[]): boolean {
  const name = (host ?? '').toLowerCase().replace(/:\d+$/, '');
  return isLoopback(name) || allowed.includes(name) || (host !== undefined && allowed.includes(host));
}

function cookieOf(request: IncomingMessage): string {
  const cookies = (request.headers.cookie ?? '').split(/; */);
  return cookies.find(cookie => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? '';
}

function cookieValue(token: string): string {
  return createHash('sha256').update(`${COOKIE}:${token}`).digest('base64url');
}

/** In the same time whatever differs. */
function same(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
