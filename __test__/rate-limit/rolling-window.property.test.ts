/**
 * Whatever arrives, settles and is given back: in no rolling minute more than the limits, by a ledger that knows
 * nothing of parts of windows; nobody waits for ever; a refusal changes nothing.
 */
import type { Permit, RateLimits, RequestPriority } from '@wundr.io/token-budget/rate-limit';
import fc from '../support/properties';
import { advance, fateOf, limiter, useFakeTime } from './helpers';

useFakeTime();

const MINUTE_MS = 60_000;
/** A window is kept in parts of a second; it forgets as much too late at most. */
const PART_MS = 1_000;

type Unit = 'requests' | 'input' | 'output';

interface Entry {
  atMs: number;
  requests: number;
  input: number;
  output: number;
}

interface Rule {
  unit(entry: Omit<Entry, 'atMs'>): number;
  name: keyof RateLimits;
  limit: number;
  ordinary: number;
}

/** Everything that was admitted, with what it counts for now. */
class Ledger {
  readonly entries: Entry[] = [];

  /** What was admitted in the last `ms`, the first instant included. */
  within(rule: Rule, ms: number): number {
    const fromMs = Date.now() - ms;
    return this.entries.reduce((sum, entry) => (entry.atMs >= fromMs ? sum + rule.unit(entry) : sum), 0);
  }
}

const UNITS: Array<[keyof RateLimits, (entry: Omit<Entry, 'atMs'>) => number]> = [
  ['rpm', entry => entry.requests],
  ['itpm', entry => entry.input],
  ['otpm', entry => entry.output],
  ['tpm', entry => entry.input + entry.output],
];

function rulesOf(limits: RateLimits, margin: number): Rule[] {
  return UNITS.flatMap(([name, unit]) => {
    const limit = limits[name];
    if (limit === undefined) return [];
    return [{ name, unit, limit, ordinary: Math.floor(limit * (1 - margin) + 1e-6) }];
  });
}

const priority = fc.constantFrom<RequestPriority>('normal', 'normal', 'normal', 'low', 'critical');
const size = fc.oneof({ arbitrary: fc.nat(60), weight: 5 }, { arbitrary: fc.nat(600), weight: 1 });
const request = { input: size, output: size, priority };

type Step =
  | { is: 'ask' | 'try'; input: number; output: number; priority: RequestPriority; maxWaitMs?: number }
  | { is: 'settle'; which: number; input: number; output: number }
  | { is: 'cancel'; which: number }
  | { is: 'pass'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ is: fc.constant('ask' as const), ...request, maxWaitMs: fc.nat(90_000) }),
    weight: 1,
  },
  { arbitrary: fc.record({ is: fc.constant('ask' as const), ...request }), weight: 5 },
  { arbitrary: fc.record({ is: fc.constant('try' as const), ...request }), weight: 2 },
  {
    arbitrary: fc.record({ is: fc.constant('settle' as const), which: fc.nat(), input: size, output: size }),
    weight: 3,
  },
  { arbitrary: fc.record({ is: fc.constant('cancel' as const), which: fc.nat() }), weight: 1 },
  {
    arbitrary: fc.record({
      is: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat(1_500), fc.nat(30_000), fc.constantFrom(60_000, 61_000)),
    }),
    weight: 4,
  },
);

const setup = fc.record({
  limits: fc.record(
    {
      rpm: fc.integer({ min: 2, max: 12 }),
      itpm: fc.integer({ min: 60, max: 400 }),
      otpm: fc.integer({ min: 60, max: 400 }),
      tpm: fc.integer({ min: 100, max: 700 }),
      concurrent: fc.integer({ min: 1, max: 6 }),
    },
    { requiredKeys: ['rpm'] },
  ),
  margin: fc.constantFrom(0, 0.15, 0.5),
  pacing: fc.boolean(),
  offsetMs: fc.nat(1_200),
  holders: fc.constantFrom(1, 1, 2, 3),
});

interface Setup {
  limits: RateLimits;
  margin: number;
  pacing: boolean;
  holders: number;
}

let plays = 0;

/** One run: the limiter, and what the ledger says of it. */
class Play {
  readonly ledger = new Ledger();
  readonly open = new Map<Permit, Entry>();
  readonly asked: Array<ReturnType<typeof fateOf<unknown>>> = [];
  /** Holders of one store, who take turns at random. */
  readonly #managers: Array<ReturnType<typeof limiter>>;
  readonly #rules: Rule[];
  readonly #concurrent: number;
  readonly #lastOf: Record<RequestPriority, number> = { critical: 0, normal: 0, low: 0 };
  #arrivals = 0;
  #turn = 1;

  constructor({ limits, margin, pacing, holders }: Setup) {
    const memory = holders === 1 ? {} : { name: `play ${++plays}` };
    this.#managers = Array.from({ length: holders }, () =>
      limiter({ limits, safety: { margin }, pacing, memory }),
    );
    this.#rules = rulesOf(limits, margin);
    this.#concurrent = limits.concurrent ?? Infinity;
  }

  async take(step: Step): Promise<void> {
    switch (step.is) {
      case 'pass':
        return await advance(step.ms);
      case 'ask':
        return await this.#ask(step);
      case 'try':
        return await this.#try(step);
      case 'settle':
        return await this.#settle(step);
      case 'cancel': {
        const [permit, entry] = this.#pick(step.which);
        if (permit === undefined || entry === undefined) return;
        this.open.delete(permit);
        Object.assign(entry, { requests: 0, input: 0, output: 0 });
        await permit.cancel();
        return await advance(0);
      }
    }
  }

  /** Settles everything until nobody waits. */
  async finish(): Promise<void> {
    const perRequestMs = MINUTE_MS + PART_MS;
    for (let left = this.asked.length + 2; left > 0; left--) {
      for (const permit of [...this.open.keys()]) {
        await this.#end(permit, { input: permit.inputTokens, output: permit.outputTokens });
      }
      await advance(perRequestMs);
      if (this.asked.every(({ isOver }) => isOver)) break;
    }
    expect(this.asked.filter(({ isOver }) => !isOver)).toEqual([]);
    expect(await this.#manager.getStatus()).toMatchObject({ waiting: 0 });
  }

  get #manager(): ReturnType<typeof limiter> {
    this.#turn = (this.#turn * 48_271) % 2_147_483_647;
    const manager = this.#managers[this.#turn % this.#managers.length];
    if (manager === undefined) throw new Error('unreachable');
    return manager;
  }

  async #ask({ input, output, priority, maxWaitMs }: Step & { is: 'ask' | 'try' }): Promise<void> {
    const arrival = ++this.#arrivals;
    const options = { inputTokens: input, maxOutputTokens: output, priority };
    const promise = this.#manager.acquire(maxWaitMs === undefined ? options : { ...options, maxWaitMs });
    const noted = promise.then(permit => {
      this.#admitted(permit, priority);
      // First come, first served.
      expect(arrival).toBeGreaterThan(this.#lastOf[priority]);
      this.#lastOf[priority] = arrival;
    });
    const fate = fateOf<unknown>(noted);
    this.asked.push(fate);
    const isTooLarge = this.#isTooLarge({ requests: 1, input, output }, priority);
    await advance(0);
    if (isTooLarge) expect(fate.error).toMatchObject({ code: 'NEVER_FITS' });
    else if (fate.error !== undefined) expect(fate.error).toMatchObject({ code: 'RATE_LIMITED' });
  }

  async #try({ input, output, priority }: Step & { is: 'ask' | 'try' }): Promise<void> {
    const manager = this.#manager;
    const before = await manager.saveState();
    const status = await manager.getStatus();
    const amounts = { requests: 1, input, output };
    const { permit, verdict } = await manager.tryAcquire({
      inputTokens: input,
      maxOutputTokens: output,
      priority,
    });
    if (permit !== null) {
      this.#admitted(permit, priority);
      return;
    }
    // Beside the refusal it may have been the turn of one that waits, of which its holder had not heard yet.
    if (this.#managers.length === 1 || status.waiting === 0) {
      expect(await manager.saveState()).toEqual(before);
      expect(await manager.getStatus()).toEqual(status);
    }
    const rule = this.#rules.find(({ name }) => name === verdict.reason);
    expect(verdict.verdict === 'never').toBe(this.#isTooLarge(amounts, priority));
    if (rule === undefined || verdict.verdict === 'never') return;
    // Refused for a limit: it is used, by what is at most a part older than a minute.
    const cap = priority === 'critical' ? rule.limit : rule.ordinary;
    expect(this.ledger.within(rule, MINUTE_MS + PART_MS) + rule.unit(amounts)).toBeGreaterThan(cap);
    expect(verdict.waitMs).toBeGreaterThan(0);
    expect(verdict.waitMs).toBeLessThanOrEqual(MINUTE_MS + PART_MS);
  }

  async #settle({ which, input, output }: Step & { is: 'settle' }): Promise<void> {
    const [permit] = this.#pick(which);
    if (permit === undefined) return;
    await this.#end(permit, { input, output });
    await advance(0);
  }

  async #end(permit: Permit, used: Record<Exclude<Unit, 'requests'>, number>): Promise<void> {
    const entry = this.open.get(permit);
    this.open.delete(permit);
    if (entry === undefined) throw new Error('unreachable');
    const nowMs = Date.now();
    const secondEndsMs = (Math.floor(entry.atMs / PART_MS) + 1) * PART_MS;
    if (nowMs >= secondEndsMs + MINUTE_MS) {
      // Its minute is over: what was said since, and what was never set aside, is of now.
      const input = Math.max(0, used.input - entry.input);
      this.ledger.entries.push({ atMs: nowMs, requests: 0, input, output: used.output });
    }
    Object.assign(entry, used);
    const settled = await permit.settle({ inputTokens: used.input, outputTokens: used.output });
    expect(settled).toMatchObject({ known: true, late: false });
  }

  #admitted(permit: Permit, priority: RequestPriority): void {
    const entry = {
      atMs: permit.admittedAt.getTime(),
      requests: 1,
      input: permit.inputTokens,
      output: permit.outputTokens,
    };
    expect(entry.atMs).toBe(Date.now());
    this.ledger.entries.push(entry);
    this.open.set(permit, entry);
    for (const rule of this.#rules) {
      const cap = priority === 'critical' ? rule.limit : Math.max(rule.ordinary, rule.name === 'rpm' ? 1 : 0);
      expect(this.ledger.within(rule, MINUTE_MS)).toBeLessThanOrEqual(cap);
    }
    expect(this.open.size).toBeLessThanOrEqual(this.#concurrent);
  }

  #isTooLarge(amounts: Omit<Entry, 'atMs'>, priority: RequestPriority): boolean {
    return this.#rules.some(
      rule => rule.unit(amounts) > (priority === 'critical' ? rule.limit : rule.ordinary),
    );
  }

  #pick(which: number): [Permit | undefined, Entry | undefined] {
    const all = [...this.open];
    return all[which % Math.max(1, all.length)] ?? [undefined, undefined];
  }
}

test('the ledger agrees', async () => {
  let admitted = 0;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(setup, fc.array(step, { minLength: 10, maxLength: 60 }), async (given, steps) => {
      const play = new Play(given);
      await advance(given.offsetMs);
      for (const step of steps) await play.take(step);
      await play.finish();
      admitted += play.ledger.entries.length;
      runs += 1;
    }),
    { numRuns: 120 },
  );
  // Not vacuous: most runs admit many.
  expect(admitted).toBeGreaterThan(runs * 5);
}, 120_000);
