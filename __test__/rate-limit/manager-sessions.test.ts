/** Sessions of one process: what they use, and when they cool down. */
import { advance, fateOf, NOON, NOTHING, plain, refusal, useFakeTime } from './helpers';

useFakeTime();

describe('sessions', () => {
  test('count what they use', async () => {
    const manager = plain({ rpm: 50 });
    for (const [sessionId, tokens] of [
      ['a', 10],
      ['b', 20],
      ['a', 30],
    ] as const) {
      const permit = await manager.acquire({ sessionId });
      await advance(1_000);
      await permit.settle({ inputTokens: tokens, outputTokens: 1 });
    }
    const failed = await manager.acquire({ sessionId: 'b' });
    await failed.settle({ ...NOTHING, error: refusal({}, 500) });
    await (await manager.acquire()).settle(NOTHING);
    const started = (ms: number) => new Date(NOON + ms);
    expect(manager.getSessions()).toEqual([
      {
        sessionId: 'a',
        requests: 2,
        inputTokens: 40,
        outputTokens: 2,
        errors: 0,
        startedAt: started(0),
        lastActiveAt: started(3_000),
        coolsDownUntil: null,
      },
      {
        sessionId: 'b',
        requests: 2,
        inputTokens: 20,
        outputTokens: 1,
        errors: 1,
        startedAt: started(1_000),
        lastActiveAt: started(3_000),
        coolsDownUntil: null,
      },
    ]);
    expect(manager.endSession('a')).toMatchObject({ sessionId: 'a', requests: 2 });
    expect(manager.endSession('a')).toBeUndefined();
    expect(manager.getSessions()).toHaveLength(1);
  });

  test('cool down, while others go on', async () => {
    const manager = plain({ rpm: 50 });
    manager.coolDownSession('tired', 5_000);
    const tired = fateOf(manager.acquire({ sessionId: 'tired' }));
    expect((await manager.acquire({ sessionId: 'awake' })).waitedMs).toBe(0);
    expect(manager.getSessions()[0]).toMatchObject({ coolsDownUntil: new Date(NOON + 5_000) });
    await advance(4_999);
    expect(tired.isOver).toBe(false);
    await advance(1);
    expect(tired.value?.waitedMs).toBe(5_000);
  });

  test('for the configured cooldown, if nothing else is said', async () => {
    const manager = plain({ rpm: 50 });
    manager.coolDownSession('s');
    expect(manager.getSessions()[0]).toMatchObject({ coolsDownUntil: new Date(NOON + 60_000) });
  });

  test('what is put off meanwhile is waited for as well', async () => {
    const manager = plain({ rpm: 50 });
    manager.coolDownSession('s', 1_000);
    const fate = fateOf(manager.acquire({ sessionId: 's' }));
    await advance(500);
    manager.coolDownSession('s', 1_000);
    await advance(999);
    expect(fate.isOver).toBe(false);
    await advance(1);
    expect(fate.value?.waitedMs).toBe(1_500);
  });

  test('maxWaitMs counts from the call, cooling included', async () => {
    const manager = plain({ rpm: 1 });
    await manager.acquire();
    manager.coolDownSession('s', 5_000);
    const [short, long] = [2_000, 8_000].map(maxWaitMs =>
      fateOf(manager.acquire({ sessionId: 's', maxWaitMs })),
    );
    await advance(0);
    expect(short?.error).toMatchObject({ code: 'RATE_LIMITED' });
    await advance(7_999);
    expect(long?.isOver).toBe(false);
    await advance(1);
    expect(long?.error).toMatchObject({ code: 'RATE_LIMITED' });
    expect((await manager.getStatus()).waiting).toBe(0);
    expect(manager.metrics().requests.refused).toEqual({ maxWait: 1, session: 1 });
  });

  test('a signal ends the cooling', async () => {
    const manager = plain({ rpm: 50 });
    manager.coolDownSession('s', 5_000);
    const controller = new AbortController();
    const fate = fateOf(manager.acquire({ sessionId: 's', signal: controller.signal }));
    controller.abort(new Error('enough'));
    await advance(0);
    expect(fate.error).toMatchObject({ message: 'enough' });
    expect(jest.getTimerCount()).toBe(0);
  });
});
