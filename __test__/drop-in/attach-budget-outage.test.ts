/** Sessions while Redis is away. */
import { EventEmitter } from 'node:events';
import { attachBudget, type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually } from '../support/system';

let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());

function attach(config: BudgetConfig) {
  const tracker = new TokenBudgetTracker({
    ...{ defaultBudget: { hourly: 100_000 }, commandTimeout: 500, connectTimeout: 500 },
    ...{ redis: { host: redis.host, port: redis.port }, ...config },
  });
  const stopped: string[] = [];
  const errors: { code?: string }[] = [];
  const daemon = Object.assign(new EventEmitter(), {
    stopSession: async (id: string) => void stopped.push(id),
  });
  const onError = (error: unknown) => void errors.push(error as { code?: string });
  return { tracker, daemon, stopped, errors, detach: attachBudget(daemon, tracker, { onError }) };
}

const metrics = { tokensUsed: 700, promptTokens: 500, completionTokens: 200 };

test('a session that cannot be checked goes on, and its usage counts once when the store is back', async () => {
  const { tracker, daemon, stopped, errors, detach } = attach({});
  await tracker.ready();
  await redis.kill();
  const session = { id: 'one', orchestratorId: 'orch', startedAt: new Date(), metrics };
  daemon.emit('session:spawned', session);
  daemon.emit('session:completed', session);
  await detach();
  expect(stopped).toEqual([]);
  expect(errors).toHaveLength(1);
  expect(['STORE_UNAVAILABLE', 'TIMEOUT']).toContain(errors[0]?.code);
  await redis.restart();
  await eventually('the usage', async () =>
    (await tracker.getUsageStats('orch')).totalUsed === 700 ? true : undefined,
  );
  await tracker.close();
});

test('with `onStoreError: deny` it is stopped', async () => {
  const { tracker, daemon, stopped, errors, detach } = attach({ onStoreError: 'deny' });
  await tracker.ready();
  await redis.kill();
  daemon.emit('session:spawned', { id: 'one', orchestratorId: 'orch' });
  await detach();
  expect({ stopped, errors }).toEqual({ stopped: ['one'], errors: [] });
  await tracker.close();
});

test('a session that was held before the store went away is settled when it is back', async () => {
  const { tracker, daemon, errors, detach } = attach({});
  const session = { id: 'one', orchestratorId: 'orch', startedAt: new Date(), metrics: {} };
  daemon.emit('session:spawned', session);
  await eventually('the reservation', async () =>
    (await tracker.getUsageStats('orch')).activeReservations === 1 ? true : undefined,
  );
  redis.pause();
  daemon.emit('session:completed', Object.assign(session, { metrics }));
  await detach();
  redis.resume();
  await eventually('the settlement', async () => {
    const { totalUsed, activeReservations } = await tracker.getUsageStats('orch');
    return totalUsed === 700 && activeReservations === 0 ? true : undefined;
  });
  expect(errors).toEqual([]);
  await tracker.close();
});
