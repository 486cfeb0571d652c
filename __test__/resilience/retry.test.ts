/** What is tried again, when, and how it ends. By fake time. */
import { AuthError, RateLimitError } from '@wundr.io/token-budget/credentials';
import {
  CircuitOpenError,
  type RetryEvent,
  retry,
  retryPolicy,
  TokenBudgetError,
} from '@wundr.io/token-budget/timers';

const NOW = Date.UTC(2026, 0, 14, 12, 0, 0);
const SECOND = 1000;
const PLAIN = { jitter: 'none' } as const;

beforeEach(() => jest.useFakeTimers({ now: NOW }));
afterEach(() => jest.useRealTimers());

const advance = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const withStatus = (status: number, headers: Record<string, string> = {}) =>
  Object.assign(new Error(`status ${status}`), { status, headers });
const withCode = (code: string) => Object.assign(new Error(code), { code });

/** Fails with each of `outcomes` in turn, then returns `'done'`; tells when it was called. */
function failing(...outcomes: unknown[]) {
  const calledAtMs: number[] = [];
  const fn = async () => {
    calledAtMs.push(Date.now() - NOW);
    if (calledAtMs.length <= outcomes.length) throw outcomes[calledAtMs.length - 1];
    return 'done';
  };
  return { fn, calledAtMs };
}

/** Lets time go by until it has settled. */
async function settled<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  let outcome: { value: T } | { error: unknown } | undefined;
  promise.then(
    value => {
      outcome = { value };
    },
    error => {
      outcome = { error };
    },
  );
  await advance(0);
  for (let step = 0; outcome === undefined && step < 5000; step += 1)
    await jest.advanceTimersToNextTimerAsync();
  if (outcome === undefined) throw new Error('it never settled');
  return outcome;
}

describe('attempts', () => {
  test('a success is made once', async () => {
    const { fn, calledAtMs } = failing();
    expect(await retry(fn)).toBe('done');
    expect(calledAtMs).toEqual([0]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('five by default, with waits that double; the last error is thrown as it is', async () => {
    const errors = Array.from({ length: 9 }, () => withStatus(503));
    const { fn, calledAtMs } = failing(...errors);
    expect(await settled(retry(fn, PLAIN))).toEqual({ error: errors[4] });
    expect(calledAtMs).toEqual([0, 1000, 3000, 7000, 15_000]);
  });

  test('no wait is longer than the cap', async () => {
    const { fn, calledAtMs } = failing(...Array(6).fill(withStatus(500)));
    expect(
      await settled(retry(fn, { ...PLAIN, base: '10s', factor: 3, cap: '1m', maxAttempts: Infinity })),
    ).toEqual({ value: 'done' });
    expect(calledAtMs).toEqual([0, 10, 40, 100, 160, 220, 280].map(seconds => seconds * SECOND));
  });

  test('the function is told which attempt it is', async () => {
    const attempts: number[] = [];
    await settled(
      retry(({ attempt, signal }) => {
        attempts.push(attempt);
        expect(signal.aborted).toBe(false);
        throw withStatus(500);
      }, PLAIN),
    );
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
  });

  test('a function that is not asynchronous', async () => {
    expect(await retry(() => 7)).toBe(7);
    const error = new TypeError('x is not a function');
    expect(
      await settled(
        retry(() => {
          throw error;
        }),
      ),
    ).toEqual({ error });
  });
});

type Case = readonly [what: string, error: unknown];

describe('what is worth another attempt', () => {
  const fetchFailed = (cause?: unknown) =>
    new TypeError('fetch failed', cause === undefined ? {} : { cause });
  const named = (name: string, cause?: unknown) => Object.assign(new Error(name, { cause }), { name });
  test.each<Case>([
    ...[408, 425, 429, 500, 502, 503, 504, 520, 529, 599].map(
      status => [`status ${status}`, withStatus(status)] as const,
    ),
    ...[
      'ECONNRESET',
      'ECONNREFUSED',
      'ETIMEDOUT',
      'EPIPE',
      'EAI_AGAIN',
      'ENOTFOUND',
      'UND_ERR_SOCKET',
      'UND_ERR_HEADERS_TIMEOUT',
    ].map(code => [code, withCode(code)] as const),
    ['fetch failed', fetchFailed()],
    ['fetch failed for a connection', fetchFailed(withCode('ECONNREFUSED'))],
    [
      'fetch failed for several',
      fetchFailed(new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')])),
    ],
    [
      'a connection that broke within the body',
      new TypeError('terminated', { cause: withCode('UND_ERR_SOCKET') }),
    ],
    ['the error of a client', named('APIConnectionError', fetchFailed(withCode('ECONNRESET')))],
    ['a time-out', new DOMException('x', 'TimeoutError')],
    ['a limit', new RateLimitError('x', 'github', NOW + 1000)],
    ['a limit without an end', new RateLimitError('x', 'github')],
    ['a store that is away', new TokenBudgetError('STORE_UNAVAILABLE', 'x')],
    ['a store that is slow', new TokenBudgetError('TIMEOUT', 'x')],
    ['an open breaker', new CircuitOpenError('openai', new Date(NOW + 5000))],
    [
      "GitHub's 403 for a limit",
      withStatus(403, {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(NOW / 1000 + 60),
        'x-github-request-id': '1',
      }),
    ],
  ])('%s', async (_what, error) => {
    const { fn, calledAtMs } = failing(error);
    expect(await settled(retry(fn))).toEqual({ value: 'done' });
    expect(calledAtMs).toHaveLength(2);
  });

  test.each<Case>([
    ...[400, 401, 403, 404, 409, 413, 422, 501, 505].map(
      status => [`status ${status}`, withStatus(status)] as const,
    ),
    ['an abort', new DOMException('x', 'AbortError')],
    ["an abort of Node's", Object.assign(new Error('x'), { name: 'AbortError', code: 'ABORT_ERR' })],
    ['a quota', Object.assign(withStatus(429), { error: { code: 'insufficient_quota' } })],
    ['money', Object.assign(withStatus(429), { error: { type: 'billing_error' } })],
    ['payment', withStatus(402)],
    ['a certificate', fetchFailed(withCode('CERT_HAS_EXPIRED'))],
    ['an address that is none', fetchFailed(withCode('ERR_INVALID_URL'))],
    ['a mistake', new TypeError("Cannot read properties of undefined (reading 'x')")],
    ['an error that says nothing', new Error('x')],
    ['a token that is not accepted', new AuthError('x', 'github', 401)],
    ['a refusal of ours', new TokenBudgetError('INVALID_ARGUMENT', 'x')],
    ['what never fits', new TokenBudgetError('NEVER_FITS', 'x')],
    ['what was closed', new TokenBudgetError('CLOSED', 'x')],
    ['a breaker that stays open', new CircuitOpenError('openai', undefined)],
    ['text', 'ECONNRESET'],
    ['nothing', undefined],
    ['null', null],
  ])('not %s', async (_what, error) => {
    const { fn, calledAtMs } = failing(error, error);
    expect(await settled(retry(fn))).toEqual({ error });
    expect(calledAtMs).toHaveLength(1);
  });

  test('as the caller says', async () => {
    const error = new Error('not yet');
    const { fn, calledAtMs } = failing(error, error, new Error('never'));
    const shouldRetry = jest.fn(async (given: unknown) => given === error);
    expect(await settled(retry(fn, { shouldRetry }))).toEqual({ error: new Error('never') });
    expect(calledAtMs).toHaveLength(3);
    expect(shouldRetry.mock.calls.map(([, attempt]: unknown[]) => attempt)).toEqual([1, 2, 3]);
    const broken = new Error('broken');
    const throws = () => {
      throw broken;
    };
    expect(await settled(retry(failing(error).fn, { shouldRetry: throws }))).toEqual({ error: broken });
  });

  test('responses that are returned', async () => {
    const cancelled: number[] = [];
    const response = (status: number, headers = {}) => {
      const made = new Response('x', { status, headers });
      const { body } = made;
      if (body !== null) {
        const cancel = body.cancel.bind(body);
        body.cancel = reason => {
          cancelled.push(status);
          return cancel(reason);
        };
      }
      return made;
    };
    const answers = [503, 429, 200].map(status => response(status));
    let index = 0;
    const outcome = await settled(retry(async () => answers[index++] as Response));
    expect(outcome).toEqual({ value: answers[2] });
    // Whoever takes the answer reads it; those before it hold no connection.
    expect(cancelled).toEqual([503, 429]);
    const last = await settled(retry(async () => response(500), { maxAttempts: 2 }));
    expect(await ('value' in last ? last.value.text() : undefined)).toBe('x');
  });

  test('results that are none are returned', async () => {
    for (const value of [
      undefined,
      null,
      0,
      '',
      { status: 500 },
      { status: 'failed', headers: {} },
      new Response(null, { status: 404 }),
    ]) {
      expect(await retry(async () => value)).toBe(value);
    }
  });

  test('results as the caller says', async () => {
    let state = 0;
    const job = async () => ({ state: ++state < 3 ? 'running' : 'done' });
    const shouldRetryResult = (result: unknown) => (result as { state: string }).state === 'running';
    expect(await settled(retry(job, { shouldRetryResult }))).toEqual({ value: { state: 'done' } });
  });
});

describe('when a service asks to wait', () => {
  test.each([
    ['Retry-After in seconds', withStatus(429, { 'retry-after': '20' }), 20],
    ['Retry-After as a date', withStatus(503, { 'retry-after': 'Wed, 14 Jan 2026 12:00:40 GMT' }), 40],
    ['milliseconds', withStatus(429, { 'retry-after-ms': '1500' }), 1.5],
    ['a limit of all tokens', new RateLimitError('x', 'github', NOW + 50_000), 50],
    ['an open breaker', new CircuitOpenError('openai', new Date(NOW + 30_000)), 30],
  ])('%s', async (_what, error, seconds) => {
    const { fn, calledAtMs } = failing(error);
    await settled(retry(fn, PLAIN));
    expect(calledAtMs).toEqual([0, seconds * SECOND]);
  });

  test('not to the millisecond, so that others are not met again', async () => {
    const error = withStatus(429, { 'retry-after': '100' });
    const waits: number[] = [];
    for (let call = 0; call < 20; call += 1) {
      await settled(retry(failing(error).fn, { onRetry: ({ waitMs }) => waits.push(waitMs) }));
    }
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(100 * SECOND);
      expect(waitMs).toBeLessThanOrEqual(110 * SECOND);
    }
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  test('a response', async () => {
    const answers = [
      new Response(null, { status: 429, headers: { 'retry-after': '7' } }),
      new Response('ok'),
    ];
    const calledAtMs: number[] = [];
    await settled(
      retry(async () => {
        calledAtMs.push(Date.now() - NOW);
        return answers.shift();
      }, PLAIN),
    );
    expect(calledAtMs).toEqual([0, 7000]);
  });

  test('longer than anybody would wait: given up at once', async () => {
    const error = withStatus(429, { 'retry-after': '3600' });
    const { fn, calledAtMs } = failing(error);
    await expect(retry(fn)).rejects.toBe(error);
    expect(calledAtMs).toEqual([0]);
    expect(await settled(retry(failing(error).fn, { maxRetryAfter: '2h' }))).toEqual({ value: 'done' });
  });
});

describe('time limits', () => {
  test('of an attempt, whatever the function does about it', async () => {
    const aborted: unknown[] = [];
    let calls = 0;
    const outcome = await settled(
      retry(
        ({ signal }) => {
          signal.addEventListener('abort', () => aborted.push(signal.reason));
          calls += 1;
          return calls === 3 ? Promise.resolve('done') : new Promise(() => {});
        },
        { ...PLAIN, timeout: '5s' },
      ),
    );
    expect(outcome).toEqual({ value: 'done' });
    expect(aborted).toEqual([
      expect.objectContaining({ name: 'TimeoutError' }),
      expect.objectContaining({ name: 'TimeoutError' }),
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('of all: a wait that would end too late is not begun', async () => {
    const error = withStatus(500);
    const { fn, calledAtMs } = failing(...Array(9).fill(error));
    const began = Date.now();
    const promise = retry(fn, { ...PLAIN, maxElapsed: '6s' });
    const failure = promise.catch(thrown => [thrown, Date.now() - began]);
    await advance(10 * SECOND);
    expect(await failure).toEqual([error, 3000]);
    expect(calledAtMs).toEqual([0, 1000, 3000]);
  });

  test('of all: an attempt is cut off', async () => {
    const error = withStatus(500);
    let calls = 0;
    const promise = retry(
      () => {
        calls += 1;
        return calls === 1 ? Promise.reject(error) : new Promise(() => {});
      },
      { ...PLAIN, maxElapsed: '6s', timeout: '20s' },
    );
    const failure = promise.catch(thrown => [thrown, Date.now() - NOW]);
    await advance(10 * SECOND);
    expect(await failure).toEqual([expect.objectContaining({ name: 'TimeoutError', cause: error }), 6000]);
  });
});

describe('aborts', () => {
  test('before the first attempt', async () => {
    const { fn, calledAtMs } = failing();
    await expect(retry(fn, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(calledAtMs).toEqual([]);
  });

  test('during an attempt that does not listen', async () => {
    const ending = new AbortController();
    const heard: unknown[] = [];
    const promise = retry(
      ({ signal }) => {
        signal.addEventListener('abort', () => heard.push(signal.reason));
        return new Promise(() => {});
      },
      { signal: ending.signal },
    );
    const reason = new Error('enough');
    ending.abort(reason);
    await expect(promise).rejects.toBe(reason);
    expect(heard).toEqual([reason]);
  });

  test('during a wait, at once', async () => {
    const ending = new AbortController();
    const { fn, calledAtMs } = failing(withStatus(500));
    const promise = retry(fn, { ...PLAIN, base: '30s', signal: ending.signal });
    const failure = promise.catch(reason => [reason, Date.now() - NOW]);
    await advance(500);
    ending.abort('enough');
    expect(await failure).toEqual(['enough', 500]);
    await advance(60 * SECOND);
    expect(calledAtMs).toEqual([0]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('while shouldRetry thinks', async () => {
    const ending = new AbortController();
    const { fn, calledAtMs } = failing(withStatus(500));
    const shouldRetry = () => {
      ending.abort('enough');
      return true;
    };
    await expect(retry(fn, { signal: ending.signal, shouldRetry })).rejects.toBe('enough');
    expect(calledAtMs).toEqual([0]);
  });

  test('a thousand calls that share a signal are no leak', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 1000 }, () => retry(async () => 1, { signal, timeout: '1s' })));
    jest.useRealTimers();
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });
});

describe('onRetry', () => {
  test('is told before each wait', async () => {
    const events: RetryEvent[] = [];
    const error = withStatus(500);
    const response = new Response(null, { status: 503 });
    let calls = 0;
    const fn = async () => {
      calls += 1;
      if (calls === 1) throw error;
      return calls === 2 ? response : 'done';
    };
    await settled(retry<unknown>(fn, { ...PLAIN, onRetry: event => events.push(event) }));
    expect(events).toEqual([
      { attempt: 1, waitMs: 1000, error },
      { attempt: 2, waitMs: 2000, result: response },
    ]);
  });

  test('what it throws changes nothing', async () => {
    const throws = () => {
      throw new Error('x');
    };
    const rejects = async () => throws();
    for (const onRetry of [throws, rejects]) {
      expect(await settled(retry(failing(withStatus(500)).fn, { onRetry }))).toEqual({ value: 'done' });
    }
  });
});

describe('a policy', () => {
  test('is used for many calls', async () => {
    const policy = retryPolicy({ ...PLAIN, maxAttempts: 2 });
    const error = withStatus(500);
    expect(await settled(policy.execute(failing(error).fn))).toEqual({ value: 'done' });
    expect(await settled(policy.execute(failing(error, error).fn))).toEqual({ error });
    await expect(policy.execute(failing().fn, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
  });

  test('has a budget: when it is spent, errors are thrown at once', async () => {
    const policy = retryPolicy({ ...PLAIN, budget: { ratio: 0.5, minPerSecond: 0 } });
    const error = withStatus(500);
    const spent = { error: expect.objectContaining({ code: 'RETRIES_EXHAUSTED', cause: error }) };
    const outcomes: unknown[] = [];
    for (let call = 0; call < 4; call += 1) outcomes.push(await settled(policy.execute(failing(error).fn)));
    // A retry for every second call.
    expect(outcomes).toEqual([spent, { value: 'done' }, spent, { value: 'done' }]);
    const response = new Response(null, { status: 503 });
    await expect(policy.execute(async () => response)).resolves.toBe(response);
  });

  test('without a budget it retries as often as it may', async () => {
    const policy = retryPolicy({ base: 0, maxAttempts: 3, budget: false });
    let calls = 0;
    const fn = async () => {
      calls += 1;
      throw withStatus(500);
    };
    await settled(Promise.allSettled(Array.from({ length: 500 }, () => policy.execute(fn))));
    expect(calls).toBe(1500);
  });

  test('with the default budget a fleet of failures causes a tenth and a hundred more', async () => {
    const policy = retryPolicy({ base: 0, maxAttempts: 3 });
    let calls = 0;
    const fn = async () => {
      calls += 1;
      throw withStatus(500);
    };
    await settled(Promise.allSettled(Array.from({ length: 1000 }, () => policy.execute(fn))));
    expect(calls).toBe(1000 + 100 + 100);
  });
});

describe('bad input', () => {
  const refused = (field: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', field });
  const BAD: Array<[object, string]> = [
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ maxAttempts: 1.5 }, 'maxAttempts'],
    [{ maxAttempts: 1001 }, 'maxAttempts'],
    [{ base: -1 }, 'base'],
    [{ base: 'soon' }, 'base'],
    [{ factor: 0 }, 'factor'],
    [{ factor: Number.NaN }, 'factor'],
    [{ cap: Infinity }, 'cap'],
    [{ base: 5, cap: 1 }, 'cap'],
    [{ jitter: 'some' }, 'jitter'],
    [{ jitter: true }, 'jitter'],
    [{ maxRetryAfter: null }, 'maxRetryAfter'],
    [{ timeout: 0 }, 'timeout'],
    [{ maxElapsed: 0 }, 'maxElapsed'],
    [{ shouldRetry: true }, 'shouldRetry'],
    [{ shouldRetryResult: 1 }, 'shouldRetryResult'],
    [{ onRetry: {} }, 'onRetry'],
    [{ retries: 3 }, 'retries'],
  ];
  test.each(BAD)('%j', async (options, field) => {
    await expect(retry(async () => 1, options)).rejects.toEqual(refused(`options.${field}`));
    expect(() => retryPolicy(options)).toThrow(refused(`options.${field}`));
  });

  test('what only one of both knows', async () => {
    await expect(retry(async () => 1, { budget: false } as never)).rejects.toEqual(refused('options.budget'));
    await expect(retry(async () => 1, { signal: 7 } as never)).rejects.toEqual(refused('options.signal'));
    expect(() => retryPolicy({ signal: new AbortController().signal } as never)).toThrow(
      refused('options.signal'),
    );
    expect(() => retryPolicy({ budget: true } as never)).toThrow(refused('options.budget'));
    expect(() => retryPolicy({ budget: { ratio: -1 } })).toThrow(refused('options.budget.ratio'));
    expect(() => retryPolicy({ budget: { minPerSecond: Infinity } })).toThrow(
      refused('options.budget.minPerSecond'),
    );
    expect(() => retryPolicy({ budget: { perSecond: 1 } } as never)).toThrow(
      refused('options.budget.perSecond'),
    );
    await expect(retryPolicy().execute(async () => 1, { timeout: 1 } as never)).rejects.toEqual(
      refused('options.timeout'),
    );
    await expect(retry(7 as never)).rejects.toEqual(refused('fn'));
    await expect(retryPolicy().execute('x' as never)).rejects.toEqual(refused('fn'));
    await expect(retry(async () => 1, null as never)).rejects.toEqual(refused('options'));
  });
});
