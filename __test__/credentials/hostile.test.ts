/** A provider that refuses in every way it can, late and in any order: nothing goes out on a token known to be spent. */
import { ProviderError } from '@wundr.io/token-budget/credentials';
import type { Answer } from './support/provider-server';
import { closeAll, manager as make, provider } from './support/setup';

afterEach(closeAll);

/** Numbers from 0, below 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How long an answer may be on its way from the socket to the store. */
const GRACE_MS = 100;

/** Sends, and knows from the answers alone what must not be sent any more. */
function watchful() {
  const restsUntil = new Map<string, { sinceMs: number; untilMs: number }>();
  const violations: string[] = [];
  const send: typeof fetch = async (input, init) => {
    const token = new Headers(init?.headers).get('authorization') ?? '';
    const sentMs = Date.now();
    const rest = restsUntil.get(token);
    if (rest !== undefined && sentMs > rest.sinceMs + GRACE_MS && sentMs < rest.untilMs) {
      violations.push(`${token}, ${rest.untilMs - sentMs} ms too early`);
    }
    const response = await fetch(input, init);
    const { headers, status } = response;
    const serverMs = Date.parse(headers.get('date') ?? '');
    const waits = [
      status === 401 ? Number.POSITIVE_INFINITY : 0,
      status >= 400 ? Number(headers.get('retry-after') ?? 0) * 1000 : 0,
      headers.get('x-ratelimit-remaining') === '0'
        ? Number(headers.get('x-ratelimit-reset')) * 1000 - serverMs
        : 0,
    ];
    const nowMs = Date.now();
    const untilMs = nowMs + Math.max(...waits) - 50;
    if (untilMs > Math.max(nowMs, rest?.untilMs ?? 0)) restsUntil.set(token, { sinceMs: nowMs, untilMs });
    return response;
  };
  return { send, violations };
}

test.each([1, 2, 3])('seed %i', async seed => {
  const dice = random(seed);
  const server = await provider('github');
  const tokens = ['a', 'b', 'c', 'd'];
  for (const token of tokens) server.allow(token, 25, { windowMs: 1500 });
  server.intercept = ({ token }): Answer | undefined => {
    const thrown = dice();
    if (token === 'd' && thrown < 0.2) {
      server.quotas.delete('d');
      return { status: 401, body: { message: 'Bad credentials' } };
    }
    const retry = { 'retry-after': '1' };
    const delayMs = Math.floor(dice() * 30);
    if (thrown < 0.08) return { status: 502, body: {}, delayMs };
    if (thrown < 0.11)
      return { status: 403, headers: retry, body: { message: 'secondary rate limit' }, delayMs };
    if (thrown < 0.14) return { status: 429, headers: retry, body: {}, delayMs };
    if (thrown < 0.16) return { hangUp: true };
    // The answer is made now and sent later: others overtake it.
    const quota = server.quotas.get(token ?? '')?.get('core');
    if (thrown > 0.7 || quota === undefined || quota.used >= quota.limit || Date.now() >= quota.resetsAtMs) {
      return undefined;
    }
    quota.used += 1;
    return { headers: server.headers(quota, 'core'), body: {}, delayMs };
  };
  const { send, violations } = watchful();
  const options = { reserve: 0, waitForReset: true, baseUrls: { github: server.url }, fetch: send };
  const manager = make(tokens, options);
  const outcomes = new Map<unknown, number>();
  let left = 150;
  const lane = async () => {
    while (left-- > 0) {
      const outcome = await manager.fetch('/x').then(
        async response => {
          await response.arrayBuffer();
          return response.status;
        },
        error => error.name,
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 6 }, lane));
  expect(violations).toEqual([]);
  // What is no limit comes back as it is; nothing else does.
  expect([200, 502, 'TypeError']).toEqual(expect.arrayContaining([...outcomes.keys()]));
  expect(outcomes.get(200)).toBeGreaterThan(100);
  const views = await manager.getAllTokens();
  expect(views.map(({ resources }) => resources[0]?.underWay)).toEqual([0, 0, 0, 0]);
});

const throwing = () => {
  throw new Error('no');
};

const ODD: unknown[] = [
  undefined,
  null,
  0,
  '',
  Symbol('s'),
  () => 1,
  [],
  new Map(),
  { status: 'ok', headers: {} },
  { status: 200, headers: null },
  Object.defineProperty({}, 'status', { get: throwing }),
  new ProviderError('not found', 'github', 404),
  Object.assign(new Error('odd'), { status: Number.NaN, headers: 5, response: { headers: [[1]] } }),
];

test('whatever a function returns or throws comes out as it went in', async () => {
  const manager = make(['a']);
  for (const value of ODD) {
    expect((await manager.withRotation(() => value)) === value).toBe(true);
  }
  // A promise asks what it resolves to for `then`; what it rejects with it asks nothing.
  const hostile = new Proxy({}, { get: throwing, getPrototypeOf: throwing, has: throwing });
  for (const value of [...ODD, hostile]) {
    const reason = await manager
      .withRotation(() => Promise.reject(value))
      .then(
        () => ['nothing'],
        error => [error],
      );
    expect(reason[0] === value).toBe(true);
  }
  expect((await manager.getAllTokens())[0]?.resources[0]).toMatchObject({ underWay: 0, pausedUntil: null });
});
