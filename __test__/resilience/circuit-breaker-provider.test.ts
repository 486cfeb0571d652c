/** What counts as a failure, and when the provider says that it will be back. */
import {
  breaker,
  closeAll,
  HOUR,
  MINUTE,
  manualClock,
  outcome,
  SECOND,
  START,
  works,
} from './breaker-helpers';

afterEach(closeAll);

const httpError = (status: number, headers: Record<string, string> = {}, message = 'x') =>
  Object.assign(new Error(message), { status, headers });
const response = (status: number, headers: Record<string, string> = {}) =>
  new Response(status === 204 ? null : '{}', { status, headers });

/** Failures that one outcome is. */
async function failuresOf(call: () => unknown): Promise<number> {
  const one = breaker('a');
  await outcome(one.execute(call));
  const { failures } = one;
  await one.close();
  return failures;
}

describe('errors', () => {
  test.each<readonly [string, unknown]>([
    ['any error', new Error('x')],
    ['a mistake', new TypeError('x is not a function')],
    ['something thrown that is no error', 'text'],
    ['nothing thrown', undefined],
    [
      'a network that failed',
      Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } }),
    ],
    ['a time-out', new DOMException('The operation timed out', 'TimeoutError')],
    ...[408, 425, 429, 500, 502, 503, 504, 529].map(status => [`${status}`, httpError(status)] as const),
    [
      '403 of GitHub for its limit',
      httpError(403, { 'x-github-request-id': '1', 'x-ratelimit-remaining': '0' }),
    ],
    ['403 with Retry-After', httpError(403, { 'retry-after': '5' })],
    ['an overloaded Anthropic', { error: { type: 'overloaded_error', message: 'Overloaded' } }],
  ])('%s is a failure', async (_, error) => {
    expect(await failuresOf(() => Promise.reject(error))).toBe(1);
  });

  test.each<readonly [string, unknown]>([
    ...[400, 401, 403, 404, 409, 413, 422].map(status => [`${status}`, httpError(status)] as const),
    ['404 of axios', Object.assign(new Error('x'), { response: { status: 404, headers: {} } })],
  ])('%s is the mistake of the caller: the service answers', async (_, error) => {
    const one = breaker('a', { threshold: 2 });
    await one.onFailure();
    await outcome(one.execute(() => Promise.reject(error)));
    expect(one.failures).toBe(0);
  });
});

describe('answers', () => {
  test.each([408, 429, 500, 503])('a response with %d is a failure', async status => {
    expect(await failuresOf(() => response(status))).toBe(1);
    expect(await failuresOf(async () => response(status))).toBe(1);
  });

  test('a response that refuses for limits is a failure', async () => {
    expect(await failuresOf(() => response(403, { 'retry-after': '60' }))).toBe(1);
  });

  test.each([
    ['a response with 200', () => response(200)],
    ['a response with 204', () => response(204)],
    ['a response with 304', () => ({ status: 304, headers: new Headers() })],
    ['a response with 404', () => response(404)],
    ['a body that happens to have a status', () => ({ status: 500, message: 'x' })],
    ['text', () => 'x'],
    ['nothing', () => undefined],
    ['null', () => null],
    [
      'an object whose getters throw',
      () => ({
        get status() {
          throw new Error('x');
        },
      }),
    ],
  ])('%s is none', async (_, call) => {
    expect(await failuresOf(call)).toBe(0);
  });
});

describe('isFailure', () => {
  test('decides about errors and answers', async () => {
    const isFailure = jest.fn((value: unknown, kind: 'error' | 'result') =>
      kind === 'error' ? String(value).includes('bad') : value === 'bad',
    );
    const one = breaker('a', { isFailure });
    await outcome(one.execute(() => 'bad'));
    await outcome(one.execute(() => Promise.reject(new Error('bad'))));
    expect(one.failures).toBe(2);
    await outcome(one.execute(() => Promise.reject(new Error('fine'))));
    expect(one.failures).toBe(0);
    await outcome(one.execute(() => Promise.resolve('bad')));
    await outcome(one.execute(() => 'good'));
    expect(one.failures).toBe(0);
    expect(isFailure.mock.calls.map(([, kind]) => kind)).toEqual([
      'result',
      'error',
      'error',
      'result',
      'result',
    ]);
  });

  test('one that throws is told by error, and the default decides', async () => {
    const boom = new Error('isFailure');
    const one = breaker('a', {
      isFailure: () => {
        throw boom;
      },
    });
    const errors: unknown[] = [];
    one.on('error', error => errors.push(error));
    expect(await outcome(one.execute(works))).toBe('answer');
    expect(await outcome(one.execute(() => Promise.reject(new TypeError('x'))))).toBe('TypeError');
    expect([one.failures, errors]).toEqual([1, [boom, boom]]);
  });
});

describe('the reset of the provider', () => {
  const cases: Array<[string, unknown, number]> = [
    ['Retry-After in seconds', httpError(429, { 'retry-after': '20' }), 20 * SECOND],
    ['retry-after-ms', httpError(429, { 'retry-after-ms': '1500' }), 1500],
    ['503 with Retry-After', httpError(503, { 'retry-after': '120' }), 2 * MINUTE],
    [
      'Retry-After as a date',
      httpError(429, {
        date: new Date(START).toUTCString(),
        'retry-after': new Date(START + 40 * SECOND).toUTCString(),
      }),
      40 * SECOND,
    ],
    [
      'GitHub, remaining 0',
      httpError(403, {
        date: new Date(START).toUTCString(),
        'x-github-request-id': 'x',
        'x-ratelimit-limit': '5000',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String((START + 10 * MINUTE) / 1000),
      }),
      10 * MINUTE,
    ],
    [
      '403 with nothing remaining, and no more said',
      httpError(403, {
        date: new Date(START).toUTCString(),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String((START + 10 * MINUTE) / 1000),
      }),
      10 * MINUTE,
    ],
    [
      'Anthropic, a reset alone',
      httpError(429, {
        date: new Date(START).toUTCString(),
        'anthropic-ratelimit-requests-reset': new Date(START + 20 * MINUTE).toISOString(),
      }),
      20 * MINUTE,
    ],
    [
      'Anthropic, of what is spent and not of what is left',
      httpError(429, {
        date: new Date(START).toUTCString(),
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': new Date(START + 20 * MINUTE).toISOString(),
        'anthropic-ratelimit-tokens-remaining': '1000',
        'anthropic-ratelimit-tokens-reset': new Date(START + 40 * MINUTE).toISOString(),
      }),
      20 * MINUTE,
    ],
    ['OpenAI, a reset alone', httpError(429, { 'x-ratelimit-reset-requests': '20m0s' }), 20 * MINUTE],
    [
      'OpenAI, nothing left',
      httpError(429, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '20m0s' }),
      20 * MINUTE,
    ],
    [
      'a reset beyond maxResetAfter',
      httpError(429, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '7h0m0s' }),
      HOUR,
    ],
    [
      'a reset of what is left',
      httpError(429, { 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-reset-requests': '20m0s' }),
      5 * MINUTE,
    ],
    ['nothing left, no reset', httpError(429, { 'x-ratelimit-remaining-requests': '0' }), 5 * MINUTE],
    [
      'a reset that is told when the money is spent',
      Object.assign(httpError(429, { 'x-ratelimit-reset-requests': '20m0s' }), {
        code: 'insufficient_quota',
      }),
      5 * MINUTE,
    ],
    ['longer than maxResetAfter', httpError(429, { 'retry-after': '86400' }), HOUR],
    ['none', httpError(500), 5 * MINUTE],
    ['429 that does not say', httpError(429), 5 * MINUTE],
  ];

  test.each(cases)('%s', async (_, error, openMs) => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, clock });
    await outcome(one.execute(() => Promise.reject(error)));
    expect(one.retryAt).toEqual(new Date(START + openMs));
  });

  test('of an answer, and of what is told by hand', async () => {
    const clock = manualClock();
    const [one, two] = [breaker('a', { threshold: 1, clock }), breaker('b', { threshold: 1, clock })];
    await one.execute(() => response(429, { 'retry-after': '7' }));
    await two.onFailure(response(429, { 'retry-after': '9' }));
    expect([one.retryAt, two.retryAt]).toEqual([new Date(START + 7 * SECOND), new Date(START + 9 * SECOND)]);
  });

  test('a later one that is told when it is open keeps it open', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, clock });
    let finish = (_error: unknown) => {};
    const underWay = outcome(one.execute(() => new Promise((_, reject) => (finish = reject))));
    await one.onFailure();
    finish(httpError(429, { 'retry-after': '600' }));
    await underWay;
    expect(one.retryAt).toEqual(new Date(START + 10 * MINUTE));
  });

  test('of a failed probe', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: 1, clock });
    await one.onFailure();
    clock.advance(1);
    await outcome(one.execute(() => response(503, { 'retry-after': '30' })));
    expect(one.retryAt).toEqual(new Date(START + 1 + 30 * SECOND));
  });
});
