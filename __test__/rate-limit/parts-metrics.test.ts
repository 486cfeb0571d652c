/** What a limiter counts, how Prometheus reads it, and what is to be expected. */
import { join } from 'node:path';
import fc from '../support/properties';

const built = (name: string) => require(join(__dirname, '../../dist/rate-limit', name));
const { LimiterMetrics, LABELS_MAX, SECONDS_BUCKETS } = built(
  'metrics',
) as typeof import('../../facade/rate-limit/metrics');
const { prometheusText } = built('prometheus') as typeof import('../../facade/rate-limit/prometheus');
const { recommendedPauseMs, timeToExhaustionMs } = built(
  'forecast',
) as typeof import('../../facade/rate-limit/forecast');

const make = () => {
  const clock = { nowMs: 0 };
  return { clock, metrics: new LimiterMetrics({ now: () => clock.nowMs }) };
};

describe('metrics', () => {
  test('everything is counted once', () => {
    const { metrics } = make();
    metrics.admitted(0, { inputTokens: 100, outputTokens: 20 });
    metrics.waited();
    metrics.admitted(40, { inputTokens: 300, outputTokens: 80 });
    metrics.refused('rule');
    metrics.refused('rule');
    metrics.refused('line');
    metrics.settled({ inputTokens: 90, outputTokens: 10 }, 1200);
    metrics.settled({ inputTokens: 10, outputTokens: 0 });
    metrics.cancelled();
    metrics.hit('rate');
    metrics.hit('quota');
    metrics.hit('rate');
    metrics.error(429);
    metrics.error(undefined);
    const snapshot = metrics.snapshot();
    expect(snapshot).toMatchObject({
      requests: { admitted: 2, waited: 1, settled: 2, cancelled: 1, refused: { line: 1, rule: 2 } },
      requestsPerMinute: 2,
      tokens: { estimated: { input: 400, output: 100 }, used: { input: 100, output: 10 } },
      hits: { quota: 1, rate: 2 },
      errors: { 429: 1, none: 1 },
      waits: { count: 2, sumSeconds: 0.04 },
      responses: { count: 1, sumSeconds: 1.2 },
    });
    const counted = (atMost: number) => snapshot.waits.buckets.find(each => each.atMost === atMost)?.count;
    expect([counted(0.005), counted(0.025), counted(0.05), counted(300)]).toEqual([1, 1, 2, 2]);
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  });

  test('a snapshot is of its moment', () => {
    const { metrics } = make();
    const before = metrics.snapshot();
    metrics.admitted(0, { inputTokens: 1, outputTokens: 1 });
    metrics.refused('rule');
    expect(before.requests).toEqual({ admitted: 0, waited: 0, settled: 0, cancelled: 0, refused: {} });
    expect(before.tokens.estimated).toEqual({ input: 0, output: 0 });
  });

  test('longer than any bucket, and times that make no sense', () => {
    const { metrics } = make();
    for (const ms of [1e6, -5, Number.NaN, Infinity])
      metrics.settled({ inputTokens: 0, outputTokens: 0 }, ms);
    const { responses } = metrics.snapshot();
    expect(responses).toMatchObject({ count: 2, sumSeconds: 1000 });
    expect(responses.buckets.at(-1)).toEqual({ atMost: 300, count: 1 });
  });

  test('the last minute', () => {
    const { clock, metrics } = make();
    const admit = () => metrics.admitted(0, { inputTokens: 0, outputTokens: 0 });
    for (const nowMs of [500, 30_000, 30_999, 59_999]) {
      clock.nowMs = nowMs;
      admit();
    }
    expect(metrics.snapshot().requestsPerMinute).toBe(4);
    clock.nowMs = 60_000;
    expect(metrics.snapshot().requestsPerMinute).toBe(3);
    admit();
    expect(metrics.snapshot().requestsPerMinute).toBe(4);
    clock.nowMs = 119_999;
    expect(metrics.snapshot().requestsPerMinute).toBe(1);
    clock.nowMs = 1e9;
    expect(metrics.snapshot()).toMatchObject({ requestsPerMinute: 0, requests: { admitted: 5 } });
  });

  test('labels are bounded', () => {
    const { metrics } = make();
    for (let index = 0; index < 1000; index += 1) metrics.refused(`reason ${index}`);
    metrics.refused('reason 0');
    metrics.refused('x'.repeat(65));
    const { refused } = metrics.snapshot().requests;
    expect(Object.keys(refused)).toHaveLength(LABELS_MAX + 1);
    expect(refused['reason 0']).toBe(2);
    expect(refused.other).toBe(1000 - LABELS_MAX + 1);
    metrics.hit('__proto__');
    expect(Object.entries(metrics.snapshot().hits)).toEqual([['__proto__', 1]]);
  });
});

interface Family {
  type: string;
  help: string;
  samples: Array<{ name: string; labels: Record<string, string>; value: number }>;
}

/** Reads the text format 0.0.4 by its description, and refuses what it does not allow. */
function parseText(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (head !== null) {
      const [, word, name = '', rest = ''] = head;
      if (word === 'HELP') {
        expect(families.has(name)).toBe(false);
        families.set(name, { type: '', help: rest, samples: [] });
        current = name;
      } else {
        expect(name).toBe(current);
        expect(rest).toMatch(/^(counter|gauge|histogram)$/);
        (families.get(name) as Family).type = rest;
      }
      continue;
    }
    const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s.exec(line);
    if (found === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', inner = '', number = ''] = found;
    const labels = parseLabels(inner);
    const identity = JSON.stringify([name, Object.entries(labels).sort()]);
    expect(seen).not.toContain(identity);
    seen.add(identity);
    const family = families.get(current) as Family;
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    expect(suffixes.map(suffix => current + suffix)).toContain(name);
    const value = number === '+Inf' ? Infinity : Number(number);
    expect(value).not.toBeNaN();
    family.samples.push({ name, labels, value });
  }
  return families;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Array<[string, string]> = [];
  let rest = text;
  while (rest !== '') {
    const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest);
    if (found === null) throw new Error(`not a label: ${rest}`);
    const [whole, name = '', raw = ''] = found;
    expect(labels.map(([known]) => known)).not.toContain(name);
    labels.push([name, raw.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))]);
    rest = rest.slice(whole.length);
  }
  return Object.fromEntries(labels);
}

describe('the text for Prometheus', () => {
  const filled = () => {
    const { metrics } = make();
    metrics.waited();
    metrics.admitted(1500, { inputTokens: 800, outputTokens: 200 });
    metrics.settled({ inputTokens: 700, outputTokens: 100 }, 400_000);
    metrics.refused('rule "0"\\\n');
    metrics.hit('rate');
    metrics.error(503);
    return metrics.snapshot();
  };

  test('an empty limiter', () => {
    const families = parseText(prometheusText(make().metrics.snapshot()));
    expect(families.get('token_budget_rate_limit_requests_admitted_total')?.samples).toEqual([
      { name: 'token_budget_rate_limit_requests_admitted_total', labels: {}, value: 0 },
    ]);
  });

  test('says what the snapshot says', () => {
    const snapshot = filled();
    const families = parseText(prometheusText(snapshot, { prefix: 'p', labels: { key: 'a', team_2: 'b' } }));
    const labels = { key: 'a', team_2: 'b' };
    const value = (name: string, more: Record<string, string> = {}) => {
      const wanted = JSON.stringify({ ...labels, ...more });
      const all = [...families.values()].flatMap(family => family.samples);
      return all.filter(each => each.name === name && JSON.stringify(each.labels) === wanted)[0]?.value;
    };
    expect(value('p_requests_admitted_total')).toBe(1);
    expect(value('p_requests_waited_total')).toBe(1);
    expect(value('p_requests_settled_total')).toBe(1);
    expect(value('p_requests_cancelled_total')).toBe(0);
    expect(value('p_requests_refused_total', { reason: 'rule "0"\\\n' })).toBe(1);
    expect(value('p_requests_per_minute')).toBe(1);
    expect(value('p_tokens_estimated_total', { direction: 'input' })).toBe(800);
    expect(value('p_tokens_estimated_total', { direction: 'output' })).toBe(200);
    expect(value('p_tokens_used_total', { direction: 'output' })).toBe(100);
    expect(value('p_hits_total', { kind: 'rate' })).toBe(1);
    expect(value('p_errors_total', { status: '503' })).toBe(1);
    expect(value('p_wait_seconds_bucket', { le: '1' })).toBe(0);
    expect(value('p_wait_seconds_bucket', { le: '2.5' })).toBe(1);
    expect(value('p_wait_seconds_sum')).toBe(1.5);
    expect(value('p_response_seconds_bucket', { le: '300' })).toBe(0);
    expect(value('p_response_seconds_bucket', { le: '+Inf' })).toBe(1);
    expect(value('p_response_seconds_count')).toBe(1);
    for (const [name, family] of families) {
      expect(family.help).toMatch(/^[A-Z].*\.$/);
      expect(name.endsWith('_total')).toBe(family.type === 'counter');
      expect(name.endsWith('_seconds')).toBe(family.type === 'histogram');
    }
  });

  test('whatever was counted, it can be read back', () => {
    const step = fc.oneof(
      fc.tuple(fc.constant('admitted' as const), fc.double(), fc.string()),
      fc.tuple(fc.constant('settled' as const), fc.double(), fc.string()),
      fc.tuple(fc.constantFrom('refused' as const, 'hit' as const), fc.nat(), fc.string({ unit: 'binary' })),
    );
    fc.assert(
      fc.property(fc.array(step), fc.string({ unit: 'binary' }), (steps, label) => {
        const { metrics } = make();
        for (const [what, number, text] of steps) {
          if (what === 'admitted') metrics.admitted(number, { inputTokens: 1, outputTokens: 2 });
          else if (what === 'settled') metrics.settled({ inputTokens: 1, outputTokens: 2 }, number);
          else metrics[what](text);
        }
        const families = parseText(prometheusText(metrics.snapshot(), { labels: { label } }));
        for (const { type, samples } of families.values()) {
          for (const sample of samples) expect(sample.labels.label).toBe(label);
          if (type !== 'histogram') continue;
          const counts = samples.filter(({ name }) => name.endsWith('_bucket')).map(({ value }) => value);
          expect(counts).toHaveLength(SECONDS_BUCKETS.length + 1);
          expect(counts).toEqual([...counts].sort((a, b) => a - b));
          expect(counts.at(-1)).toBe(samples.find(({ name }) => name.endsWith('_count'))?.value);
        }
      }),
    );
  });

  test.each([
    ['options.prefix', { prefix: '9lives' }],
    ['options.prefix', { prefix: '' }],
    ['options.labels', { labels: [] }],
    ['options.labels.a-b', { labels: { 'a-b': 'x' } }],
    ['options.labels.__name', { labels: { __name: 'x' } }],
    ['options.labels.le', { labels: { le: 'x' } }],
    ['options.labels.key', { labels: { key: 5 } }],
    ['options.label', { label: {} }],
  ])('a wrong %s', (field, options) => {
    let error: unknown;
    try {
      prometheusText(make().metrics.snapshot(), options as never);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
  });
});

describe('looking ahead', () => {
  const MINUTE_MS = 60_000;
  const NOW_MS = 1_000_000;
  const ago = (ms: number, amount: number) => ({ atMs: NOW_MS - ms, amount });
  const ahead = (used: Array<{ atMs: number; amount: number }>, limit: number, windowMs = MINUTE_MS) =>
    timeToExhaustionMs(used, limit, NOW_MS, windowMs);

  test('at the rate of the window', () => {
    expect(ahead([ago(20_000, 30)], 60)).toBe(20_000);
    expect(ahead([ago(20_000, 10), ago(10_000, 20)], 60)).toBe(20_000);
  });

  test('a day, of which an hour is over', () => {
    const day = 24 * 60 * MINUTE_MS;
    const hour = 60 * MINUTE_MS;
    const used = [ago(hour, 50), ago(0, 50)];
    // Two calls are no rate yet: a tenth of the window is the least that is looked at.
    expect(ahead(used, 1000, day)).toBe(9 * (day / 10));
    expect(ahead([ago(4 * hour, 100)], 500, day)).toBe(16 * hour);
  });

  test('used up already, and never', () => {
    expect(ahead([ago(5000, 60)], 60)).toBe(0);
    expect(ahead([], 0)).toBe(0);
    expect(ahead([], 60)).toBe(Infinity);
    expect(ahead([ago(MINUTE_MS, 60), ago(-1, 60)], 60)).toBe(Infinity);
    // Half of the limit in every window goes on for ever.
    const even = Array.from({ length: 60 }, (_, index) => ago((59 - index) * 1000, 1));
    expect(ahead(even, 120)).toBe(Infinity);
  });

  test('what leaves the window makes room', () => {
    // 90 in 59 seconds. Before 5 more are there, 50 leave: 55 more are needed.
    expect(ahead([ago(59_000, 50), ago(1000, 40)], 95)).toBeCloseTo((55 * 59_000) / 90, 6);
  });

  test('agrees with living through it', () => {
    const part = fc.record({ ageMs: fc.nat(59_999), amount: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 400 }),
        (parts, limit) => {
          const used = parts.map(({ ageMs, amount }) => ago(ageMs, amount));
          const predicted = ahead(used, limit);
          const total = parts.reduce((sum, { amount }) => sum + amount, 0);
          const spanMs = Math.max(6000, ...parts.map(({ ageMs }) => ageMs));
          const perMs = total / spanMs;
          const heldAfter = (ms: number) =>
            used
              .filter(({ atMs }) => atMs > NOW_MS + ms - MINUTE_MS)
              .reduce((sum, { amount }) => sum + amount, 0) +
            perMs * Math.min(ms, MINUTE_MS);
          let lived = Infinity;
          for (let ms = 0; ms <= 2 * MINUTE_MS && lived === Infinity; ms += 100) {
            if (heldAfter(ms) >= limit) lived = ms;
          }
          if (predicted === Infinity) expect(lived).toBe(Infinity);
          // A peak that lasts less than a step is not lived through.
          else if (lived !== Infinity) expect(predicted).toBeLessThanOrEqual(lived + 1e-6);
          if (predicted > 0 && predicted < Infinity) {
            expect(heldAfter(predicted - 1e-3)).toBeGreaterThanOrEqual(limit - 1);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test.each([
    ['requests', [{ unit: 'requests', limit: 50, windowMs: MINUTE_MS }], 1200],
    [
      'the scarcest',
      [
        { unit: 'requests', limit: 50, windowMs: MINUTE_MS },
        { unit: 'inputTokens', limit: 40_000, windowMs: MINUTE_MS },
        { unit: 'outputTokens', limit: 8000, windowMs: MINUTE_MS },
      ],
      3000,
    ],
    ['both directions', [{ unit: 'tokens', limit: 10_000, windowMs: MINUTE_MS }], 8400],
    ['a day', [{ unit: 'requests', limit: 1000, windowMs: 86_400_000 }], 86_400],
    ['nothing', [], 0],
    ['none allowed', [{ unit: 'outputTokens', limit: 0, windowMs: MINUTE_MS }], Infinity],
  ])('the pace of %s', (_, limits, pauseMs) => {
    expect(recommendedPauseMs(limits as never, { inputTokens: 1000, outputTokens: 400 })).toBe(pauseMs);
  });

  test('what a call does not take does not slow it down', () => {
    const limits = [{ unit: 'outputTokens' as const, limit: 0, windowMs: MINUTE_MS }];
    expect(recommendedPauseMs(limits, { inputTokens: 1000, outputTokens: 0 })).toBe(0);
  });
});
