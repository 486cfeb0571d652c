/** The parts around a limiter, each by itself: estimates of outputs, batches, answers that are kept. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from '../support/properties';

const built = (name: string) => require(join(__dirname, '../../dist/rate-limit', name));
const { OutputEstimator, MODELS_MAX } = built(
  'output-estimator',
) as typeof import('../../facade/rate-limit/output-estimator');
const { batch } = built('batch') as typeof import('../../facade/rate-limit/batch');
const { ResponseCache, requestKey } = built('cache') as typeof import('../../facade/rate-limit/cache');

const refused = (field: string) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', field, message: expect.stringMatching(/: expected /) });

const thrown = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('estimates of outputs', () => {
  test('nothing before twenty answers', () => {
    const estimator = new OutputEstimator();
    for (let index = 0; index < 19; index += 1) estimator.learn('m', 7);
    expect(estimator.estimate('m')).toBeUndefined();
    estimator.learn('m', 7);
    expect(estimator.estimate('m')).toBe(7);
    expect(estimator.estimate('m', 5)).toBe(5);
    expect(estimator.estimate('n')).toBeUndefined();
  });

  test('the quantile is never underestimated, and overestimated by at most 12 %', () => {
    const lengths = fc.array(fc.oneof(fc.nat(20), fc.nat(4000), fc.nat(9_999_999)), {
      minLength: 20,
      maxLength: 200,
    });
    fc.assert(
      fc.property(lengths, fc.constantFrom(0.5, 0.9, 0.95, 0.99), (given, quantile) => {
        const estimator = new OutputEstimator({ quantile });
        for (const length of given) estimator.learn('m', length);
        const sorted = [...given].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(quantile * given.length - 1e-9) - 1] as number;
        const estimate = estimator.estimate('m') as number;
        expect(estimate).toBeGreaterThanOrEqual(exact);
        expect(estimate).toBeLessThanOrEqual(exact * 1.12);
      }),
      { numRuns: 500 },
    );
  });

  test('processes add up what they learn, in any order', () => {
    const batches = fc.array(fc.tuple(fc.nat(2), fc.nat(2000), fc.nat(3)), { maxLength: 120 });
    fc.assert(
      fc.property(batches, steps => {
        const store = new Map<string, number>();
        const agents = [0, 1, 2].map(() => new OutputEstimator({ minObservations: 1 }));
        const alone = new OutputEstimator({ minObservations: 1 });
        const share = (agent: InstanceType<typeof OutputEstimator>) => {
          for (const [name, more] of agent.drain()) store.set(name, (store.get(name) ?? 0) + more);
        };
        for (const [index, length, action] of steps) {
          const agent = agents[index] as InstanceType<typeof OutputEstimator>;
          const stale = [...store];
          agent.learn('gpt:4', length);
          alone.learn('gpt:4', length);
          if (action > 0) share(agent);
          if (action > 1) agent.absorb(store);
          // An answer of the store that comes late.
          if (action > 2) agent.absorb(stale);
        }
        for (const agent of agents) share(agent);
        for (const agent of agents) {
          agent.absorb(store);
          expect(agent.drain()).toEqual([]);
          expect(new Map(agent.toJSON().counters)).toEqual(new Map(alone.toJSON().counters));
          expect(agent.estimate('gpt:4')).toBe(alone.estimate('gpt:4'));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('what the others learned comes on top of what was not shared yet', () => {
    const estimator = new OutputEstimator();
    for (let times = 0; times < 3; times += 1) estimator.learn('m', 5);
    estimator.absorb([['out:m:5', 4]]);
    expect(estimator.toJSON()).toEqual({ counters: [['out:m:5', 7]] });
    expect(estimator.drain()).toEqual([['out:m:5', 3]]);
    // The sum that has them, and one from before.
    estimator.absorb([['out:m:5', 7]]);
    estimator.absorb([['out:m:5', 4]]);
    expect(estimator.toJSON()).toEqual({ counters: [['out:m:5', 7]] });
  });

  test('counters have names that a store can add up', () => {
    const estimator = new OutputEstimator();
    estimator.learn('a:b', 0);
    estimator.learn('a:b', 3);
    estimator.learn('a:b', 3);
    expect(estimator.drain()).toEqual([
      ['out:a:b:0', 1],
      ['out:a:b:3', 2],
    ]);
    expect(estimator.drain()).toEqual([]);
  });

  test('saved and opened', () => {
    const estimator = new OutputEstimator();
    for (let length = 1; length <= 100; length += 1) estimator.learn(length % 2 ? 'odd' : 'even', length);
    const opened = OutputEstimator.from(JSON.parse(JSON.stringify(estimator)));
    expect(opened.toJSON()).toEqual(estimator.toJSON());
    expect(opened.estimate('odd')).toBe(estimator.estimate('odd'));
    expect(opened.drain()).toEqual([]);
  });

  test('at most so many models; the others share a place', () => {
    const estimator = new OutputEstimator({ minObservations: 2 });
    for (let index = 0; index < MODELS_MAX; index += 1) estimator.learn(`model-${index}`, 1);
    estimator.learn('late', 500);
    expect(estimator.estimate('later')).toBeUndefined();
    estimator.learn('later', 500);
    expect(estimator.estimate('late')).toBe(estimator.estimate('never heard of'));
    expect(estimator.estimate('late')).toBeGreaterThanOrEqual(500);
    estimator.learn('x'.repeat(257), 9);
    estimator.absorb([['out:from elsewhere:3', 100]]);
    const models = new Set(estimator.toJSON().counters.map(([name]) => name.replace(/:\d+$/, '')));
    expect(models.size).toBe(MODELS_MAX + 1);
    expect(models).toContain('out:(other)');
  });

  test('what is no counter of this kind is passed over', () => {
    const estimator = new OutputEstimator({ minObservations: 1 });
    const names = ['out:m', 'out:m:', 'out:m:x', 'out:m:9999', 'out:m:-1', 'out:m:03', 'in:m:3', '', 'out:3'];
    estimator.absorb(names.map(name => [name, 5] as const));
    for (const sum of [0, -1, 1.5, Number.NaN, Infinity]) estimator.absorb([['out:m:3', sum]]);
    expect(estimator.toJSON()).toEqual({ counters: [] });
  });

  test.each([
    ['options.quantile', () => new OutputEstimator({ quantile: 1 })],
    ['options.quantile', () => new OutputEstimator({ quantile: Number.NaN })],
    ['options.minObservations', () => new OutputEstimator({ minObservations: 0 })],
    ['options.quantil', () => new OutputEstimator({ quantil: 0.5 } as never)],
    ['outputTokens', () => new OutputEstimator().learn('m', -1)],
    ['model', () => new OutputEstimator().learn(7 as never, 1)],
    ['saved.counters', () => OutputEstimator.from({} as never)],
    ['saved.counters[0]', () => OutputEstimator.from({ counters: ['out:m:1'] as never })],
    ['saved.counters[0][0]', () => OutputEstimator.from({ counters: [['m', 1]] })],
    [
      'saved.counters[1][1]',
      () =>
        OutputEstimator.from({
          counters: [
            ['out:m:1', 1],
            ['out:m:1', -1],
          ],
        }),
    ],
  ])('a wrong %s', (field, make) => {
    expect(thrown(make)).toEqual(refused(field));
  });
});

describe('batches', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const double = () => {
    const calls: number[][] = [];
    const fn = async (items: number[]) => {
      calls.push(items);
      return items.map(item => item * 2);
    };
    return { calls, fn };
  };

  test('sent when full', async () => {
    const { calls, fn } = double();
    const ask = batch(fn, { maxSize: 3, maxWaitMs: 1000 });
    const answers = Promise.all([1, 2, 3, 4, 5, 6].map(ask));
    expect(await answers).toEqual([2, 4, 6, 8, 10, 12]);
    expect(calls).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(ask.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('sent when the first has waited long enough', async () => {
    const { calls, fn } = double();
    const ask = batch(fn, { maxSize: 10, maxWaitMs: 50 });
    const first = ask(1);
    jest.advanceTimersByTime(30);
    const second = ask(2);
    jest.advanceTimersByTime(19);
    expect(calls).toEqual([]);
    expect(ask.size).toBe(2);
    jest.advanceTimersByTime(1);
    expect(calls).toEqual([[1, 2]]);
    expect(await Promise.all([first, second])).toEqual([2, 4]);
  });

  test('a batch that is sent early does not shorten the wait of the next', async () => {
    const { calls, fn } = double();
    const ask = batch(fn, { maxSize: 2, maxWaitMs: 50 });
    const early = Promise.all([ask(1)]);
    jest.advanceTimersByTime(40);
    const full = ask(2);
    const next = ask(3);
    jest.advanceTimersByTime(40);
    expect(calls).toEqual([[1, 2]]);
    jest.advanceTimersByTime(10);
    expect(calls).toEqual([[1, 2], [3]]);
    expect(await Promise.all([early, full, next])).toEqual([[2], 4, 6]);
  });

  test.each([
    ['rejects', async () => Promise.reject(new Error('refused')), { message: 'refused' }],
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
      { message: 'thrown' },
    ],
    ['answers too few', async () => [1], { code: 'INVALID_ARGUMENT', field: 'fn' }],
    ['answers too many', async () => [1, 2, 3], { code: 'INVALID_ARGUMENT', field: 'fn' }],
    ['answers nothing', async () => undefined as never, { code: 'INVALID_ARGUMENT', field: 'fn' }],
  ])('when fn %s, all of that batch and no other reject', async (_, fails, error) => {
    let calls = 0;
    const ask = batch(
      (items: number[]): Promise<number[]> => {
        calls += 1;
        return calls === 1 ? fails() : Promise.resolve(items);
      },
      { maxSize: 2, maxWaitMs: 10 },
    );
    const ended = await Promise.allSettled([1, 2, 3, 4].map(ask));
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
    expect((ended[1] as PromiseRejectedResult).reason).toMatchObject(error);
    await ask.flush();
  });

  test('flush sends at once, and waits for what is under way, however it ends', async () => {
    const ends: Array<(fails: boolean) => void> = [];
    const ask = batch(
      (items: number[]) =>
        new Promise<number[]>((resolve, reject) =>
          ends.push(fails => (fails ? reject(new Error('no')) : resolve(items))),
        ),
      { maxSize: 2, maxWaitMs: 1000 },
    );
    const answers = Promise.allSettled([ask(1), ask(2), ask(3)]);
    let isFlushed = false;
    const flushed = ask.flush().then(() => {
      isFlushed = true;
    });
    expect(ask.size).toBe(0);
    expect(ends).toHaveLength(2);
    ends[0]?.(true);
    await Promise.resolve();
    expect(isFlushed).toBe(false);
    ends[1]?.(false);
    await flushed;
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await ask.flush();
  });

  test('who waits keeps the process alive', () => {
    const ask = batch(async (items: number[]) => items, { maxSize: 2, maxWaitMs: 1000 });
    const setTimer = jest.spyOn(globalThis, 'setTimeout');
    void ask(1);
    expect(setTimer).toHaveBeenCalledTimes(1);
    const [timer] = setTimer.mock.results.map(({ value }) => value as NodeJS.Timeout);
    expect(timer?.hasRef()).toBe(true);
  });

  test.each([
    ['fn', () => batch(undefined as never, { maxSize: 1, maxWaitMs: 1 })],
    ['options', () => batch(async items => items, undefined as never)],
    ['options.maxSize', () => batch(async items => items, { maxSize: 0, maxWaitMs: 1 })],
    ['options.maxSize', () => batch(async items => items, { maxSize: 10_001, maxWaitMs: 1 })],
    ['options.maxWaitMs', () => batch(async items => items, { maxSize: 1, maxWaitMs: 2 ** 31 })],
    ['options.maxWait', () => batch(async items => items, { maxSize: 1, maxWait: 5 } as never)],
  ])('a wrong %s', (field, make) => {
    expect(thrown(make)).toEqual(refused(field));
  });
});

describe('answers that are kept', () => {
  const make = (maxEntries = 2, ttlMs = 100) => {
    const clock = { nowMs: 0 };
    return { clock, cache: new ResponseCache<unknown>({ maxEntries, ttlMs, now: () => clock.nowMs }) };
  };

  test('until they are too old, however often they are used', () => {
    const { clock, cache } = make();
    cache.set('a', 1);
    clock.nowMs = 99;
    expect(cache.get('a')).toBe(1);
    clock.nowMs = 100;
    expect(cache.get('a')).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test('the one that was not used for longest makes room', () => {
    const { cache } = make();
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
    cache.set('c', 4);
    expect(cache.size).toBe(2);
    cache.clear();
    expect([cache.size, cache.get('a')]).toEqual([0, undefined]);
  });

  test('one call for all who ask meanwhile, and none afterwards', async () => {
    const { cache } = make();
    const fn = jest.fn(async () => undefined);
    expect(await Promise.all([cache.wrap('a', fn), cache.wrap('a', fn)])).toEqual([undefined, undefined]);
    // `undefined` is an answer, too.
    await cache.wrap('a', fn);
    expect(fn).toHaveBeenCalledTimes(1);
    await cache.wrap('b', fn);
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test('a failure is told to all who wait, and not kept', async () => {
    const { cache } = make();
    const fails = jest.fn(() => {
      throw new Error('no');
    });
    const ended = await Promise.allSettled([cache.wrap('a', fails), cache.wrap('a', fails)]);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(fails).toHaveBeenCalledTimes(1);
    expect(await cache.wrap('a', async () => 'yes')).toBe('yes');
  });

  test('what is set or cleared meanwhile is newer than what was asked before', async () => {
    const { cache } = make();
    const waits = () => {
      let end: (value: string) => void = () => undefined;
      const answer = new Promise<string>(resolve => {
        end = resolve;
      });
      return { fn: () => answer, end };
    };
    const [old, cleared, fresh] = [waits(), waits(), waits()];
    const asked = cache.wrap('a', old.fn);
    cache.set('a', 'newer');
    old.end('old');
    expect(await asked).toBe('old');
    expect(cache.get('a')).toBe('newer');

    const before = cache.wrap('b', cleared.fn);
    cache.clear();
    const after = cache.wrap('b', fresh.fn);
    cleared.end('before');
    expect(await before).toBe('before');
    expect(cache.get('b')).toBeUndefined();
    expect(cache.wrap('b', async () => 'another')).toBe(after);
    fresh.end('after');
    expect(await after).toBe('after');
    expect(cache.get('b')).toBe('after');
  });

  test.each([
    ['options', () => new ResponseCache(undefined as never)],
    ['options.maxEntries', () => new ResponseCache({ maxEntries: 0, ttlMs: 1 })],
    ['options.ttlMs', () => new ResponseCache({ maxEntries: 1, ttlMs: 0 })],
    ['options.now', () => new ResponseCache({ maxEntries: 1, ttlMs: 1, now: 5 as never })],
    ['options.ttl', () => new ResponseCache({ maxEntries: 1, ttlMs: 1, ttl: 5 } as never)],
    ['fn', () => new ResponseCache({ maxEntries: 1, ttlMs: 1 }).wrap('a', 5 as never)],
  ])('a wrong %s', (field, make) => {
    expect(thrown(make)).toEqual(refused(field));
  });
});

describe('keys of requests', () => {
  /** The same data, its members in another order. */
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reversed(member)]),
    );
  };

  test('whatever the order of members, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(requestKey(reversed(value))).toBe(requestKey(value));
        expect(requestKey(JSON.parse(JSON.stringify(value)))).toBe(requestKey(value));
      }),
    );
  });

  test('other data, another key', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 1 }), fc.jsonValue({ maxDepth: 1 }), (a, b) => {
        expect(requestKey(a) === requestKey(b)).toBe(isDeepStrictEqual(unsigned(a), unsigned(b)));
      }),
    );
    const different = [
      1,
      '1',
      1n,
      '1n',
      true,
      'true',
      null,
      'null',
      undefined,
      Number.NaN,
      [],
      {},
      [[]],
      [1, 2],
      ['1,2'],
      [12],
      [undefined],
      { a: 1 },
      { a: '1' },
      { a: { b: 1 } },
      { 'a.b': 1 },
      new Date(1),
      'date 1',
      new Map([['a', 1]]),
      [['a', 1]],
      new Set(['a', 1]),
      new Uint8Array([1]),
      'bytes AQ==',
      new URL('https://example.org/'),
    ];
    expect(new Set(different.map(requestKey)).size).toBe(different.length);
  });

  test('a member that is undefined is as good as absent', () => {
    expect(requestKey({ a: 1, b: undefined })).toBe(requestKey({ a: 1 }));
    expect(requestKey({ at: new Date(5) })).toBe(requestKey({ at: new Date(5) }));
    expect(requestKey(Object.assign(Object.create(null), { a: 1 }))).toBe(requestKey({ a: 1 }));
  });

  test('nothing of the request is in the key', () => {
    expect(requestKey({ secret: 'correct horse' })).toMatch(/^[\w-]{43}$/);
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  test.each([
    ['request', () => 1],
    ['request', Symbol('a')],
    ['request.headers', { headers: new Headers() }],
    ['request.list[1].fn', { list: [1, { fn: () => 1 }] }],
    [expect.stringMatching(/^request(\[0\])+$/), cyclic],
  ])('what cannot be told apart is refused: %s', (field, value) => {
    expect(thrown(() => requestKey(value))).toMatchObject({ code: 'INVALID_ARGUMENT', field });
  });
});

/** As JSON has it: no -0. */
function unsigned(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
