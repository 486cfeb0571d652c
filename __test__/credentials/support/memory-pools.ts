import type {
  Answered,
  PoolBackend as Backend,
  PoolPolicy as Policy,
} from '../../../facade/credentials/pool-backend';

/**
 * The rules of a pool in a few lines of memory, for tests of what is built on them. `except`, pauses, the reserve
 * and out-of-order readings are decided as `docs/semantics.md` says.
 */
interface Resource {
  limit: number;
  left: number;
  resetsAtMs: number;
  seenAtMs: number;
  pausedUntilMs: number;
  hits: number;
  lastHitMs: number;
  underWay: number;
}

interface Account {
  pausedUntilMs: number;
  hits: number;
  lastHitMs: number;
  resources: Map<string, Resource>;
}

interface State {
  lastMs: number;
  accounts: Map<string, Account>;
  invalid: Set<string>;
  current: Map<string, string>;
  kept: Map<string, { account: string; sealed: string }>;
}

const shared = new Map<string, Map<string, State>>();

export class MemoryPools implements Backend {
  readonly #states: Map<string, State>;
  readonly #clock: () => number;
  closed = false;

  constructor(options: { memory?: { name?: string }; clock?: () => number } = {}) {
    const name = options.memory?.name;
    this.#states = (name && shared.get(name)) || new Map();
    if (name) shared.set(name, this.#states);
    this.#clock = options.clock ?? Date.now;
  }

  now() {
    return this.#clock();
  }

  async pick(pool: string, policy: Policy, resource: string, except: string[]) {
    const state = this.#state(pool);
    const now = state.lastMs;
    const usable = policy.credentials.filter(
      ({ fingerprint, account }) =>
        !state.invalid.has(fingerprint) &&
        !except.includes(fingerprint) &&
        freeAtMs(accountOf(state, account), resource, policy, now) <= now,
    );
    const current = usable.find(({ fingerprint }) => fingerprint === state.current.get(resource));
    const best = current ?? usable.sort((a, b) => rank(state, a, b, resource, now))[0];
    if (best === undefined) {
      const valid = policy.credentials.filter(({ fingerprint }) => !state.invalid.has(fingerprint));
      const free = valid.map(({ account }) => freeAtMs(accountOf(state, account), resource, policy, now));
      return {
        exhausted: true as const,
        resetsAtMs: valid.length === 0 ? 0 : Math.min(...free),
        limited: valid.length,
        invalid: policy.credentials.length - valid.length,
      };
    }
    state.current.set(resource, best.fingerprint);
    const quota = quotaOf(accountOf(state, best.account), resource);
    quota.left = Math.max(0, quota.left - 1);
    quota.underWay += 1;
    const isKnown = now < quota.resetsAtMs;
    return {
      fingerprint: best.fingerprint,
      pickedAtMs: now,
      left: isKnown ? Math.max(0, quota.left - reserveOf(policy, quota)) : null,
      resetsAtMs: isKnown ? quota.resetsAtMs : 0,
    };
  }

  async report(
    pool: string,
    policy: Policy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
    { kind, reading, retryAfterMs }: Answered,
  ) {
    const state = this.#state(pool);
    const now = state.lastMs;
    if (kind === 'unauthorized') state.invalid.add(fingerprint);
    const account = accountOf(state, ownerOf(policy, fingerprint));
    const quota = quotaOf(account, resource);
    if (pickedAtMs > 0) quota.underWay = Math.max(0, quota.underWay - 1);
    if (reading !== undefined) {
      const { limit, remaining, resetInMs } = reading;
      if (limit !== undefined) quota.limit = limit;
      const told = Math.max(0, remaining - quota.underWay);
      const isNewer = now >= quota.resetsAtMs || pickedAtMs >= quota.seenAtMs;
      if (isNewer || told < quota.left) {
        quota.left = told;
        quota.resetsAtMs = isNewer ? now + resetInMs : Math.max(quota.resetsAtMs, now + resetInMs);
        quota.seenAtMs = now;
      }
    }
    if (kind === 'spent') {
      const told = reading?.remaining === 0 ? reading.resetInMs : retryAfterMs;
      rest(quota, policy, pickedAtMs, now, told);
    }
    if (kind === 'secondary') rest(account, policy, pickedAtMs, now, retryAfterMs);
    if (kind === 'served') {
      for (const one of [quota, account]) if (pickedAtMs > one.lastHitMs) one.hits = 0;
    }
  }

  async giveBack(pool: string, policy: Policy, fingerprint: string, resource: string, pickedAtMs: number) {
    const state = this.#state(pool);
    const quota = quotaOf(accountOf(state, ownerOf(policy, fingerprint)), resource);
    quota.underWay = Math.max(0, quota.underWay - 1);
    if (pickedAtMs >= quota.seenAtMs) quota.left += 1;
  }

  async setValid(pool: string, _policy: Policy, fingerprint: string, valid: boolean) {
    const { invalid } = this.#state(pool);
    if (valid) invalid.delete(fingerprint);
    else invalid.add(fingerprint);
  }

  async count(pool: string, policy: Policy, resource: string) {
    const state = this.#state(pool);
    return policy.credentials.filter(
      ({ fingerprint, account }) =>
        !state.invalid.has(fingerprint) &&
        freeAtMs(accountOf(state, account), resource, policy, state.lastMs) <= state.lastMs,
    ).length;
  }

  async view(pool: string, policy: Policy) {
    const state = this.#state(pool);
    return policy.credentials.map(({ fingerprint, account }) => {
      const of = accountOf(state, account);
      return {
        fingerprint,
        account,
        isValid: !state.invalid.has(fingerprint),
        resources: [...of.resources].map(([resource, quota]) => ({
          resource,
          limit: quota.limit,
          left: quota.left,
          resetsAtMs: quota.resetsAtMs,
          pausedUntilMs: Math.max(quota.pausedUntilMs, of.pausedUntilMs),
          underWay: quota.underWay,
        })),
      };
    });
  }

  async keep(pool: string, _policy: Policy, fingerprint: string, account: string, sealed: string) {
    this.#state(pool).kept.set(fingerprint, { account, sealed });
  }

  async kept(pool: string) {
    return [...this.#state(pool).kept].map(([fingerprint, of]) => ({ fingerprint, ...of }));
  }

  async drop(pool: string, _policy: Policy, fingerprint: string) {
    this.#state(pool).kept.delete(fingerprint);
  }

  async ready() {}

  async close() {
    this.closed = true;
  }

  /** Everything that is stored, as text. */
  dump(): string {
    return JSON.stringify([...this.#states], (_key, value) =>
      value instanceof Map || value instanceof Set ? [...value] : value,
    );
  }

  #state(pool: string): State {
    const fresh = {
      lastMs: 0,
      accounts: new Map(),
      invalid: new Set<string>(),
      current: new Map(),
      kept: new Map(),
    };
    const state = this.#states.get(pool) ?? fresh;
    this.#states.set(pool, state);
    state.lastMs = Math.max(state.lastMs, this.#clock());
    return state;
  }
}

function accountOf(state: State, name: string): Account {
  const account = state.accounts.get(name) ?? {
    pausedUntilMs: 0,
    hits: 0,
    lastHitMs: 0,
    resources: new Map(),
  };
  state.accounts.set(name, account);
  return account;
}

function quotaOf(account: Account, resource: string): Resource {
  const fresh = {
    limit: 0,
    left: 0,
    resetsAtMs: 0,
    seenAtMs: 0,
    pausedUntilMs: 0,
    hits: 0,
    lastHitMs: 0,
    underWay: 0,
  };
  const quota = account.resources.get(resource) ?? fresh;
  account.resources.set(resource, quota);
  return quota;
}

function ownerOf(policy: Policy, fingerprint: string): string {
  return policy.credentials.find(one => one.fingerprint === fingerprint)?.account ?? fingerprint;
}

function reserveOf({ reserve }: Policy, { limit }: Resource): number {
  return 'requests' in reserve ? reserve.requests : Math.floor((limit * reserve.sharePpm) / 1_000_000);
}

function freeAtMs(account: Account, resource: string, policy: Policy, now: number): number {
  const quota = quotaOf(account, resource);
  const isSpent = now < quota.resetsAtMs && quota.left <= reserveOf(policy, quota);
  return Math.max(account.pausedUntilMs, quota.pausedUntilMs, isSpent ? quota.resetsAtMs : 0);
}

function rank(
  state: State,
  a: Policy['credentials'][number],
  b: Policy['credentials'][number],
  resource: string,
  now: number,
): number {
  const resetOf = (account: string) => {
    const { resetsAtMs } = quotaOf(accountOf(state, account), resource);
    return now < resetsAtMs ? resetsAtMs : Number.MAX_SAFE_INTEGER;
  };
  return resetOf(a.account) - resetOf(b.account) || b.weight - a.weight;
}

function rest(
  of: { pausedUntilMs: number; hits: number; lastHitMs: number },
  policy: Policy,
  pickedAtMs: number,
  now: number,
  toldMs: number | undefined,
): void {
  if (pickedAtMs >= of.lastHitMs) of.hits += 1;
  of.lastHitMs = now;
  const doubled = policy.cooldownMs * 2 ** Math.max(0, of.hits - 1);
  of.pausedUntilMs = Math.max(of.pausedUntilMs, now + (toldMs ?? Math.min(doubled, policy.cooldownMaxMs)));
}
