/** Every option that cannot be worked with is refused, naming it. */
import { CircuitBreaker } from '@wundr.io/token-budget/timers';
import { breaker, closeAll } from './breaker-helpers';

afterEach(closeAll);

const YEAR = 365 * 86_400_000;

test.each<[string, unknown, string]>([
  ['service', undefined, 'service'],
  ['service', '', 'service'],
  ['service', 'x'.repeat(257), 'service'],
  ['service', '\ud800', 'service'],
])('%s %p', (_, service, field) => {
  expect(() => new CircuitBreaker(service as string)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field }),
  );
});

test.each<[object, string]>([
  [{ treshold: 5 }, 'treshold'],
  [{ threshold: 0 }, 'threshold'],
  [{ threshold: 1.5 }, 'threshold'],
  [{ threshold: '5' }, 'threshold'],
  [{ threshold: 1_000_001 }, 'threshold'],
  [{ resetAfter: 0 }, 'resetAfter'],
  [{ resetAfter: '5' }, 'resetAfter'],
  [{ resetAfter: 'soon' }, 'resetAfter'],
  [{ resetAfter: Number.NaN }, 'resetAfter'],
  [{ resetAfter: Infinity }, 'resetAfter'],
  [{ resetAfter: YEAR + 1 }, 'resetAfter'],
  [{ resetAfter: '5m', maxResetAfter: '1m' }, 'maxResetAfter'],
  [{ maxResetAfter: -1 }, 'maxResetAfter'],
  [{ growth: 0.5 }, 'growth'],
  [{ growth: 1001 }, 'growth'],
  [{ growth: '2' }, 'growth'],
  [{ successesToClose: 0 }, 'successesToClose'],
  [{ probeTimeout: 0 }, 'probeTimeout'],
  [{ probeTimeout: null }, 'probeTimeout'],
  [{ mode: 'sampling' }, 'mode'],
  [{ mode: null }, 'mode'],
  [{ mode: {} }, 'mode.sampling'],
  [{ mode: { sample: {} } }, 'mode.sample'],
  [{ mode: { sampling: { ratio: 0 } } }, 'mode.sampling.ratio'],
  [{ mode: { sampling: { ratio: 1.1 } } }, 'mode.sampling.ratio'],
  [{ mode: { sampling: {} } }, 'mode.sampling.ratio'],
  [{ mode: { sampling: { ratio: 0.5, minimum: 0 } } }, 'mode.sampling.minimum'],
  [{ mode: { sampling: { ratio: 0.5, window: '2d' } } }, 'mode.sampling.window'],
  [{ mode: { sampling: { ratio: 0.5, windows: 1 } } }, 'mode.sampling.windows'],
  [{ threshold: 5, mode: { sampling: { ratio: 0.5 } } }, 'threshold'],
  [{ isFailure: true }, 'isFailure'],
  [{ onStateChange: {} }, 'onStateChange'],
  [{ coordinator: {} }, 'coordinator'],
  [{ coordinator: null }, 'coordinator'],
  [{ schedule: { webhook: 'https://example.com/' } }, 'schedule'],
  [{ redis: {}, memory: {} }, 'memory'],
  [{ redis: { port: 0 } }, 'redis.port'],
  [{ clock: 5 }, 'clock'],
])('%p', (options, field) => {
  expect(() => new CircuitBreaker('a', options as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', field }),
  );
});

test('options that are none', () => {
  for (const options of [null, 5, 'x', []]) {
    expect(() => new CircuitBreaker('a', options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', field: 'options' }),
    );
  }
});

test('arguments of methods', async () => {
  const one = breaker('a');
  const call = async () => 1;
  for (const fn of [undefined, null, 'x', {}]) {
    await expect(one.execute(fn as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'fn' });
  }
  for (const [options, field] of [
    [null, 'options'],
    [{ signal: {} }, 'options.signal'],
    [{ timeout: 5 }, 'options.timeout'],
  ] as const) {
    await expect(one.execute(call, options as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field,
    });
  }
  for (const duration of [0, -1, 'x', Number.NaN, {}]) {
    await expect(one.trip(duration as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'duration',
    });
  }
  expect(one.failures).toBe(0);
});

test('a polluted prototype is never asked', async () => {
  const polluted = Object.prototype as { threshold?: number; signal?: unknown };
  try {
    polluted.threshold = 1;
    polluted.signal = {};
    const one = breaker('a');
    expect(one.threshold).toBe(5);
    await expect(one.execute(async () => 1, {})).resolves.toBe(1);
  } finally {
    delete polluted.threshold;
    delete polluted.signal;
  }
});
