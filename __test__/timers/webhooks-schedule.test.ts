/** When webhooks are sent again, and what options are refused. */
import fc from '../support/properties';
import { retryInMs, WebhookSender } from './webhook-receivers';

const failed = { ok: false as const, error: 'x', isPermanent: false, isGone: false };
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('by default ten attempts, over three and a half days at most', () => {
  const waits: Array<number | undefined> = [];
  for (let attempt = 1; attempt <= 10; attempt += 1) waits.push(retryInMs(attempt, failed, {}, () => 0));
  expect(waits).toEqual([
    ...[5, 30, 180, 1080, 6480, 38_880].map(seconds => seconds * SECOND),
    ...[DAY, DAY, DAY, undefined],
  ]);
  const sum = waits.reduce<number>((total, wait) => total + (wait ?? 0), 0);
  expect(sum / DAY).toBeCloseTo(3.54, 2);
});

test('half of a wait is random', () => {
  expect(retryInMs(1, failed, {}, () => 1 - 2 ** -53)).toBe(2500);
  const waits = new Set(Array.from({ length: 50 }, () => retryInMs(5, failed, {})));
  expect(waits.size).toBeGreaterThan(40);
});

test('what would fail again is given up', () => {
  expect(retryInMs(1, { ...failed, isPermanent: true }, {})).toBeUndefined();
  expect(retryInMs(1, { ...failed, isGone: true, status: 410 }, {})).toBeUndefined();
  expect(retryInMs(1, failed, { maxAttempts: 1 })).toBeUndefined();
});

test('Retry-After is waited for, up to the cap, and not to the millisecond', () => {
  const asked = (retryAfterMs: number, random: number) =>
    retryInMs(1, { ...failed, status: 429, retryAfterMs }, {}, () => random);
  expect(asked(60 * SECOND, 0)).toBe(60 * SECOND);
  expect(asked(60 * SECOND, 0.999)).toBe(62_997);
  expect(asked(SECOND, 0)).toBe(5 * SECOND);
  expect(asked(5 * DAY, 0.5)).toBe(DAY);
});

test('every wait is within its bounds', () => {
  const options = fc.record({
    base: fc.integer({ min: 1, max: HOUR }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    cap: fc.integer({ min: 1, max: 30 * DAY }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    maxAttempts: fc.integer({ min: 1, max: 100 }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const asked = fc.option(fc.integer({ min: 0, max: 400 * DAY }), { nil: undefined });
  fc.assert(
    fc.property(
      options,
      random,
      asked,
      fc.integer({ min: 1, max: 200 }),
      (given, drawn, retryAfterMs, attempt) => {
        const result = retryAfterMs === undefined ? failed : { ...failed, retryAfterMs };
        const waitMs = retryInMs(attempt, result, given, () => drawn);
        if (attempt >= given.maxAttempts) {
          expect(waitMs).toBeUndefined();
          return;
        }
        const wholeMs = Math.min(given.cap, given.base * given.factor ** (attempt - 1));
        expect(Number.isSafeInteger(waitMs)).toBe(true);
        expect(waitMs).toBeLessThanOrEqual(given.cap);
        // Rounded up, after products of fractions.
        expect(waitMs).toBeGreaterThanOrEqual(Math.floor(wholeMs * (1 - given.jitter)));
        expect(waitMs).toBeGreaterThanOrEqual(Math.min(given.cap, retryAfterMs ?? 0));
        expect(waitMs).toBeLessThanOrEqual(Math.ceil(Math.max(wholeMs, (retryAfterMs ?? 0) * 1.1) + 1));
      },
    ),
  );
});

describe('options that are refused', () => {
  test.each([
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ maxAttempts: 101 }, 'maxAttempts'],
    [{ maxAttempts: '3' }, 'maxAttempts'],
    [{ base: 0 }, 'base'],
    [{ base: 'soon' }, 'base'],
    [{ base: '400d' }, 'base'],
    [{ factor: 0.5 }, 'factor'],
    [{ factor: Number.NaN }, 'factor'],
    [{ cap: -1 }, 'cap'],
    [{ jitter: 1.5 }, 'jitter'],
    [{ jitter: true }, 'jitter'],
    [{ timeout: 0 }, 'timeout'],
    [{ timeout: '1h' }, 'timeout'],
    [{ connectTimeout: Infinity }, 'connectTimeout'],
    [{ allow: '10.0.0.0/8' }, 'allow'],
    [{ allow: new Array(1001).fill('10.0.0.1') }, 'allow'],
    [{ allowPrivateAddresses: 'yes' }, 'allowPrivateAddresses'],
    [{ httpsOnly: 1 }, 'httpsOnly'],
    [{ ca: 'x' }, 'ca'],
    [{ ca: [7] }, 'ca'],
    [{ ca: '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n' }, 'ca'],
    [{ lookup: '1.1.1.1' }, 'lookup'],
    [{ secrets: 'whsec_x' }, 'secrets'],
    [{ retries: 3 }, 'retries'],
  ])('%j', (options, field) => {
    const refused = (path: string) => expect.objectContaining({ code: 'INVALID_CONFIG', field: path });
    expect(() => new WebhookSender(options as never, Date.now)).toThrow(refused(field));
    expect(() => new WebhookSender(options as never, Date.now, 'webhooks')).toThrow(
      refused(`webhooks.${field}`),
    );
  });

  test('none at all', () => {
    for (const options of [null, 7, 'x', []]) {
      expect(() => new WebhookSender(options as never, Date.now)).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIG' }),
      );
    }
  });
});
