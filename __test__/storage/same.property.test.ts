/** Made-up plays: over a file everything is answered and told as in memory, however often it is closed and opened. */
import { join } from 'node:path';
import { type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { type ManualClock, manualClock, NOON, usage } from '../facade/helpers';
import fc from '../support/properties';
import { type TemporaryFolder, temporaryFolder } from '../support/system';

let folder: TemporaryFolder;
let files = 0;

beforeAll(() => {
  folder = temporaryFolder('storage-same');
});
afterAll(() => folder.remove());

const CONFIG: BudgetConfig = {
  defaultBudget: { hourly: 500, daily: 2000 },
  thresholds: [0.5, 1],
  lateSettleTTL: 300_000,
};
const EVENTS = [
  'usage:tracked',
  'reservation:created',
  'reservation:released',
  'reservation:expired',
  'budget:denied',
  'budget:exceeded',
  'threshold:50',
] as const;

type Step =
  | { do: 'track'; who: string; tokens: number; request: number | null }
  | { do: 'reserve'; who: string; tokens: number; period: 'hourly' | 'daily' | 'all'; ttlMs: number }
  | { do: 'release'; index: number; tokens: number }
  | { do: 'check' | 'stats' | 'history' | 'list'; who: string }
  | { do: 'budget'; who: string; hourly: number | null }
  | { do: 'pass'; ms: number }
  | { do: 'reopen' };

const who = fc.constantFrom('a', 'b');
const tokens = fc.integer({ min: 0, max: 200 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('track' as const),
    who,
    tokens,
    request: fc.option(fc.integer({ min: 0, max: 3 })),
  }),
  fc.record({
    do: fc.constant('reserve' as const),
    who,
    tokens,
    period: fc.constantFrom('hourly' as const, 'daily' as const, 'all' as const),
    ttlMs: fc.constantFrom(60_000, 600_000),
  }),
  fc.record({ do: fc.constant('release' as const), index: fc.nat(5), tokens }),
  fc.record({
    do: fc.constantFrom('check' as const, 'stats' as const, 'history' as const, 'list' as const),
    who,
  }),
  fc.record({ do: fc.constant('budget' as const), who, hourly: fc.option(fc.integer({ min: 0, max: 600 })) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 59_999, 120_000, 3_600_000) }),
  fc.constant({ do: 'reopen' as const }),
);

/** One of the two that are compared. */
class Player {
  readonly clock: ManualClock = manualClock(NOON);
  readonly #told: unknown[] = [];
  readonly #ids: string[] = [];
  readonly #config: BudgetConfig;
  #tracker!: TokenBudgetTracker;

  constructor(config: BudgetConfig) {
    this.#config = { ...CONFIG, ...config, clock: this.clock.read };
    this.#open();
  }

  #open(): void {
    this.#tracker = new TokenBudgetTracker(this.#config);
    for (const name of EVENTS) {
      this.#tracker.on(name as 'error', event => this.#told.push([name, event]));
    }
  }

  /** In any order: what expires is told by a timer or by the next call, whichever comes first. */
  told(): string[] {
    return this.#told.map(event => this.#plain(event)).sort();
  }

  /** Ids are random: each goes by the number of its reservation. */
  #plain(value: unknown): string {
    return this.#ids.reduce((text, id, n) => text.replaceAll(id, `#${n}`), JSON.stringify(value) ?? '');
  }

  async play(given: Step): Promise<string> {
    const answer = await this.#do(given).catch(({ code, message }) => ({ code, message }));
    return this.#plain(answer);
  }

  async #do(given: Step): Promise<unknown> {
    const tracker = this.#tracker;
    switch (given.do) {
      case 'track': {
        const requestId = given.request === null ? {} : { requestId: `request-${given.request}` };
        const timestamp = new Date(this.clock.now);
        return tracker.trackUsage(
          usage(given.tokens, { orchestratorId: given.who, timestamp, ...requestId }),
        );
      }
      case 'reserve': {
        const result = await tracker.reserveTokens(given.who, given.tokens, given.period, {
          ttl: given.ttlMs,
        });
        if (result.reservationId !== undefined) this.#ids.push(result.reservationId);
        return result;
      }
      case 'release':
        return tracker.releaseReservation(this.#ids[given.index] ?? 'none', given.tokens);
      case 'check':
        return tracker.checkBudget(given.who, 10);
      case 'stats':
        return [
          await tracker.getUsageStats(given.who, 'hourly'),
          await tracker.getUsageStats(given.who, 'daily'),
        ];
      case 'history':
        return tracker.getUsageHistory(given.who, 'daily');
      case 'list':
        // Those that expire together are in the order of their ids.
        return (await tracker.listReservations(given.who)).map(held => this.#plain(held)).sort();
      case 'budget':
        return tracker.setBudget(given.who, given.hourly === null ? null : { hourly: given.hourly });
      case 'pass':
        this.clock.now += given.ms;
        return undefined;
      default:
        return this.#config.storage === undefined ? undefined : this.#reopen();
    }
  }

  async #reopen(): Promise<void> {
    await this.close();
    this.#open();
    await this.#tracker.ready();
  }

  close(): Promise<void> {
    return this.#tracker.close();
  }
}

test('over a file as in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
      files += 1;
      const memory = new Player({});
      const disk = new Player({ storage: join(folder.path, `state-${files}.db`) });
      try {
        // At the end each is written to once, so that all that has expired is told.
        const last = ['a', 'b'].map(id => ({ do: 'track' as const, who: id, tokens: 1, request: null }));
        for (const each of [...steps, ...last]) {
          expect([each, await disk.play(each)]).toEqual([each, await memory.play(each)]);
        }
        expect(disk.told()).toEqual(memory.told());
      } finally {
        await Promise.all([memory.close(), disk.close()]);
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
