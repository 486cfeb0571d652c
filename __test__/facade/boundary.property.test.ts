import { createContext, runInContext } from 'node:vm';
import { TokenBudgetError } from '@wundr.io/token-budget';
import fc from '../support/properties';
import { closeAll, NOON, rejection, tracker, usage } from './helpers';

afterAll(closeAll);

const RUNS = { numRuns: 200 };

/** Anything that is no exact integer from 0 to 2^53 - 1. */
const wrongCount = fc.oneof(
  fc.double().filter(value => !(Number.isSafeInteger(value) && value >= 0)),
  fc.integer({ max: -1 }),
  fc.bigInt(),
  fc.string(),
  fc.boolean(),
  fc.object(),
  fc.array(fc.integer()),
  fc.constantFrom(
    null,
    Number.NaN,
    1.5,
    -1,
    2 ** 53,
    Infinity,
    '5',
    Object(5),
    new Date(5),
    Symbol('5'),
    () => 5,
  ),
);

const missingOrWrongCount = fc.oneof(wrongCount, fc.constant(undefined));

async function refused(promise: Promise<unknown>, field: string): Promise<void> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(TokenBudgetError);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
  expect(error.message.startsWith(`${field}: `)).toBe(true);
}

describe('numbers: only exact integers from 0 to 2^53 - 1, else the field is named and nothing counted', () => {
  const subject = tracker({ defaultBudget: { hourly: 1000 } });

  test('of the arguments', async () => {
    await fc.assert(
      fc.asyncProperty(missingOrWrongCount, async value => {
        await refused(subject.checkBudget('numbers', value as never), 'estimatedTokens');
        await refused(subject.reserveTokens('numbers', value as never), 'tokens');
        await refused(subject.releaseReservation('id', value as never), 'actualUsed');
      }),
      RUNS,
    );
  });

  test('of a usage', async () => {
    const required = fc.constantFrom('promptTokens', 'completionTokens', 'totalTokens');
    await fc.assert(
      fc.asyncProperty(required, missingOrWrongCount, async (key, value) => {
        await refused(
          subject.trackUsage({ ...usage(1, { orchestratorId: 'numbers' }), [key]: value }),
          `usage.${key}`,
        );
      }),
      RUNS,
    );
    const optional = fc.constantFrom('cacheReadTokens', 'cacheWriteTokens', 'reasoningTokens');
    await fc.assert(
      fc.asyncProperty(optional, wrongCount, async (key, value) => {
        await refused(
          subject.trackUsage({ ...usage(1, { orchestratorId: 'numbers' }), [key]: value }),
          `usage.${key}`,
        );
        await refused(subject.releaseReservation('id', 1, { [key]: value }), `attribution.${key}`);
      }),
      RUNS,
    );
  });

  test('of budgets, overrides and pages', async () => {
    const override = {
      orchestratorId: 'numbers',
      period: 'daily',
      reason: '',
      createdBy: '',
      expiresAt: new Date(NOON),
    };
    await fc.assert(
      fc.asyncProperty(wrongCount, async value => {
        await refused(subject.setBudget('numbers', { daily: value as never }), 'budget.daily');
        await refused(
          subject.setBudgetOverride({ ...override, additionalTokens: value } as never),
          'override.additionalTokens',
        );
        await refused(
          subject.getUsageHistory('numbers', 'daily', { limit: value as never }),
          'options.limit',
        );
        await refused(subject.listReservations('numbers', { offset: value as never }), 'options.offset');
        await refused(subject.reserveTokens('numbers', 1, 'daily', { ttl: value as never }), 'options.ttl');
      }),
      RUNS,
    );
  });

  test('and none of it was counted', async () => {
    expect(await subject.getUsageStats('numbers')).toMatchObject({
      totalUsed: 0,
      reservedTokens: 0,
      limit: 1000,
    });
  });

  test('every amount that is right comes back exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.maxSafeNat(), fc.maxSafeNat(), async (limit, estimate) => {
        await subject.setBudget('exact', { hourly: limit });
        const check = await subject.checkBudget('exact', estimate);
        expect(check.available).toBe(limit);
        expect(check.allowed).toBe(estimate <= limit);
        expect(check.remaining).toBe(Math.max(0, limit - estimate));
      }),
      RUNS,
    );
  });

  test('-0 is 0', async () => {
    expect(Object.is((await subject.checkBudget('numbers', -0)).estimatedTokens, 0)).toBe(true);
  });
});

describe('periods: only the three words, their lists, and all', () => {
  const subject = tracker();
  const words = new Set<unknown>(['hourly', 'daily', 'monthly', undefined]);
  const wrongPeriod = fc
    .oneof(
      fc.string(),
      fc.integer(),
      fc.constantFrom(null, 'Hourly', 'weekly', 'toString', '__proto__', Object('daily')),
    )
    .filter(value => !words.has(value));

  test('everywhere a period is given', async () => {
    await fc.assert(
      fc.asyncProperty(wrongPeriod, async value => {
        const period = value as never;
        await refused(subject.checkBudget('orch', 1, period), 'period');
        await refused(subject.getUsageStats('orch', period), 'period');
        await refused(subject.getUsageHistory('orch', period), 'period');
        await refused(subject.listOverrides('orch', period), 'period');
        await refused(subject.clearThresholdCache('orch', period), 'period');
        await refused(subject.reserveTokens('orch', 1, ['hourly', period]), 'period[1]');
        if (value !== 'all')
          expect(await rejection(subject.reserveTokens('orch', 1, period))).toBeInstanceOf(TokenBudgetError);
      }),
      RUNS,
    );
    await refused(subject.reserveTokens('orch', 1, []), 'period');
    await refused(subject.reserveTokens('orch', 1, new Array(2) as never), 'period[0]');
  });

  test('any list of periods means its set', async () => {
    const some = fc.array(fc.constantFrom('hourly' as const, 'daily' as const, 'monthly' as const), {
      minLength: 1,
      maxLength: 9,
    });
    await fc.assert(
      fc.asyncProperty(some, async periods => {
        const { reservation } = await subject.reserveTokens('orch', 1, periods);
        expect(new Set(reservation?.periods)).toEqual(new Set(periods));
      }),
      RUNS,
    );
  });
});

describe('identifiers', () => {
  const subject = tracker();
  const anyUnits = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 85 })
    .map(units => String.fromCharCode(...units));

  test('every orchestrator id keeps its own state and comes back as it was, lone surrogates too', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyUnits, fc.nat(), async (id, tokens) => {
        await subject.trackUsage(usage(tokens, { orchestratorId: id }));
        seen.set(id, (seen.get(id) ?? 0) + tokens);
        const { reservation, reservationId } = await subject.reserveTokens(id, 1);
        expect(reservation?.orchestratorId).toBe(id);
        await subject.releaseReservation(reservationId as string, 0);
        expect(await subject.getUsageStats(id)).toMatchObject({
          orchestratorId: id,
          totalUsed: seen.get(id),
          reservedTokens: 0,
        });
      }),
      RUNS,
    );
    for (const [id, used] of seen) expect((await subject.getUsageStats(id)).totalUsed).toBe(used);
  });

  test('what is no id is refused: not a string, empty, more than 256 bytes of UTF-8', async () => {
    const tooLong = fc.constantFrom('a'.repeat(257), 'é'.repeat(129), '😀'.repeat(65), '\ud800'.repeat(86));
    const wrong = fc.oneof(
      tooLong,
      fc.constantFrom(undefined, null, '', 5, {}, [], Object('orch'), Symbol('orch')),
    );
    await fc.assert(
      fc.asyncProperty(wrong, async value => {
        const id = value as never;
        await refused(subject.checkBudget(id, 1), 'orchestratorId');
        await refused(subject.reserveTokens(id, 1), 'orchestratorId');
        await refused(subject.getUsageStats(id), 'orchestratorId');
        await refused(subject.getBudget(id), 'orchestratorId');
        await refused(subject.removeOverride(id, 'x'), 'orchestratorId');
        await refused(subject.trackUsage(usage(1, { orchestratorId: id })), 'usage.orchestratorId');
        if (value !== undefined) await refused(subject.clearThresholdCache(id), 'orchestratorId');
      }),
    );
    for (const id of ['a'.repeat(256), 'é'.repeat(128), '😀'.repeat(64), '\ud800'.repeat(85)]) {
      await expect(subject.checkBudget(id, 1)).resolves.toMatchObject({ allowed: true });
    }
  });

  test('reservation ids are strings, whatever they hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), anyUnits), async id => {
        expect(await rejection(subject.releaseReservation(id, 1))).toMatchObject({
          code: 'RESERVATION_NOT_FOUND',
        });
      }),
      RUNS,
    );
    for (const id of [undefined, null, 5, {}, ['a'], Object('a')]) {
      await refused(subject.releaseReservation(id as never, 1), 'reservationId');
    }
  });

  test('two request ids that differ in anything are two, also in lone surrogates', async () => {
    const ids = ['\ud800', '\ud801', '\ufffd', '%ED%A0%80', ' ', '', 'a:b', 'a%3Ab'];
    for (const requestId of ids)
      await subject.trackUsage(usage(1, { orchestratorId: 'requests', requestId }));
    expect((await subject.getUsageStats('requests')).totalUsed).toBe(ids.length);
  });
});

describe('texts', () => {
  const subject = tracker();

  test.each<[keyof ReturnType<typeof usage>, unknown]>([
    ['sessionId', undefined],
    ['sessionId', 5],
    ['sessionId', 'a\ud800'],
    ['sessionId', 'é'.repeat(513)],
    ['model', null],
    ['model', '\udc00'],
    ['model', 'm'.repeat(257)],
    ['requestId', 5],
    ['requestId', null],
    ['requestId', 'r'.repeat(1025)],
    ['timestamp', undefined],
    ['timestamp', NOON],
    ['timestamp', '2026-01-14T12:30:00Z'],
    ['timestamp', new Date(Number.NaN)],
    ['timestamp', new Date(-1)],
    ['timestamp', { getTime: () => NOON, [Symbol.toStringTag]: 'Date' }],
    ['metadata', 'text'],
    ['metadata', null],
    ['metadata', [1]],
    ['metadata', { n: 1n }],
    ['metadata', { toJSON: () => undefined }],
    ['metadata', { toJSON: () => 'text' }],
    ['metadata', { text: 'x'.repeat(65_536) }],
  ])('usage.%s cannot be %p', async (key, value) => {
    await refused(subject.trackUsage({ ...usage(1), [key]: value }), `usage.${key}`);
  });

  test('metadata that goes in circles is refused', async () => {
    const metadata: Record<string, unknown> = {};
    metadata.self = metadata;
    await refused(subject.trackUsage(usage(1, { metadata })), 'usage.metadata');
  });

  test('every object that JSON can hold comes back equal', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' })),
        async metadata => {
          const plain = JSON.parse(JSON.stringify(metadata)) as Record<string, unknown>;
          await subject.trackUsage(usage(1, { metadata }));
          expect((await subject.getUsageHistory('orch', 'hourly', { limit: 1 }))[0]?.metadata).toEqual(plain);
        },
      ),
      RUNS,
    );
  });

  test('dates, objects and arrays of another realm are what they are', async () => {
    const realm = createContext({});
    const timestamp = runInContext(`new Date(${NOON})`, realm) as Date;
    const metadata = runInContext('({ a: [1] })', realm) as Record<string, unknown>;
    const periods = runInContext('["daily"]', realm) as ['daily'];
    await subject.trackUsage(usage(1, { orchestratorId: 'realm', timestamp, metadata }));
    expect((await subject.getUsageHistory('realm'))[0]).toMatchObject({
      timestamp: new Date(NOON),
      metadata: { a: [1] },
    });
    expect((await subject.reserveTokens('realm', 1, periods)).success).toBe(true);
  });
});

describe('objects: own properties only, each read once', () => {
  const subject = tracker({ defaultBudget: { hourly: 1000 } });

  test('class instances and objects without a prototype are data', async () => {
    class Usage {
      orchestratorId = 'data';
      sessionId = 's';
      timestamp = new Date(NOON);
      promptTokens = 1;
      completionTokens = 2;
      totalTokens = 3;
      model = 'm';
    }
    await subject.trackUsage(new Usage());
    await subject.trackUsage(Object.assign(Object.create(null), new Usage()));
    expect((await subject.getUsageStats('data')).totalUsed).toBe(6);
  });

  test('what is inherited is not there', async () => {
    await refused(subject.trackUsage(Object.create(usage(5))), 'usage.orchestratorId');
    const options = Object.create({ ttl: 5 });
    const { reservation } = await subject.reserveTokens('inherited', 1, 'hourly', options);
    expect(Number(reservation?.expiresAt)).toBe(NOON + 900_000);
  });

  test('getters and proxies that throw are told with their cause', async () => {
    const cause = new Error('inside');
    const hostile = {
      ...usage(1),
      get totalTokens(): number {
        throw cause;
      },
    };
    await refused(subject.trackUsage(hostile), 'usage.totalTokens');
    expect(await rejection(subject.trackUsage(hostile))).toMatchObject({ cause });

    const proxy = new Proxy(usage(1), {
      getOwnPropertyDescriptor() {
        throw cause;
      },
    });
    expect(await rejection(subject.trackUsage(proxy))).toMatchObject({ code: 'INVALID_ARGUMENT', cause });
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(await rejection(subject.trackUsage(revoked as never))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await rejection(subject.checkBudget('orch', revoked as never))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await rejection(subject.reserveTokens('orch', 1, revoked as never))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('a number that changes between two looks is looked at once', async () => {
    let looks = 0;
    await subject.trackUsage({
      ...usage(1, { orchestratorId: 'looks' }),
      get totalTokens() {
        looks += 1;
        return looks === 1 ? 5 : -5;
      },
    });
    expect(looks).toBe(1);
    expect((await subject.getUsageStats('looks')).totalUsed).toBe(5);
  });

  test('a polluted Object.prototype changes nothing', async () => {
    const poison: Record<string, unknown> = {
      hourly: 1,
      host: 'evil',
      url: 'redis://evil',
      redis: {},
      ttl: 1,
      signal: AbortSignal.abort(),
      metadata: { evil: true },
      requestId: 'evil',
      id: 'evil',
      cacheReadTokens: 9,
      limit: 0,
      offset: 9,
      period: 'monthly',
      timeout: 1,
      settle: 'release-only',
      thresholds: [0.001],
      field: 'evil',
      cause: 'evil',
      model: 'evil',
      enableOverrides: false,
      name: 'evil',
      toJSON: () => 'evil',
    };
    const plainUsage = usage(5, { orchestratorId: 'polluted' });
    let report: unknown;
    try {
      for (const key of Object.keys(poison)) {
        Object.defineProperty(Object.prototype, key, {
          configurable: true,
          writable: true,
          enumerable: false,
          value: poison[key],
        });
      }
      const fresh = tracker({ defaultBudget: { daily: 1000 } });
      const { reservationId, reservation } = await fresh.reserveTokens('polluted', 10, 'hourly', {});
      await fresh.releaseReservation(reservationId as string, 7, {});
      await fresh.trackUsage(plainUsage);
      await fresh.trackUsage(plainUsage);
      const [entry] = await fresh.getUsageHistory('polluted', 'daily', {});
      const budget = await fresh.getBudget('polluted');
      const stats = await fresh.getUsageStats('polluted');
      const error = await rejection(fresh.checkBudget('', 1));
      report = [
        Number(reservation?.expiresAt),
        Object.keys(entry ?? {})
          .sort()
          .join(),
        Object.entries(budget.base).join(),
        stats.totalUsed,
        stats.limit,
        stats.breakdown.cacheReadTokens,
        error.field,
      ];
    } finally {
      for (const key of Object.keys(poison)) Reflect.deleteProperty(Object.prototype, key);
    }
    const keys = 'completionTokens,model,orchestratorId,promptTokens,sessionId,timestamp,totalTokens';
    expect(report).toEqual([NOON + 900_000, keys, 'daily,1000', 17, Infinity, 0, 'orchestratorId']);
  });
});
