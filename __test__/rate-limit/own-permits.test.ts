/** Permits of this process go to the store by their numbers: nothing of that is to be seen. */
import { TokenBudgetError } from '@wundr.io/token-budget/rate-limit';
import { advance, plain, useFakeTime } from './helpers';

useFakeTime();

const LIMITS = { rpm: 1000, itpm: 1_000_000, otpm: 1_000_000 };

const failure = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    reason => reason,
  );
  expect(error).toBeInstanceOf(TokenBudgetError);
  return error as TokenBudgetError;
};

test('the id of every permit is the one the store knows', async () => {
  const memory = { name: 'own-permits' };
  const [manager, other] = [plain(LIMITS, { memory }), plain(LIMITS, { memory })];
  // Numbers of one, two and three digits.
  for (let index = 0; index < 1300; index += 1) {
    const permit = await manager.acquire({ inputTokens: 7, maxOutputTokens: 3 });
    if (index % 97 === 0 || index > 1290) {
      const settled = await other.settle(permit.id, { inputTokens: 1, outputTokens: 1 });
      expect(settled).toMatchObject({ known: true, late: false });
      expect(settled.estimated).toEqual({ inputTokens: 7, outputTokens: 3 });
      expect(await other.cancel(permit.id)).toBe(false);
    } else {
      await permit.settle({ inputTokens: 1, outputTokens: 1 });
    }
    if (index % 500 === 499) await advance(61_000);
  }
  expect((await manager.getStatus()).underWay).toBe(0);
});

test('a permit that ended elsewhere is not known, and nothing is counted for it', async () => {
  const manager = plain(LIMITS);
  const permit = await manager.acquire({ inputTokens: 5, maxOutputTokens: 5 });
  expect(await manager.cancel(permit.id)).toBe(true);
  const settled = await permit.settle({ inputTokens: 50, outputTokens: 50 });
  expect(settled).toEqual({
    estimated: { inputTokens: 0, outputTokens: 0 },
    used: { inputTokens: 50, outputTokens: 50 },
    late: false,
    known: false,
  });
  expect((await manager.getStatus()).limits.itpm?.used).toBe(0);
});

test('dates are of the store, and each reader has its own', async () => {
  const permit = await plain(LIMITS, { permitTTL: 90_000 }).acquire();
  expect(permit.expiresAt.getTime() - permit.admittedAt.getTime()).toBe(90_000);
  permit.admittedAt.setTime(0);
  expect(permit.admittedAt.getTime()).toBe(Date.now());
});

describe('options', () => {
  test('a getter that throws is named', async () => {
    const manager = plain(LIMITS);
    const thrown = new Error('no');
    const options = {
      get inputTokens(): number {
        throw thrown;
      },
    };
    const error = await failure(manager.acquire(options));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.inputTokens', cause: thrown });
    const permit = await manager.acquire();
    const wrong = await failure(permit.settle({ inputTokens: 1.5, outputTokens: 1 }));
    expect(wrong).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'usage.inputTokens' });
    expect(permit.isEnded).toBe(false);
    expect(await permit.cancel()).toBe(true);
  });

  test('options whose names cannot be told are refused as a whole', async () => {
    const manager = plain(LIMITS);
    const thrown = new Error('no');
    const nameless = new Proxy(
      { inputTokens: 1, outputTokens: 1 },
      {
        ownKeys() {
          throw thrown;
        },
      },
    );
    const error = await failure(manager.acquire(nameless));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options', cause: thrown });
    const permit = await manager.acquire();
    const wrong = await failure(permit.settle(nameless));
    expect(wrong).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'usage', cause: thrown });
    expect(permit.isEnded).toBe(false);
    const trapped = new Proxy({ inputTokens: 1, outputTokens: 2 }, {});
    expect((await permit.settle(trapped)).used).toEqual({ inputTokens: 1, outputTokens: 2 });
  });

  test('an unknown name is refused, whatever it holds', async () => {
    const manager = plain(LIMITS);
    for (const value of [undefined, 1]) {
      const options: object = { inputToken: value };
      const error = await failure(manager.acquire(options));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.inputToken' });
    }
    const permit = await manager.acquire();
    const usage: { inputTokens: number; outputTokens: number } = { inputTokens: 1, outputTokens: 1 };
    const more = { ...usage, tokens: 2 };
    expect(await failure(permit.settle(more))).toMatchObject({ field: 'usage.tokens' });
    await permit.settle(usage);
  });

  test.each([false, true])(
    'what others put on every object is not read (enumerable: %p)',
    async enumerable => {
      const manager = plain(LIMITS);
      const names = ['inputTokens', 'agent', 'tokens'];
      for (const name of names)
        Object.defineProperty(Object.prototype, name, { value: -1, configurable: true, enumerable });
      try {
        const permit = await manager.acquire({ maxOutputTokens: 1 });
        expect(permit.inputTokens).toBe(Math.floor(1_000_000 / 60));
        await permit.settle({ inputTokens: 1, outputTokens: 1 });
        expect(await failure(manager.acquire(null as never))).toMatchObject({ field: 'options' });
      } finally {
        for (const name of names) Reflect.deleteProperty(Object.prototype, name);
      }
    },
  );
});
