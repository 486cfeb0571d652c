/** What each provider says, row by row. The instant of every answer is NOW, told by its `Date`. */
import { join } from 'node:path';

const { readSignals } = require(
  join(__dirname, '../../dist/providers'),
) as typeof import('../../facade/providers');

type Signals = ReturnType<typeof readSignals>;

const NOW_MS = Date.UTC(2026, 10, 25, 12, 0, 0);
const NOW_S = NOW_MS / 1000;
const date = 'Wed, 25 Nov 2026 12:00:00 GMT';
/** A clock that is wrong by a day: the answer's own counts. */
const nowMs = NOW_MS - 86_400_000;

const read = (status: number, headers: Record<string, string>, error?: object): Signals =>
  readSignals({ status, headers: { date, ...headers }, ...(error && { error }) }, { nowMs });

const requests = (limit: number, remaining: number, resetInMs: number) => ({
  unit: 'requests',
  limit,
  remaining,
  resetInMs,
});

describe('OpenAI', () => {
  const headers = {
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-limit-tokens': '150000',
    'x-ratelimit-remaining-requests': '59',
    'x-ratelimit-remaining-tokens': '149984',
    'x-ratelimit-reset-requests': '1s',
    'x-ratelimit-reset-tokens': '6m0s',
  };

  test('requests and tokens, resets as durations', () => {
    expect(read(200, headers)).toEqual({
      provider: 'openai',
      readings: [
        requests(60, 59, 1000),
        { unit: 'tokens', limit: 150_000, remaining: 149_984, resetInMs: 360_000 },
      ],
      isUnauthorized: false,
      isSuccess: true,
      status: 200,
    });
  });

  test.each([
    ['1s', 1000],
    ['6m0s', 360_000],
    ['12ms', 12],
    ['1h2m3.5s', 3_723_500],
    ['1d', 86_400_000],
    ['1d2h', 93_600_000],
    ['7.66s', 7660],
    ['0.4ms', 1],
    ['250µs', 1],
    ['20', 20_000],
  ])('the reset %s', (text, resetInMs) => {
    expect(read(200, { ...headers, 'x-ratelimit-reset-requests': text }).readings[0]).toEqual(
      requests(60, 59, resetInMs),
    );
  });

  test.each(['0s', '', 'soon', '-1s', '6m 0s', '1s2h', '1.s', '1sm', '1e3s', '99999999999d', 's', '1s1s'])(
    'the reset %j makes no reading',
    text => {
      const { readings } = read(200, { ...headers, 'x-ratelimit-reset-requests': text });
      expect(readings.map(reading => reading.unit)).toEqual(['tokens']);
    },
  );

  test('a reset that is not told is assumed to be that of a minute', () => {
    const { readings } = read(200, {
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-limit-requests': '60',
    });
    expect(readings).toEqual([requests(60, 3, 60_000)]);
  });

  test.each([
    ['57000', '149984', 57_000, 60_000, 3000],
    ['149985', '149984', 149_984, 150_000, 360_000],
    // As much left in both: the longer reset.
    ['7', '7', 7, 150_000, 360_000],
  ])('project tokens %s and tokens %s: the smaller counts', (project, model, remaining, limit, resetInMs) => {
    const { readings } = read(200, {
      ...headers,
      'x-ratelimit-remaining-tokens': model,
      'x-ratelimit-limit-project-tokens': '60000',
      'x-ratelimit-remaining-project-tokens': project,
      'x-ratelimit-reset-project-tokens': '3s',
    });
    expect(readings.filter(reading => reading.unit === 'tokens')).toEqual([
      { unit: 'tokens', limit, remaining, resetInMs },
    ]);
  });

  test('429: too fast, and the reset of a bucket is not when a retry works', () => {
    const error = { message: 'Rate limit reached', type: 'tokens', code: 'rate_limit_exceeded' };
    const spent = { ...headers, 'x-ratelimit-remaining-tokens': '0' };
    expect(read(429, spent, error).hit).toEqual({ kind: 'rate' });
    expect(read(429, { ...spent, 'retry-after-ms': '1500', 'retry-after': '2' }, error).hit).toEqual({
      kind: 'rate',
      retryAfterMs: 1500,
    });
  });

  test.each([
    { code: 'insufficient_quota', type: 'insufficient_quota' },
    { code: null, type: 'insufficient_quota' },
    { code: 'billing_hard_limit_reached', type: 'invalid_request_error' },
    { code: 'credit_balance_exhausted', type: 'insufficient_quota' },
  ])('429 for the money: %j', error => {
    expect(read(429, {}, { ...error, message: 'You exceeded your current quota' })).toMatchObject({
      provider: expect.stringMatching(/openai|generic/),
      hit: { kind: 'quota' },
      isSuccess: false,
    });
  });
});

describe('Anthropic', () => {
  const names = ['requests', 'tokens', 'input-tokens', 'output-tokens'];
  const headers = Object.fromEntries(
    names.flatMap((name, index) => [
      [`anthropic-ratelimit-${name}-limit`, String(1000 * (index + 1))],
      [`anthropic-ratelimit-${name}-remaining`, String(index)],
      [`anthropic-ratelimit-${name}-reset`, '2026-11-25T12:00:30Z'],
    ]),
  );
  const error = { type: 'error', error: { type: 'rate_limit_error', message: 'This request would exceed' } };

  test('four limits, resets in RFC 3339', () => {
    const { provider, readings, isSuccess } = read(200, headers);
    expect(provider).toBe('anthropic');
    expect(isSuccess).toBe(true);
    expect(readings).toEqual([
      requests(1000, 0, 30_000),
      { unit: 'inputTokens', limit: 3000, remaining: 2, resetInMs: 30_000 },
      { unit: 'outputTokens', limit: 4000, remaining: 3, resetInMs: 30_000 },
      { unit: 'tokens', limit: 2000, remaining: 1, resetInMs: 30_000 },
    ]);
  });

  test.each([
    ['2026-11-25T12:00:00.2501Z', 251],
    ['2026-11-25T13:00:05+01:00', 5000],
    ['2026-11-25T06:30:05-05:30', 5000],
    ['2026-11-25t12:00:05z', 5000],
  ])('the reset %s', (text, resetInMs) => {
    const { readings } = read(200, { ...headers, 'anthropic-ratelimit-requests-reset': text });
    expect(readings[0]).toEqual(requests(1000, 0, resetInMs));
  });

  test.each([
    '2026-11-25T12:00:00Z',
    '2026-11-25T11:59:59Z',
    '2026-11-31T12:00:30Z',
    '2026-11-25T24:00:00Z',
    '2026-11-25T12:60:00Z',
    '2026-13-25T12:00:00Z',
    '2026-11-25T12:00:30',
    '2026-11-25T12:00:30+24:00',
    'tomorrow',
    String(NOW_S + 30),
  ])('a reset that is over or cannot be read makes no reading: %s', text => {
    const { readings } = read(200, { ...headers, 'anthropic-ratelimit-requests-reset': text });
    expect(readings.map(reading => reading.unit)).toEqual(['inputTokens', 'outputTokens', 'tokens']);
  });

  test('429', () => {
    expect(read(429, headers, error).hit).toEqual({ kind: 'rate' });
    expect(read(429, { ...headers, 'retry-after': '17' }, error).hit).toEqual({
      kind: 'rate',
      retryAfterMs: 17_000,
    });
  });

  test('429 of a subscription: its reset is in epoch seconds', () => {
    const unified = { 'anthropic-ratelimit-unified-reset': String(NOW_S + 3600) };
    expect(read(429, unified, error)).toMatchObject({
      provider: 'anthropic',
      hit: { kind: 'rate', retryAfterMs: 3_600_000 },
    });
    expect(read(429, { ...unified, 'retry-after': '300' }, error).hit?.retryAfterMs).toBe(300_000);
    expect(read(200, unified).hit).toBeUndefined();
    expect(readSignals({ ...unified, date }).hit).toBeUndefined();
    const over = { 'anthropic-ratelimit-unified-reset': String(NOW_S - 1) };
    expect(read(429, over, error).hit).toEqual({ kind: 'rate' });
  });

  test.each([
    [402, 'billing_error', 'Payment required'],
    [400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'],
    [400, 'invalid_request_error', 'You have reached your specified API usage limits.'],
    [429, 'billing_error', 'Spend limit'],
  ])('%i %s is of the money', (status, type, message) => {
    expect(read(status, {}, { type: 'error', error: { type, message } }).hit).toEqual({ kind: 'quota' });
  });

  test('400 of another kind is no hit', () => {
    const other = {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'max_tokens: required' },
    };
    expect(read(400, headers, other)).toMatchObject({ isSuccess: false, isUnauthorized: false });
    expect(read(400, headers, other).hit).toBeUndefined();
  });

  test.each([404, 413, 429])(
    'words about money are believed with a status for it only, not with %i',
    status => {
      const type = status === 429 ? 'rate_limit_error' : 'not_found_error';
      const { hit } = read(
        status,
        {},
        { type: 'error', error: { type, message: 'Over the API usage limits' } },
      );
      expect(hit).toEqual(status === 429 ? { kind: 'rate' } : undefined);
    },
  );

  test('529: overloaded, also without any time and in a stream that began with success', () => {
    const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(read(529, headers).hit).toEqual({ kind: 'rate' });
    expect(read(529, {}, overloaded)).toMatchObject({ hit: { kind: 'rate' }, isOverloaded: true });
    expect(readSignals({ error: overloaded, status: undefined })).toMatchObject({
      provider: 'anthropic',
      hit: { kind: 'rate' },
      isOverloaded: true,
      isSuccess: false,
    });
    expect(read(503, { ...headers, 'retry-after': '5' }).isOverloaded).toBe(true);
    expect(read(429, headers).isOverloaded).toBeUndefined();
    expect(read(503, headers).isOverloaded).toBeUndefined();
  });
});

describe('Azure OpenAI', () => {
  const azure = { 'apim-request-id': 'f0', 'x-ms-region': 'Sweden Central' };

  test('resets are whole seconds', () => {
    const signals = read(200, {
      ...azure,
      'x-ratelimit-limit-requests': '10',
      'x-ratelimit-remaining-requests': '9',
      'x-ratelimit-reset-requests': '10',
      'x-ratelimit-remaining-tokens': '900',
      'x-rate-limit-reset-tokens': '5',
    });
    expect(signals).toMatchObject({
      provider: 'azure',
      readings: [requests(10, 9, 10_000), { unit: 'tokens', remaining: 900, resetInMs: 5000 }],
    });
  });

  test.each([
    ['-1', '0', '-1'],
    ['0', '0', '0'],
    ['0', '-1', '-1'],
    ['0', '10', '0'],
  ])('remaining %s, limit %s, reset %s are not known', (remaining, limit, reset) => {
    const headers = {
      ...azure,
      'x-ratelimit-remaining-tokens': remaining,
      'x-ratelimit-limit-tokens': limit,
      'x-ratelimit-reset-tokens': reset,
    };
    expect(read(200, headers).readings).toEqual([]);
  });

  test('a reset of 0 or none: what remains is known for a minute at most', () => {
    const left = { ...azure, 'x-ratelimit-remaining-tokens': '50', 'x-ratelimit-limit-tokens': '0' };
    const reading = { unit: 'tokens', remaining: 50, resetInMs: 60_000 };
    expect(read(200, left).readings).toEqual([reading]);
    expect(read(200, { ...left, 'x-ratelimit-reset-tokens': '0' }).readings).toEqual([reading]);
  });

  test('nothing left, with a reset, is believed', () => {
    const spent = {
      ...azure,
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-limit-requests': '6',
      'x-ratelimit-reset-requests': '8',
    };
    expect(read(429, spent)).toMatchObject({
      readings: [requests(6, 0, 8000)],
      hit: { kind: 'rate', retryAfterMs: 8000 },
    });
  });

  test.each([
    [{ 'retry-after-ms': '1200', 'x-ms-retry-after-ms': '3400', 'retry-after': '5' }, 1200],
    [{ 'x-ms-retry-after-ms': '3400', 'retry-after': '5' }, 3400],
    [{ 'retry-after': '5' }, 5000],
    [{ 'retry-after': ['120', '120'] }, 120_000],
    [{ 'retry-after': '5, 120, 7' }, 120_000],
    [{ 'retry-after-ms': '1200, 1300', 'retry-after': '5' }, 1300],
    [{ 'retry-after': 'soon, 120' }, undefined],
    [{ 'retry-after-ms': '0', 'x-ms-retry-after-ms': '-1', 'retry-after': '5' }, 5000],
    [{ 'retry-after-ms': '-1', 'retry-after': '0' }, undefined],
    [{ 'retry-after': '-1', 'x-rate-limit-reset-tokens': '26' }, 26_000],
    [{ 'retry-after': '-1', 'x-rate-limit-reset-tokens': '0' }, undefined],
  ])('429 with %j', (headers, retryAfterMs) => {
    const { hit } = read(429, { ...azure, ...(headers as Record<string, string>) });
    expect(hit).toEqual(retryAfterMs === undefined ? { kind: 'rate' } : { kind: 'rate', retryAfterMs });
  });
});

describe('Gemini', () => {
  const body = (quotaIds: string[], retryDelay?: unknown) => ({
    error: {
      code: 429,
      message: 'You exceeded your current quota, please check your plan and billing details.',
      status: 'RESOURCE_EXHAUSTED',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.Help', links: [] },
        ...(quotaIds.length > 0
          ? [
              {
                '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
                violations: quotaIds.map(quotaId => ({
                  quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
                  quotaId,
                  quotaDimensions: { location: 'global', model: 'gemini-2.5-flash' },
                  quotaValue: '20',
                })),
              },
            ]
          : []),
        ...(retryDelay === undefined
          ? []
          : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }]),
      ],
    },
  });
  const PER_MINUTE = 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier';
  const PER_DAY = 'GenerateRequestsPerDayPerProjectPerModel-FreeTier';

  test.each([
    ['a minute', body([PER_MINUTE], '58s'), { kind: 'rate', retryAfterMs: 58_000 }],
    ['parts of a second', body([PER_MINUTE], '44.541946063s'), { kind: 'rate', retryAfterMs: 44_542 }],
    ['a day', body([PER_DAY]), { kind: 'quota' }],
    ['a day and a minute', body([PER_MINUTE, PER_DAY], '58s'), { kind: 'quota', retryAfterMs: 58_000 }],
    ['no violations', body([], '3s'), { kind: 'rate', retryAfterMs: 3000 }],
    ['a delay that cannot be read', body([PER_MINUTE], { seconds: '58' }), { kind: 'rate' }],
    ['no details', { error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'x' } }, { kind: 'rate' }],
  ])('%s', (_, given, hit) => {
    const expected = { provider: 'gemini', hit, status: 429, readings: [], isSuccess: false };
    expect(readSignals(given)).toMatchObject(expected);
    // As in a stream.
    expect(readSignals([given])).toMatchObject(expected);
    // As @google/genai throws it.
    const error = Object.assign(new Error(JSON.stringify(given)), { name: 'ApiError', status: 429 });
    expect(readSignals(error)).toMatchObject(expected);
    const words = `got status: 429 Too Many Requests. ${JSON.stringify(given)}`;
    expect(readSignals(new Error(words))).toMatchObject(expected);
    // As @google-cloud/vertexai has it.
    expect(readSignals(new Error(`[VertexAI.ClientError]: ${words}`))).toMatchObject(expected);
  });

  test('as @google/generative-ai throws it', () => {
    const errorDetails = body([PER_DAY], '58s').error.details;
    const error = Object.assign(new Error('[GoogleGenerativeAI Error]'), { status: 429, errorDetails });
    expect(readSignals(error)).toMatchObject({
      provider: 'gemini',
      hit: { kind: 'quota', retryAfterMs: 58_000 },
    });
  });

  test('overloaded: a hit only where a delay is asked for', () => {
    const unavailable = { error: { code: 503, status: 'UNAVAILABLE', message: 'high demand' } };
    expect(readSignals(unavailable).hit).toBeUndefined();
    const asking = { error: { ...unavailable.error, details: body([], '7s').error.details } };
    expect(readSignals(asking).hit).toEqual({ kind: 'rate', retryAfterMs: 7000 });
  });
});

describe('GitHub', () => {
  const left = (remaining: number, resetInS = 600) => ({
    'x-github-request-id': 'A0:1',
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-used': String(5000 - remaining),
    'x-ratelimit-reset': String(NOW_S + resetInS),
    'x-ratelimit-resource': 'core',
  });
  const secondary = { message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' };

  test('served', () => {
    expect(read(200, left(4999))).toEqual({
      provider: 'github',
      readings: [requests(5000, 4999, 600_000)],
      resource: 'core',
      isUnauthorized: false,
      isSuccess: true,
      status: 200,
    });
  });

  test('the last call that is served is no hit', () => {
    expect(read(200, left(0)).hit).toBeUndefined();
    const alone = readSignals({ ...left(0), date });
    expect(alone).toMatchObject({ isSuccess: true, readings: [requests(5000, 0, 600_000)] });
    expect(alone.hit).toBeUndefined();
    const asking = readSignals({ ...left(0), date, 'retry-after': '30' });
    expect(asking.hit).toEqual({ kind: 'rate', retryAfterMs: 600_000 });
  });

  test('what is used tells what remains', () => {
    const { 'x-ratelimit-remaining': _, ...headers } = left(4000);
    expect(read(200, headers).readings).toEqual([requests(5000, 4000, 600_000)]);
  });

  test.each([403, 429])('%i with nothing remaining: until the reset', status => {
    expect(read(status, left(0))).toMatchObject({
      hit: { kind: 'rate', retryAfterMs: 600_000 },
      isSuccess: false,
    });
    expect(read(status, { ...left(0), 'retry-after': '30' }).hit).toEqual({
      kind: 'rate',
      retryAfterMs: 600_000,
    });
    expect(read(status, left(0, -5))).toMatchObject({ readings: [], hit: { kind: 'rate' } });
  });

  test.each([403, 429])('%i of the secondary kind', status => {
    const asked = { kind: 'secondary', retryAfterMs: 30_000 };
    expect(read(status, { ...left(4000), 'retry-after': '30' }).hit).toEqual(asked);
    expect(read(status, { ...left(0), 'retry-after': '30' }, secondary).hit).toEqual(asked);
    expect(read(status, left(0), secondary).hit).toEqual({ kind: 'secondary', retryAfterMs: 600_000 });
    expect(read(status, left(4000), secondary).hit).toEqual({ kind: 'secondary' });
    expect(read(status, {}, secondary)).toMatchObject({ provider: 'github', hit: { kind: 'secondary' } });
    expect(read(status, {}, secondary).hit).toEqual({ kind: 'secondary' });
  });

  test('403 without any sign of a limit is no hit, and 429 always is one', () => {
    expect(read(403, left(4000), { message: 'Resource not accessible by integration' }).hit).toBeUndefined();
    expect(read(429, left(4000)).hit).toEqual({ kind: 'secondary' });
  });

  test('403 for a missing permission is no hit, though nothing remains', () => {
    const message = 'Resource not accessible by personal access token';
    const signals = read(403, left(0), { message, documentation_url: 'https://docs.github.com/rest' });
    expect(signals.hit).toBeUndefined();
    expect(signals.readings).toEqual([requests(5000, 0, 600_000)]);
    expect(read(403, left(0), { message: 'API rate limit exceeded for user ID 1.' }).hit).toBeDefined();
  });

  test('403 that only says so', () => {
    const error = {
      message: 'API rate limit exceeded for 192.0.2.1.',
      documentation_url: 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api',
    };
    expect(read(403, {}, error)).toMatchObject({ provider: 'github', hit: { kind: 'rate' } });
  });

  test('401', () => {
    expect(read(401, left(59), { message: 'Bad credentials' })).toMatchObject({
      isUnauthorized: true,
      isSuccess: false,
    });
  });

  test("Octokit's errors", () => {
    const rest = Object.assign(new Error(secondary.message), {
      name: 'HttpError',
      status: 403,
      response: { status: 403, url: '', headers: { ...left(4000), date }, data: secondary },
    });
    expect(readSignals(rest)).toMatchObject({
      provider: 'github',
      hit: { kind: 'secondary' },
      readings: [requests(5000, 4000, 600_000)],
    });
    const errors = [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded' }];
    const headers = { ...left(0), date };
    const graphql = Object.assign(new Error('Request failed'), { errors, headers, response: { errors } });
    expect(readSignals(graphql).hit).toEqual({ kind: 'rate', retryAfterMs: 600_000 });
    expect(readSignals({ status: 200, headers, data: { errors } })).toMatchObject({
      status: 200,
      hit: { kind: 'rate', retryAfterMs: 600_000 },
      isSuccess: false,
    });
  });
});

describe('GitLab', () => {
  const headers = {
    'RateLimit-Limit': '600',
    'RateLimit-Observed': '5',
    'RateLimit-Remaining': '595',
    'RateLimit-Reset': String(NOW_S + 60),
    'RateLimit-ResetTime': 'Wed, 25 Nov 2026 12:01:00 GMT',
  };

  test('served', () => {
    expect(read(200, headers)).toMatchObject({ provider: 'gitlab', readings: [requests(600, 595, 60_000)] });
  });

  test('each header may be missing', () => {
    const { 'RateLimit-Reset': _, ...dated } = headers;
    expect(read(200, dated).readings).toEqual([requests(600, 595, 60_000)]);
    const { 'RateLimit-Remaining': __, ...observed } = headers;
    expect(read(200, observed).readings).toEqual([requests(600, 595, 60_000)]);
    expect(read(200, { ...headers, 'RateLimit-Reset': 'soon' }).readings).toEqual([
      requests(600, 595, 60_000),
    ]);
    const { 'RateLimit-ResetTime': ___, ...untimed } = dated;
    expect(read(200, { ...untimed, 'RateLimit-Remaining': '7' }).readings).toEqual([
      requests(600, 7, 60_000),
    ]);
    const unreadable = { ...headers, 'RateLimit-Reset': 'soon', 'RateLimit-ResetTime': 'later' };
    expect(read(200, unreadable).readings).toEqual([]);
    expect(read(429, {}).hit).toEqual({ kind: 'rate' });
  });

  test('429', () => {
    const spent = { ...headers, 'RateLimit-Remaining': '0' };
    expect(read(429, { ...spent, 'Retry-After': '12' }).hit).toEqual({ kind: 'rate', retryAfterMs: 12_000 });
    expect(read(429, spent).hit).toEqual({ kind: 'rate', retryAfterMs: 60_000 });
    expect(read(429, headers).hit).toEqual({ kind: 'rate' });
  });

  test("gitbeaker's error", () => {
    const response = new Response('{}', { status: 429, headers: { ...headers, date, 'Retry-After': '12' } });
    const error = new Error('Too Many Requests', { cause: { description: 'Retry later', response } });
    expect(readSignals(error)).toMatchObject({
      provider: 'gitlab',
      status: 429,
      hit: { kind: 'rate', retryAfterMs: 12_000 },
    });
  });
});

describe('gitbeaker after its own retries', () => {
  const gaveUp = (status: number, name = 'GitbeakerRetryError') =>
    Object.assign(
      new Error(
        `Could not successfully complete this request after 10 retries, last status code: ${status}. Check the applicable rate limits for this endpoint.`,
      ),
      { name },
    );

  test('the last status is what it says', () => {
    expect(readSignals(gaveUp(429))).toEqual({
      provider: 'gitlab',
      readings: [],
      hit: { kind: 'rate' },
      isUnauthorized: false,
      isSuccess: false,
      status: 429,
    });
    expect(readSignals(new Error('no', { cause: gaveUp(429) }))).toMatchObject({ hit: { kind: 'rate' } });
    expect(readSignals(gaveUp(502))).toMatchObject({ provider: 'gitlab', status: 502, isSuccess: false });
    expect(readSignals(gaveUp(502)).hit).toBeUndefined();
  });

  test('the same words of somebody else say nothing', () => {
    expect(readSignals(gaveUp(429, 'Error'))).toMatchObject({ provider: 'generic', isSuccess: false });
    expect(readSignals(gaveUp(429, 'Error')).hit).toBeUndefined();
    expect(readSignals({ ...gaveUp(429) }).hit).toBeUndefined();
  });
});

describe('Bitbucket', () => {
  const headers = {
    'X-RateLimit-Limit': '1000',
    'X-RateLimit-Resource': 'api_repository',
    'X-RateLimit-NearLimit': 'true',
  };

  test('neither what remains nor when it is reset', () => {
    expect(read(200, headers)).toEqual({
      provider: 'bitbucket',
      readings: [],
      resource: 'api_repository',
      nearLimit: true,
      limit: 1000,
      isUnauthorized: false,
      isSuccess: true,
      status: 200,
    });
    expect(read(200, { ...headers, 'X-RateLimit-NearLimit': 'false' }).nearLimit).toBe(false);
    expect(read(200, { ...headers, 'X-RateLimit-NearLimit': 'maybe' })).not.toHaveProperty('nearLimit');
    expect(read(429, headers).hit).toEqual({ kind: 'rate' });
  });
});

describe('the IETF draft', () => {
  const policy = '"burst";q=100;w=60';

  test.each([
    ['"default";r=50;t=30', '"default";q=100;w=60', [requests(100, 50, 30_000)]],
    ['"default";r=50;t=30', undefined, [{ unit: 'requests', remaining: 50, resetInMs: 30_000 }]],
    ['"default";r=50;t=30', policy, [{ unit: 'requests', remaining: 50, resetInMs: 30_000 }]],
    // No time: the window of the policy bounds it.
    ['"burst";r=50', policy, [requests(100, 50, 60_000)]],
    ['"burst";r=50', undefined, []],
    ['"burst";r=50;t=0', policy, []],
    ['burst;r=50;t=1', policy, [requests(100, 50, 1000)]],
    ['"burst"; r=50; t=1 , "day";r=7;t=9', `${policy}, "day";q=500;w=86400`, [requests(500, 7, 9000)]],
    ['"burst";r=50;t=1;pk=:cHsdsRa894==:', `${policy};pk=:YQ==:`, [requests(100, 50, 1000)]],
    ['"a\\"b\\\\";r=1;t=1', '"a\\"b\\\\";q=9;w=1', [requests(9, 1, 1000)]],
    // Bytes are not requests.
    ['"burst";r=50;t=1', `${policy};qu="content-bytes"`, []],
    ['"burst";r=50;t=1', `${policy};qu="requests"`, [requests(100, 50, 1000)]],
    ['"burst";r=50;t=1;x;y=?0;z=tok', policy, [requests(100, 50, 1000)]],
  ])('%s with %s', (field, policies, readings) => {
    const headers = { RateLimit: field, ...(policies !== undefined && { 'RateLimit-Policy': policies }) };
    expect(read(200, headers)).toMatchObject({ provider: 'ietf', readings });
  });

  test.each([
    '',
    '"default',
    '"default";r',
    '"default";r=;t=30',
    '"default";r=1.5;t=30',
    '"default";r=-1;t=30',
    '"default";r="50";t=30',
    '"default";r=50;t=30,',
    '"default";r=50;t=30;',
    '"default";r=50;t=30 "b"',
    '"def\u00e4ult";r=50;t=30',
    '"default";R=50;t=30',
    '5;r=50;t=30',
    '("a" "b");r=50;t=30',
    'limit=100, remaining=50, reset=5',
    '"default";r=9999999999999999;t=30',
    '"default";r=5;t=999999999999',
  ])('malformed, and ignored: %s', field => {
    expect(read(200, { RateLimit: field })).toMatchObject({ readings: [], isSuccess: true });
  });

  test('a malformed policy does not spoil what is left', () => {
    const headers = { RateLimit: '"default";r=50;t=30', 'RateLimit-Policy': '"default";q=1;;' };
    expect(read(200, headers).readings).toEqual([{ unit: 'requests', remaining: 50, resetInMs: 30_000 }]);
  });

  test('Retry-After wins', () => {
    const headers = { RateLimit: '"default";r=0;t=30', 'Retry-After': '45' };
    expect(read(429, headers).hit).toEqual({ kind: 'rate', retryAfterMs: 45_000 });
    expect(read(429, { RateLimit: '"default";r=0;t=30' }).hit).toEqual({
      kind: 'rate',
      retryAfterMs: 30_000,
    });
  });

  test('early drafts: seconds from now on, under the names of GitLab', () => {
    const headers = { 'RateLimit-Limit': '10', 'RateLimit-Remaining': '4', 'RateLimit-Reset': '20' };
    expect(read(200, headers)).toMatchObject({ provider: 'ietf', readings: [requests(10, 4, 20_000)] });
  });
});

describe('anybody', () => {
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['1.5', 1500],
    ['Wed, 25 Nov 2026 12:00:10 GMT', 10_000],
    ['Wednesday, 25-Nov-26 12:00:10 GMT', 10_000],
    ['Wed Nov 25 12:00:10 2026', 10_000],
  ])('Retry-After: %s', (text, retryAfterMs) => {
    const expected = { kind: 'rate', retryAfterMs };
    expect(read(429, { 'Retry-After': text })).toMatchObject({ provider: 'generic', hit: expected });
    expect(read(503, { 'Retry-After': text }).hit).toEqual(expected);
    // Headers alone: somebody asks to wait.
    expect(readSignals({ date, 'Retry-After': text })).toMatchObject({ hit: expected, isSuccess: false });
  });

  test.each([
    '',
    'soon',
    '-5',
    '1,5',
    '0x10',
    '1e3',
    'Infinity',
    '99999999999999999',
    'Wed, 25 Nov 2026 11:59:59 GMT',
    'Wed, 31 Nov 2026 12:00:10 GMT',
    'Wed, 25 Foo 2026 12:00:10 GMT',
    'Wed, 25 Nov 2026 12:00:10 CET',
    '2026-11-25T12:00:10Z',
  ])('Retry-After that says nothing: %j', text => {
    expect(read(429, { 'Retry-After': text }).hit).toEqual({ kind: 'rate' });
    expect(read(503, { 'Retry-After': text }).hit).toBeUndefined();
  });

  test.each([500, 502, 503, 504, 529])('%i is no hit by itself', status => {
    expect(read(status, {}).hit).toBeUndefined();
    expect(read(status, {}).isSuccess).toBe(false);
  });

  test('what a success asks to wait for is no limit', () => {
    expect(read(202, { 'Retry-After': '5' })).toMatchObject({ isSuccess: true });
    expect(read(202, { 'Retry-After': '5' }).hit).toBeUndefined();
    expect(read(500, { 'Retry-After': '5' }).hit).toBeUndefined();
    expect(read(404, { 'Retry-After': '5' }).hit).toBeUndefined();
  });

  test.each([
    ['in seconds', '30', 30_000],
    ['in epoch seconds', String(NOW_S + 30), 30_000],
    ['in epoch milliseconds', String(NOW_MS + 30), 30],
    ['as a date', '2026-11-25T12:00:30Z', 30_000],
    ['as a duration', '30s', 30_000],
  ])('X-RateLimit-Reset %s', (_, text, resetInMs) => {
    const headers = { 'X-RateLimit-Limit': '9', 'X-RateLimit-Remaining': '3', 'X-RateLimit-Reset': text };
    expect(read(200, headers)).toMatchObject({ provider: 'generic', readings: [requests(9, 3, resetInMs)] });
  });

  test('a header that is there several times is one list', () => {
    const pairs: Array<[string, string]> = [
      ['Date', date],
      ['RateLimit', '"burst";r=9;t=1'],
      ['ratelimit', '"day";r=7;t=90'],
      ['x-ratelimit-remaining-requests', '5'],
      ['X-RateLimit-Remaining-Requests', '5'],
    ];
    const expected = [{ unit: 'requests', remaining: 7, resetInMs: 90_000 }];
    const options = { provider: 'ietf' as const };
    for (const container of [pairs, new Headers(pairs), pairs.flat()]) {
      expect(readSignals(container, options).readings).toEqual(expected);
      // Two numbers are none.
      expect(readSignals(container, { provider: 'openai' }).readings).toEqual([]);
    }
    const node = { date, ratelimit: ['"burst";r=9;t=1', '"day";r=7;t=90'] };
    expect(readSignals(node).readings).toEqual(expected);
  });

  test('without a Date, by the given clock', () => {
    const headers = { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': String(NOW_S + 30) };
    expect(readSignals(headers, { nowMs: NOW_MS }).readings[0]?.resetInMs).toBe(30_000);
    expect(readSignals({ ...headers, date: 'yesterday' }, { nowMs: NOW_MS }).readings[0]?.resetInMs).toBe(
      30_000,
    );
    expect(readSignals({ ...headers, date }, { nowMs: NOW_MS + 9999 }).readings[0]?.resetInMs).toBe(30_000);
  });

  test('the provider that was told is believed', () => {
    const headers = { 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '30' };
    // GitHub's resets are instants: this one was in 1970.
    expect(readSignals(headers, { provider: 'github' })).toMatchObject({ provider: 'github', readings: [] });
  });

  test.each([[undefined], [null], [429], ['429'], [Symbol('x')], [{}], [[]], [() => 429], [new Headers()]])(
    '%p says nothing',
    source => {
      expect(readSignals(source)).toEqual({
        provider: 'generic',
        readings: [],
        isUnauthorized: false,
        isSuccess: false,
      });
    },
  );

  test('an error that is nobody’s', () => {
    expect(readSignals(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } }))).toEqual({
      provider: 'generic',
      readings: [],
      isUnauthorized: false,
      isSuccess: false,
    });
  });
});

describe('errors of clients', () => {
  const headers = { date, 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1s' };
  const error = { message: 'Rate limit', type: 'requests', code: 'rate_limit_exceeded' };
  const expected = {
    provider: 'openai',
    status: 429,
    hit: { kind: 'rate' },
    readings: [{ unit: 'requests', remaining: 0, resetInMs: 1000 }],
  };

  test.each([
    ['OpenAI', { status: 429, headers: new Headers(headers), error, code: error.code }],
    ['axios', { code: 'ERR_BAD_REQUEST', response: { status: 429, headers, data: { error } } }],
    [
      'the AI SDK',
      { statusCode: 429, responseHeaders: headers, responseBody: JSON.stringify({ error }), data: { error } },
    ],
    [
      'the AI SDK after retries',
      { lastError: { statusCode: 429, responseHeaders: headers, data: { error } } },
    ],
    ['a wrapper', { cause: Object.assign(new Error('x'), { status: 429, headers, error }) }],
  ])('%s', (_, members) => {
    expect(readSignals(Object.assign(new Error('429'), members))).toMatchObject(expected);
  });

  test('getters of a class are read, the root of all objects is not', () => {
    class Reply {
      get status() {
        return 429;
      }
      get headers() {
        return headers;
      }
    }
    expect(readSignals(new Reply())).toMatchObject(expected);
    const root = Object.prototype as Record<string, unknown>;
    root.status = 401;
    root['retry-after'] = '5';
    root.error = { code: 'insufficient_quota' };
    try {
      expect(readSignals({ 'x-request-id': 'a' })).toEqual({
        provider: 'generic',
        readings: [],
        isUnauthorized: false,
        isSuccess: true,
      });
    } finally {
      delete root.status;
      delete root['retry-after'];
      delete root.error;
    }
  });
});
