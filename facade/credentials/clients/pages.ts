import type { Repository } from './repository';

export interface Page {
  repositories: Repository[];
  /** Where the next page is; `undefined` after the last one. */
  nextPath: string | undefined;
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

/** The elements of an array that are objects; empty for anything else. */
export function objectsOf(value: unknown): Array<Record<string, unknown>> {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}
