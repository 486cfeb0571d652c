/** What providers answer: pauses, backoff, and what they say is left. */
import type { Permit, RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import {
  acquireMany,
  advance,
  fateOf,
  heard,
  limiter,
  NOTHING,
  plain,
  refusal,
  sinceNoon,
  useFakeTime,
} from './helpers';

useFakeTime();

/** The jitter changes nothing (0) or as much as it may (1). */
const jitter = (share: number) => jest.spyOn(Math, 'random').mockReturnValue(share === 1 ? 0.999_999 : share);

const pausedMs = async (manager: RateLimitManager) => {
  const { pausedUntil } = await manager.getStatus();
  return pausedUntil === null ? 0 : pausedUntil.getTime() - Date.now();
};

const refuse = (permit: Permit | undefined, headers?: Record<string, string>) =>
  permit?.settle({ ...NOTHING, error: refusal(headers) });

describe('a hit starts the cooldown', () => {
  test.each<[string, object]>([
    ['an error of an SDK', { error: refusal() }],
    ['a Response', { response: new Response(null, { status: 429 }) }],
    ['status and headers', { response: { status: 429, headers: { 'x-request-id': '1' } } }],
    ['Anthropic overloaded', { response: { status: 529, headers: { 'anthropic-organization-id': 'o' } } }],
  ])('told by %s', async (_name, answer) => {
    jitter(0);
    const manager = plain({ rpm: 50 });
    const hits = heard(manager, 'limit:hit');
    const permit = await manager.acquire();
    await permit.settle({ ...NOTHING, ...answer });
    expect(await pausedMs(manager)).toBe(60_000);
    expect(await manager.canMakeRequest()).toMatchObject({
      verdict: 'wait',
      reason: 'cooldown',
      waitMs: 60_000,
    });
    expect(hits).toEqual([{ kind: 'rate', retryAfterMs: null, provider: expect.any(String) }]);
    expect(manager.metrics().hits).toEqual({ rate: 1 });
    expect((await manager.getStatus()).hits).toBe(1);
  });

  test('critical requests wait like all others', async () => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal());
    expect((await manager.canMakeRequest({ priority: 'critical' })).reason).toBe('cooldown');
  });

  test('jitter lengthens the first by a tenth at most, and shortens none to less than the cooldown', async () => {
    jitter(1);
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal());
    expect(await pausedMs(manager)).toBe(66_000);
    await advance(66_000);
    await manager.observe(refusal());
    expect(await pausedMs(manager)).toBe(60_000);
  });

  test("GitHub's secondary limit without a time pauses for a minute, however short the cooldown is", async () => {
    const manager = plain({ rpm: 50 }, { safety: { margin: 0, cooldown: 1 } });
    const body = { message: 'You have exceeded a secondary rate limit.' };
    const error = (headers: Record<string, string>) =>
      Object.assign(new Error(body.message), { status: 403, response: { status: 403, headers, data: body } });
    for (let n = 0; n < 3; n++) {
      await manager.observe(error({ 'x-github-request-id': '1' }));
      expect(await pausedMs(manager)).toBe(60_000);
      await advance(60_000);
    }
    await manager.observe(error({ 'x-github-request-id': '1', 'retry-after': '30' }));
    expect(await pausedMs(manager)).toBe(30_000);
  });

  test('Retry-After is honoured to the millisecond', async () => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal({ 'retry-after': '17' }));
    expect(await pausedMs(manager)).toBe(17_000);
    await advance(16_999);
    expect((await manager.tryAcquire()).permit).toBeNull();
    await advance(1);
    expect((await manager.tryAcquire()).permit).not.toBeNull();
  });

  test('Retry-After is bounded by maxCooldown', async () => {
    const manager = plain({ rpm: 50 }, { safety: { margin: 0, maxCooldown: 300 } });
    await manager.observe(refusal({ 'retry-after': '86400' }));
    expect(await pausedMs(manager)).toBe(300_000);
  });

  test('refusals of requests that left together are one hit', async () => {
    jitter(0);
    const manager = plain({ rpm: 50 });
    const permits = await acquireMany(manager, 5);
    await advance(500);
    for (const permit of permits) await refuse(permit);
    expect((await manager.getStatus()).hits).toBe(1);
    expect(await pausedMs(manager)).toBe(60_000);
    const late = refusal({ 'retry-after': '90' });
    await manager.observe(late, { sentAt: new Date(Date.now() - 400) });
    expect((await manager.getStatus()).hits).toBe(1);
    expect(await pausedMs(manager)).toBe(90_000);
  });

  test('a quota that is spent is told apart from a rate', async () => {
    jitter(0);
    const manager = plain({ rpm: 50 });
    const hits = heard(manager, 'limit:hit');
    const error = Object.assign(new Error('quota'), {
      status: 429,
      headers: { 'openai-version': '2020-10-01' },
      error: { type: 'insufficient_quota', code: 'insufficient_quota' },
    });
    await manager.observe(error);
    expect(hits).toEqual([{ kind: 'quota', retryAfterMs: null, provider: 'openai' }]);
    expect(manager.metrics().hits).toEqual({ quota: 1 });
    expect(await pausedMs(manager)).toBe(60_000);
  });

  test('an error that says nothing of limits is none', async () => {
    const manager = plain({ rpm: 50 });
    const permit = await manager.acquire();
    await permit.settle({ ...NOTHING, error: refusal({}, 500) });
    expect(await pausedMs(manager)).toBe(0);
    expect(manager.metrics()).toMatchObject({ hits: {}, errors: { 500: 1 } });
  });
});

describe('after the cooldown', () => {
  test('the backoff doubles with each probe that is refused, up to maxCooldown', async () => {
    jitter(0);
    const manager = plain({ rpm: 500 }, { safety: { margin: 0, cooldown: 10, maxCooldown: 100 } });
    await manager.observe(refusal());
    const pauses: number[] = [];
    for (let n = 0; n < 6; n++) {
      const ms = await pausedMs(manager);
      pauses.push(ms);
      await advance(ms);
      await refuse((await manager.tryAcquire()).permit ?? undefined);
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, 80_000, 100_000, 100_000]);
  });

  test('one probe goes at a time; its success lets all go', async () => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal({ 'retry-after': '10' }));
    const fates = Array.from({ length: 4 }, () => fateOf(manager.acquire()));
    await advance(10_000);
    expect(fates.map(({ isOver }) => isOver)).toEqual([true, false, false, false]);
    expect(await manager.canMakeRequest()).toMatchObject({ verdict: 'wait', reason: 'line' });
    await advance(5_000);
    expect(fates[1]?.isOver).toBe(false);
    await fates[0]?.value?.settle(NOTHING);
    await advance(0);
    expect(fates.map(({ value }) => value && sinceNoon(value.admittedAt))).toEqual([
      10_000, 15_000, 15_000, 15_000,
    ]);
    expect((await manager.getStatus()).hits).toBe(0);
  });

  test.each<[string, object]>([
    ['headers, none of them', { headers: {} }],
    ['headers, none of them, as fetch has them', { headers: new Headers() }],
    ['headers that say nothing of limits', { headers: { 'content-type': 'application/json' } }],
    ['headers of limits', { headers: { 'x-ratelimit-limit-requests': '9' } }],
    ['a response without headers', { response: new Response(null, { status: 200 }) }],
    ['the body that a client made of it', { response: { choices: [], usage: {} } }],
    ['a body whose list of errors is empty', { response: { data: {}, errors: [] } }],
    ['a list of bodies without errors', { response: [{ errors: [] }] }],
    ['a body within a body without errors', { response: { data: { errors: [] } } }],
    ['a body whose error is empty', { response: { error: {}, choices: [] } }],
    ['a body whose error is null', { response: { error: null, lastError: null, cause: {} } }],
    ['a text', { response: 'Thank you for calling.' }],
    ['a text of nothing', { response: '' }],
    ['a text with the JSON of an error in it', { response: 'As in {"error":{"code":429}}' }],
    ['a text that is JSON', { response: '{"text":"Thank you","errors":[]}' }],
    ['a number', { response: 0 }],
    ['null for what was not given', { error: null, response: null, headers: null }],
    ['nothing', {}],
  ])('a success ends the backoff, told by %s', async (_name, answer) => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal({ 'retry-after': '1' }));
    await advance(1_001);
    await (await manager.acquire()).settle({ ...NOTHING, ...answer });
    expect((await manager.getStatus()).hits).toBe(0);
    expect(manager.metrics().errors).toEqual({});
    await acquireMany(manager, 5);
  });

  test.each<[string, object]>([
    ['a body that tells of an error', { response: { error: { type: 'invalid_request_error' } } }],
    ['a status of failure', { response: { status: 500, headers: {} } }],
    ['a text that is JSON of an error', { response: ' {"error":{"type":"invalid_request_error"}}' }],
    ['a list of errors', { response: { data: null, errors: [{ message: 'no' }] } }],
    ['an error as it was thrown, in a body', { response: { error: new Error('socket hang up') } }],
    ['an error that is a text', { error: 'socket hang up' }],
    ['an error', { error: new Error('socket hang up') }],
    ['an error that says nothing', { error: {} }],
    ['what wraps an error', { response: { cause: new Error('socket hang up') } }],
    ['an error in the place of headers', { headers: new Error('socket hang up') }],
  ])('%s ends no backoff', async (_name, answer) => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal({ 'retry-after': '1' }));
    await advance(1_001);
    await (await manager.acquire()).settle({ ...NOTHING, ...answer });
    expect((await manager.getStatus()).hits).toBe(1);
  });

  test('a text that is JSON of a refusal pauses', async () => {
    const manager = plain({ rpm: 50 });
    const body = JSON.stringify({ error: { type: 'rate_limit_error', message: 'slow down' } });
    await (await manager.acquire()).settle({ ...NOTHING, response: body });
    expect((await manager.getStatus()).hits).toBe(1);
  });

  test('without a cooldown one call at a time tries too', async () => {
    const manager = plain({ rpm: 50 }, { safety: { margin: 0, cooldown: 0 } });
    await manager.observe(refusal());
    const probe = await manager.acquire();
    const next = fateOf(manager.acquire());
    expect((await manager.tryAcquire()).verdict).toMatchObject({ verdict: 'wait', reason: 'line' });
    await advance(999);
    expect(next.isOver).toBe(false);
    await advance(1);
    expect(next.value?.waitedMs).toBe(1_000);
    await probe.cancel();
  });

  test('a refusal told by a permit that is not known counts, a success does not', async () => {
    const manager = plain({ rpm: 50 });
    const id = (await manager.acquire()).id;
    expect((await manager.settle(id, NOTHING)).known).toBe(true);
    const refused = { ...NOTHING, error: refusal({ 'retry-after': '7' }) };
    expect(await manager.settle(id, refused)).toMatchObject({ known: false });
    expect(await pausedMs(manager)).toBe(7_000);
    await advance(7_000);
    // Nobody knows when its request left.
    for (const answer of [{}, { headers: {} }]) await manager.settle(id, { ...NOTHING, ...answer });
    expect((await manager.getStatus()).hits).toBe(1);
  });

  test('though the clock went back, a refusal told by its permit pauses, and a success after it ends that', async () => {
    let nowMs = Date.now() + 86_400_000;
    const manager = plain({ rpm: 50 }, { clock: () => nowMs });
    const [refused, served] = await acquireMany(manager, 2);
    nowMs -= 86_400_000;
    const settled = await refuse(refused, { 'retry-after': '7' });
    expect(settled?.known).toBe(false);
    expect((await manager.getStatus()).pausedUntil).toEqual(new Date(nowMs + 7_000));
    expect(await served?.settle({ ...NOTHING, headers: {} })).toMatchObject({ known: false });
    expect((await manager.getStatus()).hits).toBe(1);
  });

  test.each<[string, (permit: Permit) => Promise<unknown>]>([
    ['cancelled', permit => permit.cancel()],
    ['failed without a word about limits', permit => permit.settle({ ...NOTHING, error: refusal({}, 502) })],
  ])('after a probe that was %s the next one goes', async (_name, end) => {
    const manager = plain({ rpm: 50 });
    await manager.observe(refusal({ 'retry-after': '1' }));
    await advance(1_000);
    const probe = await manager.acquire();
    expect((await manager.tryAcquire()).verdict).toMatchObject({ reason: 'probe' });
    await end(probe);
    const next = await manager.tryAcquire();
    expect(next.permit).not.toBeNull();
    expect((await manager.tryAcquire()).verdict).toMatchObject({ reason: 'probe' });
  });

  test('a probe that nobody ends expires, and the next one goes', async () => {
    // What only others can end is looked at in every third of the lease.
    const manager = plain({ rpm: 50 }, { permitTTL: 5_000, clientLease: 3_000 });
    await manager.observe(refusal({ 'retry-after': '1' }));
    await advance(1_000);
    await manager.acquire();
    const next = fateOf(manager.acquire());
    await advance(5_000);
    expect(next.value?.waitedMs).toBe(5_000);
  });

  test('the answer to a request from before the hit is no sign of recovery', async () => {
    const manager = plain({ rpm: 50 });
    const early = await manager.acquire();
    await advance(100);
    await manager.observe(refusal({ 'retry-after': '10' }));
    await early.settle({ ...NOTHING, response: new Response(null, { status: 200 }) });
    expect((await manager.getStatus()).hits).toBe(1);
    expect(await pausedMs(manager)).toBe(10_000);
  });
});

describe('pause and resume', () => {
  test('admit nothing for so long, and again', async () => {
    const manager = plain({ rpm: 50 });
    await manager.pause(5_000);
    const fate = fateOf(manager.acquire());
    await advance(4_999);
    expect(fate.isOver).toBe(false);
    await advance(1);
    expect(fate.isOver).toBe(true);
    await manager.pause();
    expect(await pausedMs(manager)).toBe(60_000);
    const next = fateOf(manager.acquire());
    await manager.resume();
    await advance(0);
    expect(next.isOver).toBe(true);
  });

  test('resume ends the backoff too', async () => {
    const manager = limiter({ limits: { rpm: 50 }, pacing: false });
    await manager.observe(refusal());
    await manager.resume();
    await acquireMany(manager, 5);
    expect(await manager.getStatus()).toMatchObject({ hits: 0, pausedUntil: null });
  });
});
