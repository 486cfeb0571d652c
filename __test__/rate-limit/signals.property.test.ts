/** Whatever arrives: nothing throws, numbers are exact, and the container of the headers does not matter. */
import { join } from 'node:path';
import fc from '../support/properties';

const { readSignals } = require(
  join(__dirname, '../../dist/providers'),
) as typeof import('../../facade/providers');
const { KNOWN_HEADERS } = require(
  join(__dirname, '../../dist/providers/names'),
) as typeof import('../../facade/providers/names');

const NOW_MS = Date.UTC(2026, 10, 25, 12);
const NOW_S = NOW_MS / 1000;
const RUNS = { numRuns: 1000 };

const provider = fc.constantFrom(
  undefined,
  ...([
    'openai',
    'anthropic',
    'azure',
    'gemini',
    'github',
    'gitlab',
    'bitbucket',
    'ietf',
    'generic',
  ] as const),
);

/** Headers may hold these only. */
const printable = fc.string({ unit: fc.constantFrom(...' !"#$%&\'()*+,-./0123456789:;<=>?@AZ[\\]^_az{|}~') });

const digits = fc.oneof(
  fc.nat().map(String),
  fc.maxSafeNat().map(String),
  fc.bigInt({ min: 0n, max: 10n ** 40n }).map(String),
  fc.double().map(String),
);

const value = fc.oneof(
  digits,
  fc.constantFrom('', '-1', '0', '00', '+5', ' 7 ', '1.', '.5', '1e3', 'NaN', 'Infinity', 'true', 'FALSE'),
  fc.nat().map(offset => String(NOW_S + offset)),
  fc.nat().map(offset => String(NOW_MS + offset)),
  fc.date({ noInvalidDate: true }).map(at => at.toUTCString()),
  fc.date({ noInvalidDate: true }).map(at => at.toISOString()),
  fc
    .array(fc.tuple(digits, fc.constantFrom('d', 'h', 'm', 's', 'ms', 'us', 'ns')), { maxLength: 4 })
    .map(parts => parts.flat().join('')),
  fc.tuple(printable, digits, digits).map(([name, r, t]) => `"${name}";r=${r};t=${t}`),
  printable,
);

const known = fc.constantFrom(...KNOWN_HEADERS);
const headers = fc.dictionary(fc.oneof({ weight: 9, arbitrary: known }, fc.constant('x-other')), value, {
  maxKeys: 16,
});
const status = fc.oneof(
  fc.constantFrom(200, 201, 304, 400, 401, 402, 403, 404, 429, 500, 503, 529),
  fc.integer(),
  fc.double(),
);

const word = fc.constantFrom(
  'insufficient_quota',
  'rate_limit_error',
  'overloaded_error',
  'RATE_LIMITED',
  'x',
);
const detail = fc.record(
  {
    '@type': fc
      .constantFrom('RetryInfo', 'QuotaFailure', 'Help')
      .map(t => `type.googleapis.com/google.rpc.${t}`),
    retryDelay: fc.oneof(value, fc.anything()),
    violations: fc.oneof(fc.array(fc.record({ quotaId: fc.oneof(printable, fc.anything()) })), fc.anything()),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  fc.record({ error: fc.record({ code: fc.oneof(status, word), type: word, details: fc.array(detail) }) }),
  fc.record({
    message: fc.constantFrom('You have exceeded a secondary rate limit', 'API rate limit exceeded'),
  }),
  fc.json(),
  fc.anything(),
);

function expectSound(signals: ReturnType<typeof readSignals>): void {
  const numbers = [
    signals.hit?.retryAfterMs,
    signals.limit,
    ...signals.readings.flatMap(reading => [reading.limit, reading.remaining, reading.resetInMs]),
  ];
  for (const number of numbers) {
    if (number === undefined) continue;
    expect(Number.isSafeInteger(number)).toBe(true);
    expect(number).toBeGreaterThanOrEqual(0);
  }
  const units = signals.readings.map(reading => reading.unit);
  expect(new Set(units).size).toBe(units.length);
  for (const reading of signals.readings) expect(reading.resetInMs).toBeGreaterThan(0);
  if (signals.status !== undefined) expect(signals.status).toBeGreaterThanOrEqual(100);
  expect(signals.isSuccess && (signals.hit !== undefined || signals.isUnauthorized)).toBe(false);
}

/** The same letters, some of them large. */
const inCase = (name: string, seed: number) =>
  [...name].map((letter, index) => ((seed >> (index % 31)) & 1 ? letter.toUpperCase() : letter)).join('');

test('headers mean the same in every container and any letter case', () => {
  fc.assert(
    fc.property(headers, provider, fc.nat(), (plain, told, seed) => {
      const options = { nowMs: NOW_MS, ...(told && { provider: told }) };
      const expected = readSignals(plain, options);
      expectSound(expected);
      const pairs = Object.entries(plain).map(
        ([name, text]) => [inCase(name, seed), text] as [string, string],
      );
      const fetched = new Headers(pairs);
      const containers = {
        cased: Object.fromEntries(pairs),
        bare: Object.assign(Object.create(null), plain),
        node: Object.fromEntries(pairs.map(([name, text]) => [name.toLowerCase(), [text]])),
        pairs,
        raw: pairs.flat(),
        map: new Map(pairs),
        fetched,
      };
      for (const [name, container] of Object.entries(containers)) {
        expect({ name, ...readSignals(container, options) }).toEqual({ name, ...expected });
        expect(readSignals({ headers: container }, options)).toEqual(
          readSignals({ headers: plain }, options),
        );
        const reply = { status: 429, headers: container };
        expect(readSignals(reply, options)).toEqual(readSignals({ status: 429, headers: plain }, options));
      }
      const onlyGet = { get: (name: string) => fetched.get(name) };
      if (!('x-other' in plain)) expect(readSignals(onlyGet, options)).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});

test('a real Response says what its parts say', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), headers, (code, plain) => {
      const response = new Response(null, { status: code, headers: plain });
      const options = { nowMs: NOW_MS };
      expect(readSignals(response, options)).toEqual(readSignals({ status: code, headers: plain }, options));
    }),
    { numRuns: 500 },
  );
});

test('answers and errors of any shape', () => {
  const members = fc.record(
    {
      status: fc.oneof(status, fc.anything()),
      statusCode: status,
      headers: fc.oneof(headers, fc.anything()),
      responseHeaders: headers,
      error: body,
      data: body,
      body,
      responseBody: fc.json(),
      errors: fc.array(fc.record({ type: word })),
      response: fc.record({ status, headers, data: body }, { requiredKeys: [] }),
      message: fc.oneof(fc.json(), fc.string()),
      cause: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(members, fc.boolean(), provider, (given, isError, told) => {
      const source = isError ? Object.assign(new Error('x'), given) : given;
      expectSound(readSignals(source, { nowMs: NOW_MS, ...(told && { provider: told }) }));
    }),
    RUNS,
  );
});

test('anything at all', () => {
  fc.assert(
    fc.property(
      fc.anything({ withMap: true, withSet: true, withNullPrototype: true, withBigInt: true }),
      source => {
        expectSound(readSignals(source));
        expectSound(readSignals({ headers: source }));
        expectSound(readSignals({ status: 429, headers: source, error: source }));
      },
    ),
    RUNS,
  );
});

test('what throws, never ends, or holds itself', () => {
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable<object>({}, {});
    revoke();
    return proxy;
  };
  const thrower = () => {
    throw new Error('hostile');
  };
  const traps = {
    get: thrower,
    has: thrower,
    ownKeys: thrower,
    getPrototypeOf: thrower,
  } as ProxyHandler<object>;
  const cyclic: Record<string, unknown> = { status: 403 };
  Object.assign(cyclic, {
    error: cyclic,
    errors: [cyclic],
    cause: cyclic,
    response: cyclic,
    headers: cyclic,
  });
  const endless = {
    *[Symbol.iterator]() {
      for (;;) yield ['retry-after', '1'];
    },
  };
  let chain: object = {};
  for (let depth = 0; depth < 100; depth += 1) chain = Object.assign(new Error('x'), { cause: chain });
  const hostile: unknown[] = [
    revoked(),
    new Proxy({}, traps),
    new Proxy([], traps),
    new Proxy(() => 0, traps),
    Object.defineProperty({}, 'status', { get: thrower, enumerable: true }),
    Object.defineProperty(new Error('x'), 'headers', { get: thrower }),
    { headers: { get: thrower } },
    { headers: { [Symbol.iterator]: thrower } },
    { headers: { [Symbol.iterator]: () => ({ next: thrower }) } },
    { headers: { [Symbol.iterator]: () => null } },
    { headers: endless },
    { headers: new Array(2 ** 32 - 1) },
    { headers: { 'retry-after': '1'.repeat(1e6) } },
    { headers: { 'retry-after': { toString: thrower } } },
    { headers: { ratelimit: '"a";r=1'.repeat(1000) } },
    { error: `${'['.repeat(60_000)}` },
    cyclic,
    chain,
  ];
  for (const source of hostile) {
    expectSound(readSignals(source));
    expectSound(readSignals({ status: 429, headers: source, error: source, response: source }));
    expectSound(readSignals([source]));
    expectSound(readSignals(new Map([['retry-after', source]])));
  }
});
