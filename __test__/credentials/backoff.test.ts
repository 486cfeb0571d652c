import { RateLimitError, withBackoff } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';

const limited = () => new RateLimitError('All tokens have exceeded rate limits', 'github', 0);

/** Fails so often, then answers; the waits are noted, not waited. */
function failing(times: number, error: () => unknown = limited) {
  const waits: number[] = [];
  let calls = 0;
  return {
    waits,
    calls: () => calls,
    fn: () => {
      calls++;
      if (calls <= times) throw error();
      return 'served';
    },
    sleep: async (ms: number) => {
      waits.push(ms);
    },
  };
}

test('as the guide has it: 1, 2, 4, 8 seconds and up to one more, then the last error', async () => {
  const endless = failing(Number.POSITIVE_INFINITY);
  const error = await rejection(withBackoff(endless.fn, { sleep: endless.sleep, random: () => 0.5 }));
  expect(error).toBeInstanceOf(RateLimitError);
  expect(endless.calls()).toBe(5);
  expect(endless.waits).toEqual([1500, 2500, 4500, 8500]);
});

test('it returns what the function returns, as soon as it does', async () => {
  const twice = failing(2);
  expect(await withBackoff(twice.fn, { sleep: twice.sleep, jitter: false })).toBe('served');
  expect(twice.waits).toEqual([1000, 2000]);
  expect(await withBackoff(attempt => attempt)).toBe(0);
});

test('no wait is longer than the cap, jitter and known resets included', async () => {
  const often = failing(9);
  await withBackoff(often.fn, { maxRetries: 10, capSeconds: 60, random: () => 0.9, sleep: often.sleep });
  expect(Math.max(...often.waits)).toBe(60_000);
  expect(often.waits.slice(-3)).toEqual([60_000, 60_000, 60_000]);
  const inHours = failing(1, () => new RateLimitError('limited', 'github', Date.now() + 33 * 3_600_000));
  await withBackoff(inHours.fn, { sleep: inHours.sleep });
  expect(inHours.waits).toEqual([60_000]);
});

test('a reset that is known and later than the backoff is waited for', async () => {
  const now = () => 1_000_000;
  const soon = failing(1, () => new RateLimitError('limited', 'github', new Date(1_012_000)));
  await withBackoff(soon.fn, { sleep: soon.sleep, jitter: false, now });
  expect(soon.waits).toEqual([12_000]);
  const over = failing(1, () => new RateLimitError('limited', 'github', new Date(900_000)));
  await withBackoff(over.fn, { sleep: over.sleep, jitter: false, now });
  expect(over.waits).toEqual([1000]);
});

test('other errors are not tried again, unless they are worth it', async () => {
  const broken = failing(1, () => new Error('broken'));
  expect((await rejection(withBackoff(broken.fn, { sleep: broken.sleep }))).message).toBe('broken');
  expect(broken.waits).toEqual([]);
  const again = failing(1, () => new Error('broken'));
  expect(await withBackoff(again.fn, { sleep: again.sleep, retryIf: () => true })).toBe('served');
});

test('it really waits, and can be aborted while it does', async () => {
  const once = failing(1);
  const beganMs = performance.now();
  await withBackoff(once.fn, { capSeconds: 0.05 });
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(45);
  const controller = new AbortController();
  const forever = failing(Number.POSITIVE_INFINITY);
  const waiting = rejection(withBackoff(forever.fn, { signal: controller.signal }));
  await Promise.resolve();
  controller.abort(new Error('enough'));
  expect((await waiting).message).toBe('enough');
  expect(forever.calls()).toBe(1);
  expect((await rejection(withBackoff(forever.fn, { signal: controller.signal }))).message).toBe('enough');
  expect(forever.calls()).toBe(1);
});

test.each<[string, object]>([
  ['options.maxRetries', { maxRetries: 0 }],
  ['options.base', { base: 0.5 }],
  ['options.capSeconds', { capSeconds: -1 }],
  ['options.jitter', { jitter: 1 }],
  ['options.signal', { signal: {} }],
  ['options.retryIf', { retryIf: true }],
  ['options.sleep', { sleep: 5 }],
  ['options.random', { random: 0.5 }],
  ['options.now', { now: 5 }],
])('%s is checked', async (field, options) => {
  const error = await rejection(withBackoff(() => 1, options));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
});

test('a function is needed', async () => {
  expect(await rejection(withBackoff(5 as never))).toMatchObject({ field: 'fn' });
});
