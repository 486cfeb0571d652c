/** Signatures of Standard Webhooks, made and checked; secrets stay secret. */
import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  createTokenCoordinator,
  verifyWebhook,
  WebhookVerificationError,
} from '@wundr.io/token-budget/timers';
import fc from '../support/properties';
import { endAll, letter, recorder, sender, WebhookSender } from './webhook-receivers';

afterEach(endAll);

/** As the specification publishes it. */
const VECTOR = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  seconds: 1_614_265_330,
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
const { id, seconds, secret, body, signature } = VECTOR;
const now = () => seconds * 1000;
const headers = (more: Record<string, string | undefined> = {}) => ({
  'webhook-id': id,
  'webhook-timestamp': String(seconds),
  'webhook-signature': signature,
  ...more,
});
const newSecret = (bytes = 32) => `whsec_${randomBytes(bytes).toString('base64')}`;

describe('the published example', () => {
  test('is signed so', async () => {
    const { url, arrived } = await recorder(() => [200]);
    await sender({ secret }, now).send(letter(url, body, id));
    expect(arrived[0]?.headers).toMatchObject(headers());
  });

  test.each([
    ['a plain object', headers()],
    [
      'an object with other names',
      { 'Webhook-Id': id, 'Webhook-Timestamp': `${seconds}`, 'Webhook-Signature': signature },
    ],
    ['Headers', new Headers(headers() as Record<string, string>)],
    ['a Map', new Map(Object.entries(headers()))],
    ['raw headers', Object.entries(headers()).flat()],
  ])('is genuine, with its headers as %s', (_what, given) => {
    const genuine = { id, sentAt: new Date(now()), payload: { test: 2432232314 } };
    expect(verifyWebhook(body, given, secret, { now })).toEqual(genuine);
    expect(verifyWebhook(Buffer.from(body), given, [newSecret(), secret], { now })).toEqual(genuine);
    expect(verifyWebhook(new TextEncoder().encode(body), given, secret, { now })).toEqual(genuine);
  });
});

describe('what is not genuine', () => {
  const reason = (given: unknown, text = body, by: string | string[] = secret, atMs = now()) => {
    try {
      verifyWebhook(text, given, by, { now: () => atMs });
    } catch (error) {
      expect(error).toBeInstanceOf(WebhookVerificationError);
      expect(error).toMatchObject({ name: 'WebhookVerificationError', code: 'WEBHOOK_NOT_VERIFIED' });
      return (error as WebhookVerificationError).reason;
    }
    return 'genuine';
  };
  const hmac = (text: string, key = Buffer.from(secret.slice(6), 'base64')) =>
    `v1,${createHmac('sha256', key).update(text).digest('base64')}`;

  test.each([
    ['another body', headers(), `${body} `],
    ['another id', headers({ 'webhook-id': `${id}x` }), body],
    ['another time', headers({ 'webhook-timestamp': String(seconds + 1) }), body],
    ['a part of the signature', headers({ 'webhook-signature': signature.slice(0, -4) }), body],
    ['an empty signature', headers({ 'webhook-signature': 'v1,' }), body],
    ['no version', headers({ 'webhook-signature': signature.slice(3) }), body],
    ['another version', headers({ 'webhook-signature': signature.replace('v1', 'v1a') }), body],
    ['a signature of nothing', headers({ 'webhook-signature': hmac('') }), body],
    [
      'a signature with an empty key',
      headers({ 'webhook-signature': hmac(`${id}.${seconds}.${body}`, Buffer.alloc(0)) }),
      body,
    ],
    ['words', headers({ 'webhook-signature': 'v1,v1,v1 v1,, ,' }), body],
  ])('%s', (_what, given, text) => expect(reason(given, text)).toBe('signature'));

  test.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('no %s', name => {
    expect(reason(headers({ [name]: undefined }))).toBe('headers');
    expect(reason(headers({ [name]: '' }))).toBe('headers');
  });

  test('headers that are none', () => {
    for (const given of [undefined, null, 7, 'x', [], new Map()]) expect(reason(given)).toBe('headers');
  });

  test('one of several secrets, and one of several signatures, is enough', () => {
    const others = [newSecret(), newSecret()];
    expect(reason(headers(), body, [...others, secret])).toBe('genuine');
    expect(reason(headers(), body, others)).toBe('signature');
    const several = `v1a,${randomBytes(64).toString('base64')} v1,${randomBytes(32).toString('base64')} ${signature}`;
    expect(reason(headers({ 'webhook-signature': several }))).toBe('genuine');
  });

  test('too old, and too early', () => {
    const at = (offset: number, toleranceSeconds?: number) => {
      const options = {
        now: () => (seconds + offset) * 1000,
        ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
      };
      try {
        verifyWebhook(body, headers(), secret, options);
        return 'genuine';
      } catch (error) {
        return (error as WebhookVerificationError).reason;
      }
    };
    expect([-301, -300, 0, 300, 301].map(offset => at(offset))).toEqual([
      'timestamp',
      'genuine',
      'genuine',
      'genuine',
      'timestamp',
    ]);
    expect([at(10, 9), at(10, 10), at(1, 0), at(0, 0)]).toEqual([
      'timestamp',
      'genuine',
      'timestamp',
      'genuine',
    ]);
  });

  test.each(['soon', '-1614265330', '1614265330.5', '1e9', '0x60380000', '99999999999999999999', 'NaN'])(
    'the time %s',
    time => expect(reason(headers({ 'webhook-timestamp': time }))).toBe('timestamp'),
  );

  test('genuine, and no JSON', () => {
    expect(reason(headers({ 'webhook-signature': hmac(`${id}.${seconds}.{`) }), '{')).toBe('body');
  });

  test('arguments that are none', () => {
    const refused = (field: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', field });
    const call =
      (...args: unknown[]) =>
      () =>
        (verifyWebhook as (...given: unknown[]) => unknown)(...args);
    expect(call({ test: 1 }, headers(), secret)).toThrow(refused('body'));
    expect(call(body, headers(), undefined)).toThrow(refused('secret'));
    expect(call(body, headers(), [])).toThrow(refused('secret'));
    expect(call(body, headers(), [secret, 'x'])).toThrow(refused('secret[1]'));
    expect(call(body, headers(), secret, { toleranceSeconds: -1 })).toThrow(
      refused('options.toleranceSeconds'),
    );
    expect(call(body, headers(), secret, { tolerance: 5 })).toThrow(refused('options.tolerance'));
    expect(call(body, headers(), secret, { now: 5 })).toThrow(refused('options.now'));
  });
});

test('whatever is sent is genuine to its receiver, and to nobody else', async () => {
  const { url, arrived } = await recorder(() => [200]);
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
      fc.json(),
      fc.integer({ min: 24, max: 64 }),
      async (sent, text, bytes) => {
        const own = newSecret(bytes);
        await sender({ secret: own }).send(letter(url, text, sent));
        const last = arrived.at(-1);
        const { payload } = verifyWebhook(last?.body ?? '', last?.headers, own);
        expect(JSON.stringify(payload)).toBe(JSON.stringify(JSON.parse(text)));
        expect(() => verifyWebhook(last?.body ?? '', last?.headers, newSecret())).toThrow(
          WebhookVerificationError,
        );
      },
    ),
    { numRuns: 30 },
  );
});

describe('secrets', () => {
  test('several sign at once', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const secrets = [newSecret(), newSecret(), newSecret()];
    await sender({ secret: secrets }).send(letter(url));
    const { headers: told, body: text } = arrived[0] ?? { headers: {}, body: '' };
    expect(String(told['webhook-signature']).split(' ')).toHaveLength(3);
    for (const each of secrets) verifyWebhook(text, told, each);
  });

  test('differ by address', async () => {
    const { url, arrived } = await recorder(() => [200]);
    const secrets: Record<string, string | undefined> = {
      [`${url}/a`]: newSecret(),
      [`${url}/b`]: newSecret(),
    };
    const one = sender({ secret: async address => secrets[address] });
    for (const path of ['/a', '/b#x', '/c']) await one.send(letter(`${url}${path}`));
    const [a, b, c] = arrived;
    verifyWebhook(a?.body ?? '', a?.headers, secrets[`${url}/a`] ?? '');
    verifyWebhook(b?.body ?? '', b?.headers, secrets[`${url}/b`] ?? '');
    expect(c?.headers).not.toHaveProperty('webhook-signature');
  });

  test('each attempt is signed at its own time', async () => {
    const { url, arrived } = await recorder(() => [503]);
    let nowMs = now();
    const one = sender({ secret }, () => nowMs);
    await one.send(letter(url, body, id));
    nowMs += 3_600_000;
    await one.send({ ...letter(url, body, id), attempt: 2 });
    expect(arrived.map(({ headers: told }) => [told['webhook-id'], told['webhook-timestamp']])).toEqual([
      [id, String(seconds)],
      [id, String(seconds + 3600)],
    ]);
    expect(arrived[1]?.headers['webhook-signature']).not.toBe(signature);
  });

  test.each([
    [
      'without its beginning',
      randomBytes(32).toString('base64'),
      "'whsec_' and 24 to 64 bytes as base64, got text that begins otherwise",
    ],
    ['too short', newSecret(23), '23 bytes'],
    ['too long', newSecret(65), '65 bytes'],
    ['empty', 'whsec_', '0 bytes'],
    ['no base64', `whsec_${'*'.repeat(40)}`, 'what is no base64'],
    ['base64url', `whsec_${'-_'.repeat(20)}`, 'what is no base64'],
    ['a number', 7, 'a value of type number'],
    ['null', null, 'null'],
  ])('%s', async (_what, given, got) => {
    for (const [at, options] of [
      ['secret', { secret: given }],
      ['secret[1]', { secret: [newSecret(), given] }],
    ] as const) {
      const make = () => new WebhookSender(options as never, Date.now);
      expect(make).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIG', field: at, message: expect.stringContaining(got) }),
      );
      if (typeof given === 'string' && given.length > 6) {
        try {
          make();
        } catch (error) {
          expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain(given.slice(6));
        }
      }
    }
    const { url, arrived } = await recorder(() => [200]);
    expect(await sender({ secret: () => given as string }).send(letter(url))).toEqual({
      ok: false,
      error: 'the secret for this address could not be had',
      isPermanent: false,
      isGone: false,
    });
    expect(arrived).toEqual([]);
  });

  test('none, and too many', () => {
    const make = (given: string[]) => () => new WebhookSender({ secret: given }, Date.now);
    expect(make([])).toThrow(expect.objectContaining({ field: 'secret' }));
    expect(make(Array.from({ length: 11 }, () => newSecret()))).toThrow(
      expect.objectContaining({ field: 'secret' }),
    );
  });

  test('nothing shows them', async () => {
    const canary = randomBytes(32);
    const shown = [
      canary.toString('base64'),
      canary.toString('hex'),
      canary.toString('latin1'),
      [...canary].join(', '),
      'canary',
    ];
    const own = `whsec_${shown[0]}`;
    const { url } = await recorder(() => [
      500,
      { 'x-canary': 'canary', location: 'https://canary/' },
      'canary',
    ]);
    const seen: unknown[] = [];
    const coordinator = createTokenCoordinator({ webhooks: { secret: own, allowPrivateAddresses: true } });
    try {
      for (const made of [new WebhookSender({ secret: own }, Date.now), coordinator]) {
        seen.push(made, JSON.stringify(made), String(made));
      }
      for (const one of [
        sender({ secret: own }),
        sender({
          secret: () => {
            throw new Error(own);
          },
        }),
        sender({ secret: async () => Promise.reject(new Error(own)) }),
        sender({ secret: () => `${own}*` }),
        sender({
          lookup: async () => {
            throw Object.assign(new Error('canary'), { code: 'canary' });
          },
        }),
      ]) {
        for (const address of [
          `${url}/canary?token=canary`,
          'https://canary:canary@example.com/',
          'http://canary.test/',
          'http://127.0.0.1:1/?canary',
          'canary',
        ]) {
          const result = await one.send(letter(address));
          expect(result).toMatchObject({ ok: false });
          if (!result.ok) expect(Buffer.byteLength(result.error)).toBeLessThanOrEqual(500);
          seen.push(one, result);
        }
      }
      try {
        verifyWebhook(body, headers(), own, { now });
      } catch (error) {
        seen.push(error);
      }
    } finally {
      await coordinator.close();
    }
    const text = inspect(seen, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null });
    for (const each of shown) expect(text).not.toContain(each);
  });
});
