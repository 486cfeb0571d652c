/** Opening by the share of calls that failed lately. */
import { breaker, closeAll, failTimes, outcome, SECOND, START, works } from './breaker-helpers';

const sampling = { ratio: 0.5, minimum: 10, window: '10s' };

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});
afterEach(async () => {
  jest.useRealTimers();
  await closeAll();
});

const advance = (ms: number) => jest.advanceTimersByTimeAsync(ms);

test('it opens when half of at least ten calls failed', async () => {
  const one = breaker('a', { mode: { sampling } });
  expect(one.threshold).toBe(0.5);
  await failTimes(one, 4);
  for (let index = 0; index < 5; index++) await one.execute(works);
  expect(one.state).toBe('CLOSED');
  await failTimes(one, 1);
  expect([one.state, one.failures]).toEqual(['OPEN', 5]);
  expect(await outcome(one.execute(works))).toBe('CIRCUIT_OPEN');
});

test('successes count, also those that were told late', async () => {
  const one = breaker('a', { mode: { sampling } });
  for (let index = 0; index < 100; index++) await one.execute(works);
  await advance(SECOND);
  expect((await one.export()).successes).toBe(100);
  await failTimes(one, 99);
  expect(one.state).toBe('CLOSED');
  await failTimes(one, 1);
  expect(one.state).toBe('OPEN');
});

test('what leaves the window is forgotten', async () => {
  const one = breaker('a', { mode: { sampling } });
  await failTimes(one, 9);
  await advance(11 * SECOND);
  await failTimes(one, 9);
  expect(one.state).toBe('CLOSED');
  await failTimes(one, 1);
  expect(one.state).toBe('OPEN');
});

test('telling successes keeps nothing alive, and ends with the breaker', async () => {
  const one = breaker('a', { mode: { sampling } });
  await one.execute(works);
  expect(jest.getTimerCount()).toBe(1);
  await one.close();
  expect(jest.getTimerCount()).toBe(0);
});

test('minimum and window have defaults', async () => {
  const one = breaker('a', { mode: { sampling: { ratio: 1 } } });
  await failTimes(one, 5);
  await advance(50 * SECOND);
  await failTimes(one, 5);
  expect(one.state).toBe('OPEN');
});
