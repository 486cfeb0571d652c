/** A repository, as far as the three providers tell the same of it. */
export interface Repository {
  provider: string;
  owner: string;
  name: string;
  /** With its owner, such as `octocat/hello-world`. */
  fullName: string;
  description: string | null;
  /** For people. */
  url: string | null;
  /** For git over HTTPS. */
  cloneUrl: string | null;
  defaultBranch: string | null;
  /** `null` where the provider does not tell it in lists (GitLab). */
  language: string | null;
  visibility: 'public' | 'private' | 'internal';
  isFork: boolean;
  /** `null` where the provider does not count (Bitbucket). */
  stars: number | null;
  forks: number | null;
  createdAt: Date | null;
  updatedAt: Date | null;
}

export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

export function whole(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

export function date(value: unknown): Date | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : new Date(ms);
}

export function member(value: unknown, ...path: string[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}
