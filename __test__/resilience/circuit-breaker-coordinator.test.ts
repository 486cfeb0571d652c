/** Breakers of a coordinator in memory, and the timer for their reset, as the guide makes it. */
import {
  createTokenCoordinator,
  type TimerExpiredEvent,
  type TokenCoordinator,
} from '@wundr.io/token-budget/timers';
import { failTimes, MINUTE, outcome, START, works } from './breaker-helpers';

let minoots: TokenCoordinator;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
  minoots = createTokenCoordinator({ defaultTimeZone: 'UTC' });
});
afterEach(async () => {
  jest.useRealTimers();
  await minoots.close({ timeout: 0 });
});

const on_expire = { message: 'try again', data: { service: 'openai' } };

test('when it opens, a timer is made for when a probe may be made', async () => {
  const expired: TimerExpiredEvent[] = [];
  minoots.on('timer:expired', event => void expired.push(event));
  const breaker = minoots.circuitBreaker('openai', {
    threshold: 5,
    resetAfter: '5m',
    schedule: { on_expire },
  });
  await failTimes(breaker, 5);
  await jest.advanceTimersByTimeAsync(5 * MINUTE - 1);
  expect(expired).toEqual([]);
  await jest.advanceTimersByTimeAsync(1);
  expect(expired).toHaveLength(1);
  expect(expired[0]).toMatchObject({ name: 'Circuit Breaker Reset: openai', ...on_expire });
  expect(await outcome(breaker.execute(works))).toBe('answer');
});

test('every opening has its own; a reset by hand cancels it', async () => {
  const breaker = minoots.circuitBreaker('openai', {
    threshold: 1,
    resetAfter: 1000,
    schedule: { on_expire },
  });
  for (let round = 0; round < 3; round++) {
    await failTimes(breaker, 1);
    await jest.advanceTimersByTimeAsync(1000);
  }
  await breaker.trip('1h');
  await jest.advanceTimersByTimeAsync(0);
  const scheduled = async () => (await minoots.timers.list({ status: 'scheduled' })).timers.length;
  // It was open already, by the third failure: what is tripped anew is no new opening.
  await breaker.reset();
  await jest.advanceTimersByTimeAsync(0);
  expect(await scheduled()).toBe(0);
  await breaker.trip('1h');
  await jest.advanceTimersByTimeAsync(0);
  expect(await scheduled()).toBe(1);
  await breaker.reset();
  await jest.advanceTimersByTimeAsync(0);
  expect(await scheduled()).toBe(0);
  await breaker.isolate();
  await jest.advanceTimersByTimeAsync(0);
  expect(await scheduled()).toBe(0);
});

test('one timer follows what changes while it is open', async () => {
  const breaker = minoots.circuitBreaker('openai', {
    threshold: 1,
    resetAfter: '5m',
    schedule: { on_expire },
  });
  const due = async () => {
    await jest.advanceTimersByTimeAsync(0);
    const { timers } = await minoots.timers.list({ status: 'scheduled' });
    return timers.map(({ endTime }) => (endTime.getTime() - Date.now()) / MINUTE);
  };
  await failTimes(breaker, 1);
  expect(await due()).toEqual([5]);
  await breaker.onFailure({ status: 429, headers: { 'retry-after': '1200' } });
  expect(await due()).toEqual([20]);
  await breaker.trip('30m');
  expect(await due()).toEqual([30]);
  await breaker.trip('2m');
  expect(await due()).toEqual([2]);
  const snapshot = await breaker.export();
  await breaker.isolate();
  expect(await due()).toEqual([]);
  await breaker.restore(snapshot);
  expect(await due()).toEqual([2]);
  await breaker.reset();
  expect(await due()).toEqual([]);
  await breaker.restore(snapshot);
  expect(await due()).toEqual([2]);
});

test('the name of a long service is shortened, and the timer made', async () => {
  const service = 'ü'.repeat(128);
  const breaker = minoots.circuitBreaker(service, {
    threshold: 1,
    schedule: { webhook: 'https://example.com/' },
  });
  await failTimes(breaker, 1);
  await jest.advanceTimersByTimeAsync(0);
  const { timers } = await minoots.timers.list();
  expect(timers.map(({ name }) => name)).toEqual([
    expect.stringMatching(/^Circuit Breaker Reset: ü+\.\.\.$/),
  ]);
});

test('a timer that cannot be made is told by error, and the breaker works', async () => {
  const failure = new Error('no timer');
  jest.spyOn(minoots.timers, 'create').mockRejectedValue(failure);
  const breaker = minoots.circuitBreaker('openai', { threshold: 1, schedule: { on_expire } });
  const errors: unknown[] = [];
  breaker.on('error', error => void errors.push(error));
  await failTimes(breaker, 1);
  await jest.advanceTimersByTimeAsync(0);
  expect(errors).toEqual([failure]);
  expect(breaker.state).toBe('OPEN');
});

test('breakers of one service are one object, until it is closed', async () => {
  const one = minoots.circuitBreaker('openai', { threshold: 5, schedule: { on_expire } });
  expect(minoots.circuitBreaker('openai')).toBe(one);
  for (const same of [{}, { threshold: 5, resetAfter: '5m' }, { resetAfter: 300_000 }]) {
    expect(minoots.circuitBreaker('openai', { ...same, schedule: { on_expire: { ...on_expire } } })).toBe(
      one,
    );
  }
  for (const other of [{}, { threshold: 2 }, { schedule: { on_expire }, isFailure: () => true }]) {
    expect(() => minoots.circuitBreaker('openai', other)).toThrow(
      expect.objectContaining({ code: 'REQUEST_CONFLICT', field: 'options' }),
    );
  }
  expect(minoots.circuitBreaker('anthropic')).not.toBe(one);
  await one.close();
  const next = minoots.circuitBreaker('openai', { threshold: 2 });
  expect(next).not.toBe(one);
  await minoots.close({ timeout: 0 });
  expect(await outcome(next.execute(works))).toBe('CLOSED');
});

test('options of a store beside a coordinator are refused, and wrong schedules', () => {
  for (const [options, field] of [
    [{ redis: {} }, 'redis'],
    [{ clock: Date.now }, 'clock'],
    [{ schedule: null }, 'schedule'],
    [{ schedule: {} }, 'schedule'],
    [{ schedule: { webhook: 'https://a/', on_expire: {} } }, 'schedule'],
    [{ schedule: { webhook: 5 } }, 'schedule.webhook'],
    [{ schedule: { webhook: 'ftp://example.com/' } }, 'schedule.webhook'],
    [{ schedule: { on_expire: 'x' } }, 'schedule.on_expire'],
    [{ schedule: { on_expire: { webhook: 'nowhere' } } }, 'schedule.on_expire.webhook'],
    [{ schedule: { on_expire: { hook: 'x' } } }, 'schedule.on_expire.hook'],
    [{ schedule: { url: 'x' } }, 'schedule.url'],
  ] as const) {
    expect(() => minoots.circuitBreaker('openai', options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', field }),
    );
  }
});

test('it ends with its coordinator', async () => {
  const breaker = minoots.circuitBreaker('openai');
  await minoots.close({ timeout: 0 });
  expect(await outcome(breaker.execute(works))).toBe('CLOSED');
  expect(() => minoots.circuitBreaker('openai')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});
