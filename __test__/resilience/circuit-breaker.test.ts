/** A breaker of this process alone: what it lets through, what it tells, what is done by hand. */
import { CircuitBreaker, CircuitOpenError, TokenBudgetError } from '@wundr.io/token-budget/timers';
import {
  breaker,
  changes,
  closeAll,
  fails,
  failTimes,
  HOUR,
  MINUTE,
  manualClock,
  OPENED,
  outcome,
  SECOND,
  ServiceError,
  START,
  works,
} from './breaker-helpers';

afterEach(closeAll);

describe('as in the guide', () => {
  test('five failures open it, and five minutes later a probe closes it', async () => {
    const clock = manualClock();
    const one = breaker('openai', { threshold: 5, resetAfter: '5m', clock });
    expect([one.service, one.state, one.failures, one.threshold]).toEqual(['openai', 'CLOSED', 0, 5]);
    for (let failures = 1; failures <= 5; failures++) {
      await one.onFailure();
      expect(one.failures).toBe(failures);
      expect(one.state).toBe(failures < 5 ? 'CLOSED' : 'OPEN');
    }
    const call = jest.fn(works);
    await expect(one.execute(call)).rejects.toThrow(CircuitOpenError);
    clock.advance(5 * MINUTE - 1);
    await expect(one.execute(call)).rejects.toThrow(CircuitOpenError);
    expect(call).not.toHaveBeenCalled();
    clock.advance(1);
    await expect(one.execute(call)).resolves.toBe('answer');
    expect([one.state, one.failures]).toEqual(['CLOSED', 0]);
  });

  test('the defaults are those of the guide', async () => {
    const clock = manualClock();
    const one = breaker('openai', { clock });
    await failTimes(one, 4);
    expect(one.state).toBe('CLOSED');
    await failTimes(one, 1);
    expect(one.retryAt).toEqual(new Date(START + 5 * MINUTE));
  });
});

describe('execute', () => {
  test('hands through what the function returns and throws, as it is', async () => {
    const one = breaker('a');
    const error = new ServiceError('as it is');
    await expect(one.execute(() => 7)).resolves.toBe(7);
    await expect(one.execute(() => undefined)).resolves.toBeUndefined();
    await expect(one.execute(async () => null)).resolves.toBeNull();
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    const foreign = { then: (done: (answer: number) => void) => done(8) } as PromiseLike<number>;
    await expect(one.execute(() => foreign)).resolves.toBe(8);
    await expect(one.execute(() => Promise.reject(error))).rejects.toBe(error);
    const throwing = () => {
      throw error;
    };
    await expect(one.execute(throwing)).rejects.toBe(error);
    expect(one.failures).toBe(2);
  });

  test('a success ends failures in a row', async () => {
    const one = breaker('a', { threshold: 3 });
    for (let round = 0; round < 4; round++) {
      await failTimes(one, 2);
      expect(one.failures).toBe(2);
      await one.execute(works);
      expect(one.failures).toBe(0);
    }
    expect(one.state).toBe('CLOSED');
  });

  test('an open breaker rejects at once, says when it is worth another try, and calls nothing', async () => {
    const clock = manualClock();
    const one = breaker('openai', { threshold: 1, resetAfter: '1m', clock });
    await failTimes(one, 1);
    const call = jest.fn(works);
    const error = await one.execute(call).catch(thrown => thrown);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({ name: 'CircuitOpenError', code: 'CIRCUIT_OPEN' });
    expect(error).toBeInstanceOf(TokenBudgetError);
    expect(error).toMatchObject({
      code: 'CIRCUIT_OPEN',
      service: 'openai',
      retryAt: new Date(START + MINUTE),
      message: 'The circuit breaker of openai is open until 2026-01-14T12:01:00.000Z',
    });
    expect(call).not.toHaveBeenCalled();
  });

  test('many at once are one probe', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: '1m', probeTimeout: '30s', clock });
    await failTimes(one, 1);
    clock.advance(MINUTE);
    let finish = (_answer: string) => {};
    const probe = jest.fn(() => new Promise<string>(done => (finish = done)));
    const calls = Array.from({ length: 20 }, () => outcome(one.execute(probe)));
    await Promise.all(calls.slice(1));
    expect(probe).toHaveBeenCalledTimes(1);
    expect(one.state).toBe('HALF_OPEN');
    const refused = await one.execute(works).catch(error => error);
    expect(refused.retryAt).toEqual(new Date(START + MINUTE + 30 * SECOND));
    finish('back');
    const ended = await Promise.all(calls);
    expect(ended.filter(answer => answer === 'back')).toHaveLength(1);
    expect(ended.filter(answer => answer === 'CIRCUIT_OPEN')).toHaveLength(19);
    expect(one.state).toBe('CLOSED');
  });

  test('a probe that hangs makes room after probeTimeout, and comes too late then', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: '1m', probeTimeout: '30s', clock });
    await failTimes(one, 1);
    clock.advance(MINUTE);
    let finish = (_answer: string) => {};
    const hanging = one.execute(() => new Promise<string>(done => (finish = done)));
    await outcome(one.execute(works));
    clock.advance(30 * SECOND);
    await failTimes(one, 1);
    expect(one.state).toBe('OPEN');
    finish('late');
    await expect(hanging).resolves.toBe('late');
    expect(one.state).toBe('OPEN');
  });

  test('the function hears whether it is the probe, and the signal', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: 1, clock });
    const { signal } = new AbortController();
    expect(await one.execute(context => context)).toEqual({ signal: undefined, isProbe: false });
    expect(await one.execute(context => context, { signal })).toEqual({ signal, isProbe: false });
    await failTimes(one, 1);
    clock.advance(1);
    expect(await one.execute(context => context, { signal })).toEqual({ signal, isProbe: true });
  });

  test('an aborted call is none, and what a caller gives up tells nothing', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: 1, clock });
    const call = jest.fn(works);
    const reason = new Error('enough');
    await expect(one.execute(call, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(call).not.toHaveBeenCalled();
    const controller = new AbortController();
    const given = one.execute(
      ({ signal }) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
      { signal: controller.signal },
    );
    await new Promise(setImmediate);
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    await expect(one.execute(() => Promise.reject(new DOMException('x', 'AbortError')))).rejects.toThrow('x');
    expect([one.state, one.failures]).toEqual(['CLOSED', 0]);
    // A service that took too long for its caller has failed.
    await expect(one.execute(() => Promise.reject(new DOMException('x', 'TimeoutError')))).rejects.toThrow(
      'x',
    );
    expect(one.state).toBe('OPEN');
    clock.advance(1);
    await expect(one.execute(() => Promise.reject(new DOMException('x', 'AbortError')))).rejects.toThrow('x');
    expect(one.state).toBe('HALF_OPEN');
    await expect(one.execute(works)).resolves.toBe('answer');
  });

  test('what ends after it opened changes nothing', async () => {
    const one = breaker('a', { threshold: 2 });
    const ends: Array<() => void> = [];
    const calls = [true, false, true].map(succeeds =>
      outcome(
        one.execute(
          () =>
            new Promise<void>((done, reject) =>
              ends.push(() => (succeeds ? done() : reject(new Error('late')))),
            ),
        ),
      ),
    );
    await failTimes(one, 2);
    for (const end of ends) end();
    await Promise.all(calls);
    expect([one.state, one.failures]).toEqual(['OPEN', 2]);
  });
});

describe('how long it stays open', () => {
  test('failed probes lengthen it by growth, up to maxResetAfter', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: '1m', growth: 2.5, maxResetAfter: '5m', clock });
    await failTimes(one, 1);
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      waits.push((one.retryAt?.getTime() ?? 0) - clock());
      clock.advance(waits.at(-1) as number);
      await failTimes(one, 1);
    }
    expect(waits).toEqual([MINUTE, 2.5 * MINUTE, 5 * MINUTE, 5 * MINUTE]);
  });

  test('successesToClose probes close it', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 1, resetAfter: 1, successesToClose: 3, clock });
    const heard = changes(one);
    await failTimes(one, 1);
    clock.advance(1);
    for (const state of ['HALF_OPEN', 'HALF_OPEN', 'CLOSED']) {
      await one.execute(works);
      expect(one.state).toBe(state);
    }
    expect(heard).toEqual([OPENED, 'OPEN>HALF_OPEN', 'HALF_OPEN>CLOSED']);
  });

  test('works under fake timers', async () => {
    jest.useFakeTimers({ now: START });
    try {
      const one = breaker('a', { threshold: 1, resetAfter: '5m' });
      await failTimes(one, 1);
      await jest.advanceTimersByTimeAsync(5 * MINUTE - 1);
      expect(await outcome(one.execute(works))).toBe('CIRCUIT_OPEN');
      await jest.advanceTimersByTimeAsync(1);
      expect(await outcome(one.execute(works))).toBe('answer');
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('what is told', () => {
  test('every event, with what it tells', async () => {
    const clock = manualClock();
    const onStateChange = jest.fn();
    const one = breaker('openai', { threshold: 2, resetAfter: '1m', clock, onStateChange });
    const heard: unknown[] = [];
    for (const name of ['open', 'halfOpen', 'close', 'rejected', 'success', 'failure'] as const) {
      one.on(name, (event: unknown) => heard.push([name, event]));
    }
    const retryAt = new Date(START + MINUTE);
    await one.execute(works);
    await failTimes(one, 3);
    clock.advance(MINUTE);
    await one.execute(works);
    const service = 'openai';
    const error = expect.any(ServiceError);
    const change = { service, failures: 2 };
    expect(heard).toEqual([
      ['success', { service, isProbe: false }],
      ['failure', { service, isProbe: false, error }],
      ['failure', { service, isProbe: false, error }],
      ['open', { ...change, state: 'OPEN', previous: 'CLOSED', retryAt }],
      ['rejected', { service, retryAt }],
      ['halfOpen', { ...change, state: 'HALF_OPEN', previous: 'OPEN', retryAt: undefined }],
      ['close', { ...change, state: 'CLOSED', previous: 'HALF_OPEN', retryAt: undefined }],
      ['success', { service, isProbe: true }],
    ]);
    const told = onStateChange.mock.calls.map(([state, previous]) => `${previous}>${state}`);
    expect(told).toEqual([OPENED, 'OPEN>HALF_OPEN', 'HALF_OPEN>CLOSED']);
  });

  test('a listener that throws breaks nothing, and is told by error', async () => {
    const boom = new Error('listener');
    const throwing = () => {
      throw boom;
    };
    const one = breaker('a', { threshold: 1, onStateChange: throwing });
    one.on('open', throwing).on('failure', throwing).on('success', throwing);
    expect(await outcome(one.execute(works))).toBe('answer');
    const errors: unknown[] = [];
    one.on('error', error => errors.push(error));
    expect(await outcome(one.execute(fails))).toBe('ServiceError');
    expect(one.state).toBe('OPEN');
    expect(errors).toEqual([boom, boom, boom]);
  });
});

describe('by hand', () => {
  test('calls that are made elsewhere', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 2, resetAfter: '1m', clock });
    expect(await one.allow()).toBe(true);
    await one.onFailure(new Error('x'));
    await one.onSuccess();
    expect(one.failures).toBe(0);
    await one.onFailure();
    await one.onFailure();
    expect(await one.allow()).toBe(false);
    clock.advance(MINUTE);
    expect([await one.allow(), await one.allow()]).toEqual([true, false]);
    await one.onFailure();
    expect(one.state).toBe('OPEN');
    clock.advance(MINUTE);
    expect(await one.allow()).toBe(true);
    await one.onSuccess();
    expect(one.state).toBe('CLOSED');
  });

  test('trip, isolate and reset', async () => {
    const clock = manualClock();
    const one = breaker('a', { resetAfter: '1m', clock });
    await one.trip();
    expect([one.state, one.retryAt]).toEqual(['OPEN', new Date(START + MINUTE)]);
    await one.trip('2h');
    expect(one.retryAt).toEqual(new Date(START + 2 * HOUR));
    await one.reset();
    expect([one.state, one.failures, one.retryAt]).toEqual(['CLOSED', 0, undefined]);
    await one.isolate();
    clock.advance(10_000 * HOUR);
    const error = await one.execute(works).catch(thrown => thrown);
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', retryAt: undefined });
    expect(error.message).toBe('The circuit breaker of a is open until it is reset');
    await one.reset();
    expect(await outcome(one.execute(works))).toBe('answer');
  });

  test('export and restore', async () => {
    const clock = manualClock();
    const one = breaker('a', { threshold: 3, resetAfter: '10m', clock });
    await failTimes(one, 3);
    clock.advance(MINUTE);
    const snapshot = JSON.parse(JSON.stringify(await one.export()));
    expect(snapshot).toEqual({
      version: 1,
      service: 'a',
      state: 'OPEN',
      failures: 3,
      successes: 0,
      openings: 1,
      openedAtMs: START,
      openUntilMs: START + 10 * MINUTE,
    });
    const other = breaker('a', { threshold: 3, resetAfter: '10m', clock });
    const heard = changes(other);
    await other.restore(snapshot);
    expect(heard).toEqual([OPENED]);
    expect([other.state, other.failures, other.retryAt]).toEqual(['OPEN', 3, one.retryAt]);
    clock.advance(9 * MINUTE);
    expect(await outcome(other.execute(works))).toBe('answer');
    await one.isolate();
    await other.restore(await one.export());
    expect([other.state, other.retryAt]).toEqual(['OPEN', undefined]);
    await other.restore({ ...snapshot, state: 'CLOSED', failures: 2, openUntilMs: 0 });
    expect([other.state, other.failures]).toEqual(['CLOSED', 2]);
    await failTimes(other, 1);
    expect(other.state).toBe('OPEN');
  });

  test('a snapshot that is none is refused, naming the field', async () => {
    const one = breaker('a');
    const good = await one.export();
    for (const [field, value] of [
      ['version', 2],
      ['state', 'open'],
      ['failures', -1],
      ['successes', 0.5],
      ['openings', '1'],
      ['openedAtMs', Number.NaN],
      ['openUntilMs', undefined],
    ] as const) {
      const told = one.restore({ ...good, [field]: value } as never);
      await expect(told).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: `snapshot.${field}` });
    }
    await expect(one.restore(null as never)).rejects.toMatchObject({ field: 'snapshot' });
  });
});

describe('one store', () => {
  test('breakers of one name in one named memory are one', async () => {
    const memory = { name: `breakers-${process.pid}` };
    const [one, two] = [breaker('a', { threshold: 3, memory }), breaker('a', { threshold: 3, memory })];
    const heard = changes(two);
    await failTimes(one, 2);
    await two.execute(works);
    expect([one.failures, two.failures]).toEqual([0, 0]);
    await failTimes(one, 2);
    await failTimes(two, 1);
    expect([one.state, two.state]).toEqual(['OPEN', 'OPEN']);
    expect(heard).toEqual([OPENED]);
    const three = breaker('a', { threshold: 3, memory });
    expect(three.state).toBe('OPEN');
    expect(breaker('b', { memory }).state).toBe('CLOSED');
    expect(breaker('a').state).toBe('CLOSED');
  });
});

describe('close', () => {
  test('ends it: the promise is one, and everything else rejects with CLOSED', async () => {
    const one = breaker('a');
    let finish = (_answer: string) => {};
    const underWay = one.execute(() => new Promise<string>(done => (finish = done)));
    const closing = one.close();
    expect(one.close()).toBe(closing);
    await closing;
    finish('done');
    await expect(underWay).resolves.toBe('done');
    const snapshot = { version: 1 } as never;
    for (const call of [
      () => one.execute(works),
      () => one.allow(),
      () => one.ready(),
      () => one.onFailure(),
      () => one.onSuccess(),
      () => one.trip(),
      () => one.isolate(),
      () => one.reset(),
      () => one.export(),
      () => one.restore(snapshot),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'CLOSED',
        message: 'close() was called on the circuit breaker of a',
      });
    }
  });

  test('await using', async () => {
    const one = new CircuitBreaker('a');
    await one[Symbol.asyncDispose]();
    expect(await outcome(one.execute(works))).toBe('CLOSED');
  });
});
