/** The patterns of the guide, as functions. */
import type { TokenCoordinator } from '@wundr.io/token-budget/timers';
import { rejection } from '../facade/helpers';
import { advance, coordinator, DAY, fired, MINUTE, NOON, SECOND, useFakeTime } from './helpers';

useFakeTime();

const WEBHOOK = 'https://your-app.com/resume';
const on_expire = { webhook: WEBHOOK };
const epoch = (ms: number) => String(Math.floor(ms / 1000));

describe('fromRateLimit', () => {
  const github = (status: number, remaining: string, resetMs = NOON + 20 * MINUTE) => ({
    status,
    headers: {
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-reset': epoch(resetMs),
      'x-ratelimit-resource': 'core',
      'x-ratelimit-used': '5000',
    },
  });

  test('GitHub 403 with nothing remaining: at the reset', async () => {
    const minoots = coordinator({ run: false });
    const timer = await minoots.timers.fromRateLimit(github(403, '0'), on_expire);
    expect(timer).toMatchObject({
      name: 'GitHub API Reset',
      endTime: new Date(NOON + 20 * MINUTE),
      events: { on_expire },
      metadata: { provider: 'github', resource: 'core', kind: 'rate' },
    });
  });

  test('a Response of fetch', async () => {
    const { timers } = coordinator({ run: false });
    const { status, headers } = github(403, '0');
    const timer = await timers.fromRateLimit(new Response('{}', { status, headers }), on_expire);
    expect(timer).toMatchObject({ endTime: new Date(NOON + 20 * MINUTE) });
  });

  const spent = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': epoch(NOON + 20 * MINUTE) };
  test.each<[string, unknown]>([
    ['as the guide has it', { status: 403, headers: spent }],
    ['numbers', { status: 403, headers: { ...spent, 'x-ratelimit-reset': (NOON + 20 * MINUTE) / 1000 } }],
    ['a Response', new Response('{}', { status: 403, headers: spent })],
    [
      'an error with response',
      Object.assign(new Error('403'), { response: { status: 403, headers: spent } }),
    ],
    ['with a limit', { status: 403, headers: { ...spent, 'x-ratelimit-limit': '5000' } }],
    ['with its server', { status: 403, headers: { ...spent, server: 'GitHub.com' } }],
    ['with its address', { status: 403, headers: spent, url: 'https://api.github.com/user/repos' }],
  ])('the condition of the guide and no more: %s', async (_what, source) => {
    const { timers } = coordinator({ run: false });
    expect(await timers.fromRateLimit(source, on_expire)).toMatchObject({
      name: 'GitHub API Reset',
      endTime: new Date(NOON + 20 * MINUTE),
    });
  });

  test('403 of somebody unknown with nothing remaining, until a reset that counts from now', async () => {
    const { timers } = coordinator({ run: false });
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '90' };
    const timer = await timers.fromRateLimit({ status: 403, headers }, on_expire);
    expect(timer).toMatchObject({ name: 'API Reset', endTime: new Date(NOON + 90 * SECOND) });
  });

  test.each<[string, unknown, number]>([
    ['Retry-After in seconds', { status: 429, headers: { 'retry-after': '30' } }, 30 * SECOND],
    [
      'Retry-After as a date',
      { status: 429, headers: { 'retry-after': new Date(NOON + MINUTE).toUTCString() } },
      MINUTE,
    ],
    [
      'Anthropic',
      {
        status: 429,
        headers: {
          'retry-after': '12',
          'anthropic-ratelimit-requests-remaining': '0',
          'anthropic-ratelimit-requests-reset': new Date(NOON + MINUTE).toISOString(),
        },
      },
      12 * SECOND,
    ],
    [
      'OpenAI, which tells when everything is back',
      {
        status: 429,
        headers: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' },
      },
      6 * MINUTE,
    ],
    ['nothing told', { status: 429, headers: {} }, MINUTE],
    [
      'an error of a client',
      Object.assign(new Error('429'), { status: 429, headers: { 'retry-after': '5' } }),
      5 * SECOND,
    ],
    ['headers alone', github(403, '0').headers, 20 * MINUTE],
    [
      'Gemini',
      Object.assign(
        new Error(
          JSON.stringify({
            error: {
              code: 429,
              status: 'RESOURCE_EXHAUSTED',
              details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '58s' }],
            },
          }),
        ),
        { status: 429 },
      ),
      58 * SECOND,
    ],
  ])('%s', async (_what, source, waitMs) => {
    const { timers } = coordinator({ run: false });
    const timer = await timers.fromRateLimit(source, on_expire);
    expect(timer?.endTime.getTime()).toBe(NOON + waitMs);
  });

  test.each<[string, unknown]>([
    ['a response that was served', github(200, '10')],
    ['the last one that was', github(200, '0')],
    ['another error', { status: 500, headers: {} }],
    ['403 while something remains', { status: 403, headers: { ...spent, 'x-ratelimit-remaining': '3' } }],
    ['404 with nothing remaining', { status: 404, headers: spent }],
    ['403 that says nothing', { status: 403, headers: {} }],
    ['not found', { status: 404, headers: {} }],
    ['nothing', undefined],
    ['an ordinary error', new Error('boom')],
  ])('no timer for %s', async (_what, source) => {
    const { timers } = coordinator({ run: false });
    expect(await timers.fromRateLimit(source, on_expire)).toBeUndefined();
    expect((await timers.list()).timers).toEqual([]);
  });

  test('one reset is one timer, however often and by whomever it is told', async () => {
    const memory = { name: `patterns-${process.pid}` };
    const many = Array.from({ length: 8 }, () => coordinator({ memory, run: false }));
    const told = async (waitMs: number) =>
      Promise.all(
        many.map(({ timers }, n) =>
          timers.fromRateLimit(
            { status: 429, headers: { 'retry-after-ms': String(waitMs + n * 7) } },
            on_expire,
          ),
        ),
      );
    // On either side of the edge of a grain, too.
    for (const waitMs of [30_000, 14_980, 44_990]) {
      const found = await told(waitMs);
      expect(new Set(found.map(timer => timer?.id)).size).toBe(1);
      const { timers } = await (many[0] as TokenCoordinator).timers.list({ status: 'scheduled' });
      expect(timers).toHaveLength(1);
      // The last one that was told counts: nobody resumes too early.
      expect(timers[0]?.endTime.getTime()).toBeGreaterThanOrEqual(Date.now() + waitMs - 1000);
      await many[0]?.timers.cancel(String(timers[0]?.id));
    }
  });

  test('a refusal after the reset makes a new one, also within seconds', async () => {
    const minoots = coordinator();
    const events = fired(minoots);
    const ids = new Set<string>();
    for (let n = 0; n < 6; n += 1) {
      const timer = await minoots.timers.fromRateLimit(
        { status: 429, headers: { 'retry-after': '1' } },
        on_expire,
      );
      ids.add(String(timer?.id));
      await advance(1100);
    }
    expect(ids.size).toBe(6);
    expect(events).toHaveLength(6);
  });

  test('other resources and other accounts have other timers', async () => {
    const { timers } = coordinator({ run: false });
    const refused = { status: 429, headers: { 'retry-after': '30' } };
    await timers.fromRateLimit(refused, on_expire);
    await timers.fromRateLimit(refused, on_expire, { scope: 'octocat' });
    await timers.fromRateLimit(refused, on_expire, { scope: 'octocat', name: 'other' });
    await timers.fromRateLimit(github(403, '0'), on_expire);
    await timers.fromRateLimit(refused, on_expire, { provider: 'openai' });
    expect((await timers.list()).timers).toHaveLength(4);
  });

  describe('what the body of a Response says', () => {
    const gemini = JSON.stringify({
      error: {
        code: 429,
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '58s' }],
      },
    });
    const secondary = JSON.stringify({ message: 'You have exceeded a secondary rate limit.' });

    test('is read, and left to the caller', async () => {
      const { timers } = coordinator({ run: false });
      const response = new Response(gemini, { status: 429 });
      expect(await timers.fromRateLimit(response, on_expire)).toMatchObject({
        endTime: new Date(NOON + 58 * SECOND),
        metadata: { provider: 'gemini', kind: 'rate' },
      });
      expect(await response.text()).toBe(gemini);
    });

    test('also in an error that holds it', async () => {
      const { timers } = coordinator({ run: false });
      const response = new Response(secondary, { status: 403, headers: { server: 'GitHub.com' } });
      const error = Object.assign(new Error('403'), { response });
      expect(await timers.fromRateLimit(error, on_expire)).toMatchObject({
        metadata: { provider: 'github', kind: 'secondary' },
      });
    });

    test('not when it was read, and no more of it than 64 KiB', async () => {
      const { timers } = coordinator({ run: false });
      const read = new Response(secondary, { status: 403, headers: { server: 'GitHub.com' } });
      await read.text();
      expect(await timers.fromRateLimit(read, on_expire)).toBeUndefined();
      let pulls = 0;
      const endless = new ReadableStream({
        pull(controller) {
          pulls += 1;
          controller.enqueue(new Uint8Array(16_384).fill(32));
        },
      });
      const response = new Response(endless, { status: 429, headers: { 'retry-after': '5' } });
      expect(await timers.fromRateLimit(response, on_expire)).toMatchObject({
        endTime: new Date(NOON + 5 * SECOND),
      });
      expect(pulls).toBeLessThan(10);
    });

    test('as far as it came when it does not end', async () => {
      const { timers } = coordinator({ run: false });
      const hanging = new ReadableStream({
        start: controller => controller.enqueue(new TextEncoder().encode(gemini)),
      });
      const made = timers.fromRateLimit(new Response(hanging, { status: 429 }), on_expire);
      await advance(2000);
      expect(await made).toMatchObject({ endTime: new Date(NOON + 60 * SECOND) });
    });
  });

  test('without a scope, what is to be done tells them apart', async () => {
    const { timers } = coordinator({ run: false });
    const refused = { status: 429, headers: { 'retry-after': '30' } };
    const [one, other, third] = [{ webhook: WEBHOOK }, { webhook: `${WEBHOOK}/2` }, { data: { job: 7 } }];
    for (const expire of [one, other, third, one, other, third]) await timers.fromRateLimit(refused, expire);
    const made = (await timers.list()).timers.map(({ events }) => events.on_expire);
    expect(made).toHaveLength(3);
    expect(made).toEqual(expect.arrayContaining([one, other, third]));
  });

  test('a longer wait puts it off', async () => {
    const { timers } = coordinator({ run: false });
    const refused = (seconds: number) => ({ status: 429, headers: { 'retry-after': String(seconds) } });
    const first = await timers.fromRateLimit(refused(30), on_expire);
    const second = await timers.fromRateLimit(refused(36), on_expire);
    expect(second).toMatchObject({ id: first?.id, endTime: new Date(NOON + 36 * SECOND) });
    const third = await timers.fromRateLimit(refused(30), on_expire);
    expect(third).toMatchObject({ id: first?.id, endTime: new Date(NOON + 36 * SECOND) });
  });
});

describe('dailyReset', () => {
  const options = { dailyLimit: 1_000_000, on_expire };

  test('below the floor: at the next midnight, once', async () => {
    const minoots = coordinator({ defaultTimeZone: 'America/New_York' });
    const { timers } = minoots;
    expect(await timers.dailyReset({ ...options, used: 990_000 })).toBeUndefined();
    const timer = await timers.dailyReset({ ...options, used: 990_001 });
    expect(timer).toMatchObject({ name: 'Token Reset', endTime: new Date('2026-01-15T05:00:00Z') });
    expect(await timers.dailyReset({ ...options, used: 2_000_000 })).toMatchObject({ id: timer?.id });
    await advance(DAY);
    const next = await timers.dailyReset({ ...options, used: 990_001 });
    expect(next).toMatchObject({ endTime: new Date('2026-01-16T05:00:00Z') });
    expect(next?.id).not.toBe(timer?.id);
  });

  test.each<[string, object, number]>([
    ['OpenAI', { total_tokens: 995_000 }, 1],
    ['OpenAI Responses', { input_tokens: 990_000, output_tokens: 5000, total_tokens: 995_000 }, 1],
    ['Anthropic', { input_tokens: 500_000, cache_read_input_tokens: 490_000, output_tokens: 5000 }, 1],
    ['Gemini', { totalTokenCount: 995_000 }, 1],
    ['the tracker', { promptTokens: 1, completionTokens: 2, totalTokens: 995_000 }, 1],
    ['little', { total_tokens: 5 }, 0],
  ])('usage of %s', async (_whose, usage, count) => {
    const { timers } = coordinator({ run: false });
    await timers.dailyReset({ ...options, usage });
    expect((await timers.list()).timers).toHaveLength(count);
  });

  test('without a service, what is to be done tells them apart', async () => {
    const { timers } = coordinator({ run: false });
    for (const webhook of [WEBHOOK, `${WEBHOOK}/2`, WEBHOOK]) {
      await timers.dailyReset({ ...options, used: 995_000, on_expire: { webhook } });
    }
    expect((await timers.list()).timers).toHaveLength(2);
  });

  test('by service, with a floor and a zone of its own', async () => {
    const { timers } = coordinator({ run: false });
    const of = { ...options, used: 700_000, floor: 300_001, timeZone: 'Asia/Tokyo' };
    const one = await timers.dailyReset({ ...of, service: 'OpenAI' });
    const other = await timers.dailyReset({ ...of, service: 'Anthropic' });
    expect(one).toMatchObject({ name: 'OpenAI Token Reset', endTime: new Date('2026-01-14T15:00:00Z') });
    expect(other?.id).not.toBe(one?.id);
    expect(await timers.dailyReset({ ...of, floor: 300_000 })).toBeUndefined();
  });
});

describe('retry', () => {
  test.each([
    [0, 1000],
    [1, 2000],
    [2, 4000],
    [3, 8000],
    [4, 16_000],
  ])('attempt %d waits %d ms', async (attempt, delayMs) => {
    const { timers } = coordinator({ run: false });
    expect(await timers.retry(attempt, { on_expire })).toMatchObject({
      name: `Retry Attempt ${attempt + 1}`,
      duration: delayMs,
      events: { on_expire: { webhook: WEBHOOK, data: { attempt: attempt + 1 } } },
    });
  });

  test('at most 30 seconds, at most 5 attempts', async () => {
    const { timers } = coordinator({ run: false });
    expect(await timers.retry(9, { maxAttempts: 10 })).toMatchObject({ duration: 30_000 });
    for (const attempt of [5, 6, 100]) {
      const error = await rejection(timers.retry(attempt));
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ message: 'Max retry attempts exceeded', code: 'RETRIES_EXHAUSTED' });
    }
  });

  test('base, cap and data', async () => {
    const { timers } = coordinator({ run: false });
    const options = { base: '100ms', cap: '1s', maxAttempts: 50, data: { job: 7 } };
    expect(await timers.retry(2, options)).toMatchObject({
      duration: 400,
      events: { on_expire: { data: { job: 7 } } },
    });
    expect(await timers.retry(40, options)).toMatchObject({ duration: 1000 });
  });

  test('with an id: one timer for each attempt', async () => {
    const { timers } = coordinator({ run: false });
    const first = await timers.retry(0, { id: 'job-7' });
    expect(await timers.retry(0, { id: 'job-7' })).toMatchObject({ id: first.id });
    expect((await timers.retry(1, { id: 'job-7' })).id).not.toBe(first.id);
    expect((await timers.retry(0)).id).not.toBe((await timers.retry(0)).id);
  });
});

describe('budgetReset', () => {
  test('from 80 % on: at the next midnight, with the new budget', async () => {
    const { timers } = coordinator({ run: false });
    expect(await timers.budgetReset('openai', 79_999, 100_000, { on_expire })).toBeUndefined();
    const timer = await timers.budgetReset('openai', 80_000, 100_000, { on_expire });
    expect(timer).toMatchObject({
      name: 'openai Budget Reset',
      endTime: new Date('2026-01-15T00:00:00Z'),
      events: { on_expire: { webhook: WEBHOOK, data: { newBudget: 100_000 } } },
    });
    expect(await timers.budgetReset('openai', 90_000, 100_000)).toMatchObject({ id: timer?.id });
    expect(await timers.budgetReset('x', 51, 100, { at: 0.5 })).toBeDefined();
  });

  test('every percentage is met exactly', async () => {
    const { timers } = coordinator({ run: false });
    for (let percent = 1; percent <= 100; percent += 1) {
      const options = { at: percent / 100 };
      expect(await timers.budgetReset(`p${percent}`, percent - 1, 100, options)).toBeUndefined();
      expect(await timers.budgetReset(`p${percent}`, percent, 100, options)).toBeDefined();
    }
  });

  test('the midnight of a day that has 23 or 25 hours', async () => {
    const { timers } = coordinator({ run: false, defaultTimeZone: 'Europe/Berlin' });
    for (const [now, midnight] of [
      ['2026-03-28T23:30:00Z', '2026-03-29T22:00:00Z'],
      ['2026-10-24T22:30:00Z', '2026-10-25T23:00:00Z'],
    ] as const) {
      jest.setSystemTime(new Date(now));
      expect(await timers.budgetReset('openai', 1, 1)).toMatchObject({ endTime: new Date(midnight) });
    }
  });
});

describe('offPeak', () => {
  const operation = { name: 'reindex', shard: 3 };
  const execute = ({ shard }: typeof operation) => shard * 2;

  test('inside the window it runs now', async () => {
    jest.setSystemTime(new Date('2026-01-14T02:00:00Z'));
    const { timers } = coordinator({ run: false });
    expect(await timers.offPeak(operation, { execute })).toEqual({ executed: true, result: 6 });
    expect(await timers.offPeak(operation, { execute: async () => 'later' })).toEqual({
      executed: true,
      result: 'later',
    });
    expect((await timers.list()).timers).toEqual([]);
  });

  test.each([
    ['2026-01-14T01:59:59Z', '2026-01-14T02:00:00Z'],
    ['2026-01-14T08:00:00Z', '2026-01-15T02:00:00Z'],
    ['2026-01-14T23:00:00Z', '2026-01-15T02:00:00Z'],
  ])('at %s it waits for the next opening', async (now, opening) => {
    jest.setSystemTime(new Date(now));
    const { timers } = coordinator({ run: false });
    const outcome = await timers.offPeak(operation, { execute, on_expire });
    expect(outcome).toMatchObject({
      executed: false,
      timer: {
        name: 'Off-Peak Operation: reindex',
        endTime: new Date(opening),
        events: { on_expire: { webhook: WEBHOOK, data: operation } },
      },
    });
    const again = await timers.offPeak({ ...operation }, { execute, on_expire });
    expect(again.timer?.id).toBe(outcome.timer?.id);
    const other = await timers.offPeak({ ...operation, shard: 4 }, { execute, on_expire });
    expect(other.timer?.id).not.toBe(outcome.timer?.id);
  });

  test.each<[string, string, object, string]>([
    ['another window', '2026-01-14T12:00:00Z', { windows: '22:00-06:00' }, '2026-01-14T22:00:00Z'],
    ['over midnight', '2026-01-14T03:00:00Z', { windows: { from: '22:00', to: '06:00' } }, 'now'],
    ['several', '2026-01-14T12:00:00Z', { windows: ['02:00-08:00', '13:00-14:00'] }, '2026-01-14T13:00:00Z'],
    ['the weekend', '2026-01-14T12:00:00Z', { windows: '00:00-24:00', days: [0, 6] }, '2026-01-17T00:00:00Z'],
    ['a zone', '2026-01-14T12:00:00Z', { timeZone: 'Asia/Tokyo' }, '2026-01-14T17:00:00Z'],
    ['a day with a gap', '2026-03-29T00:30:00Z', { timeZone: 'Europe/Berlin' }, '2026-03-29T01:00:00Z'],
  ])('%s', async (_what, now, options, opening) => {
    jest.setSystemTime(new Date(now));
    const { timers } = coordinator({ run: false });
    const outcome = await timers.offPeak(operation, { ...options, execute });
    if (opening === 'now') expect(outcome.executed).toBe(true);
    else expect(outcome.timer?.endTime).toEqual(new Date(opening));
  });

  test('what cannot wait runs anyway', async () => {
    const { timers } = coordinator({ run: false });
    const run = async (options: object) =>
      (await timers.offPeak(operation, { execute, ...options })).executed;
    expect(await run({ emergencyFloor: 10, level: 9 })).toBe(true);
    expect(await run({ emergencyFloor: 10, level: async () => 9.9 })).toBe(true);
    expect(await run({ emergencyFloor: 10, level: 10 })).toBe(false);
    expect(await run({ runAnywayWhen: async ({ shard }: typeof operation) => shard === 3 })).toBe(true);
    expect(await run({ runAnywayWhen: () => false })).toBe(false);
  });

  test('without execute, now is a timer that is due', async () => {
    jest.setSystemTime(new Date('2026-01-14T05:00:00Z'));
    const minoots = coordinator();
    const events = fired(minoots);
    const outcome = await minoots.timers.offPeak(operation, { on_expire: { message: 'go' } });
    expect(outcome).toMatchObject({ executed: false, timer: { duration: 0 } });
    await advance(1);
    expect(events).toMatchObject([{ message: 'go', data: operation }]);
  });

  test('what execute throws is thrown', async () => {
    jest.setSystemTime(new Date('2026-01-14T05:00:00Z'));
    const { timers } = coordinator({ run: false });
    const broken = () => {
      throw new RangeError('broken');
    };
    expect(await rejection(timers.offPeak(operation, { execute: broken }))).toBeInstanceOf(RangeError);
  });
});

type Timers = ReturnType<typeof coordinator>['timers'];

test.each<[string, (timers: Timers) => Promise<unknown>]>([
  ['options', timers => timers.fromRateLimit({}, {}, null as never)],
  ['options.wait', timers => timers.fromRateLimit({}, {}, { wait: 1 } as never)],
  ['options.provider', timers => timers.fromRateLimit({}, {}, { provider: 'acme' as never })],
  ['options.scope', timers => timers.fromRateLimit({}, {}, { scope: '' })],
  ['options.defaultWait', timers => timers.fromRateLimit({}, {}, { defaultWait: 0 })],
  ['on_expire', timers => timers.fromRateLimit({}, 'https://x' as never)],
  ['on_expire.webhook', timers => timers.fromRateLimit({}, { webhook: 'x' })],
  ['options', timers => timers.dailyReset(undefined as never)],
  ['options.used', timers => timers.dailyReset({ dailyLimit: 5 })],
  ['options.used', timers => timers.dailyReset({ dailyLimit: 5, used: -1 })],
  ['options.usage', timers => timers.dailyReset({ dailyLimit: 5, usage: {} })],
  [
    'options.usage.total_tokens',
    timers => timers.dailyReset({ dailyLimit: 5, usage: { total_tokens: 1.5 } }),
  ],
  ['options.dailyLimit', timers => timers.dailyReset({ used: 5 } as never)],
  ['options.floor', timers => timers.dailyReset({ dailyLimit: 5, used: 5, floor: -1 })],
  ['options.service', timers => timers.dailyReset({ dailyLimit: 5, used: 5, service: '' })],
  ['options.timeZone', timers => timers.dailyReset({ dailyLimit: 5, used: 5, timeZone: 'x' })],
  ['options.limit', timers => timers.dailyReset({ dailyLimit: 5, used: 5, limit: 1 } as never)],
  ['attempt', timers => timers.retry(-1)],
  ['attempt', timers => timers.retry('1' as never)],
  ['options.maxAttempts', timers => timers.retry(0, { maxAttempts: 0 })],
  ['options.base', timers => timers.retry(0, { base: 'x' })],
  ['options.cap', timers => timers.retry(0, { base: 10, cap: 5 })],
  ['options.data', timers => timers.retry(0, { data: 5n })],
  ['options.id', timers => timers.retry(0, { id: '' })],
  ['options.on_expire.webhook', timers => timers.retry(0, { on_expire: { webhook: 'x' } })],
  ['options.metadata', timers => timers.retry(0, { metadata: 5 as never })],
  ['options.signal', timers => timers.retry(0, { signal: 5 as never })],
  ['service', timers => timers.budgetReset('', 1, 1)],
  ['tokensUsed', timers => timers.budgetReset('x', -1, 1)],
  ['dailyBudget', timers => timers.budgetReset('x', 1, Number.NaN)],
  ['options.at', timers => timers.budgetReset('x', 1, 1, { at: 0 })],
  ['options.timeZone', timers => timers.budgetReset('x', 1, 1, { timeZone: '' })],
  ['operation', timers => timers.offPeak(() => 5)],
  ['options.windows', timers => timers.offPeak(1, { windows: '2-8' })],
  ['options.windows', timers => timers.offPeak(1, { windows: [] })],
  ['options.windows[0].from', timers => timers.offPeak(1, { windows: [{ from: '25:00', to: '08:00' }] })],
  [
    'options.windows[0].day',
    timers => timers.offPeak(1, { windows: [{ from: '02:00', to: '08:00', day: 1 } as never] }),
  ],
  ['options.days', timers => timers.offPeak(1, { days: [] })],
  ['options.days[0]', timers => timers.offPeak(1, { days: [7] })],
  ['options.timeZone', timers => timers.offPeak(1, { timeZone: 'x' })],
  ['options.execute', timers => timers.offPeak(1, { execute: 'x' as never })],
  ['options.level', timers => timers.offPeak(1, { level: 5 })],
  ['options.level', timers => timers.offPeak(1, { emergencyFloor: 5 })],
  ['options.emergencyFloor', timers => timers.offPeak(1, { emergencyFloor: '5' as never, level: 1 })],
  ['options.runAnywayWhen', timers => timers.offPeak(1, { runAnywayWhen: true as never })],
])('%s is named', async (field, call) => {
  const error = await rejection(call(coordinator({ run: false }).timers));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
});
