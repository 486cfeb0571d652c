import type { Repository } from './repository';

/** How a provider tells its lists. */
export interface Paging {
  /** Where in the body the list is; what is no array is refused. */
  list(body: unknown): unknown;
  read(item: Record<string, unknown>): Repository;
  /** Where the next page is; `undefined` after the last one. */
  next(body: unknown, headers: Headers): string | undefined;
}

/** A server whose pages never end keeps nobody for ever. */
export const PAGES_MAX = 1000;

/** The address of `rel="next"` in a `Link` header (RFC 8288). */
export function nextLink(header: string | null): string | undefined {
  for (const [, address, parameters = ''] of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters);
    const names = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (names.includes('next')) return address;
  }
  return undefined;
}
