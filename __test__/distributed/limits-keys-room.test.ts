/** How much room limiters and pools of tokens take on a server: it levels off, and is given back. */
import type { Permit } from '@wundr.io/token-budget/rate-limit';
import { inProcess } from '../support/in-process';
import { type RedisServer, startRedis } from '../support/redis';
import { startStore, type TestStore } from '../support/stores';
import { eventually, HOST } from '../support/system';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let store: TestStore;
const { limiter, manager, closeAll, closeOne } = inProcess(() => store);
afterEach(closeAll);
afterAll(() => store?.stop());

const keysLike = async (pattern: string) =>
  (await (store.servers[0] as RedisServer).command('KEYS', pattern)) as string[];

describe('room', () => {
  test('many permits that nobody settles, many processes that die: what is kept levels off', async () => {
    await store?.stop();
    store = await startStore('standalone');
    const one = limiter({ name: 'room', limits: { rps: 1_000_000, itpm: 2 ** 50 }, permitTTL: 1 });
    const base = 'orchestrator:rate:room:';
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 1500 }, () => one.acquire({ inputTokens: 1 })));
      sizes.push(Number(await store.read('HLEN', `${base}permits`)));
    }
    // Of permits that expired the last 4,096 can still be settled.
    for (const size of sizes) expect(size).toBeLessThanOrEqual(4096 + 1500);
    expect(await store.read('ZCARD', `${base}ends`)).toBe(sizes.at(-1));
    const state = Number(await store.read('STRLEN', `${base}state`));

    for (let round = 0; round < 100; round++) {
      const dead = limiter({ name: 'room', limits: { rps: 1_000_000 }, clientLease: 100 });
      await dead.acquire();
      await closeOne(dead);
    }
    await eventually('their end', async () => {
      await one.acquire();
      return (await one.getStatus()).underWay <= 2 || undefined;
    });
    expect(Number(await store.read('STRLEN', `${base}state`))).toBeLessThan(state + 2000);
  }, 60_000);

  test('what nobody asks for any more vanishes: of limiters, of pools, of processes', async () => {
    await store?.stop();
    const server = await startRedis({ clock: true });
    store = storeOn(server);
    for (let round = 0; round < 50; round++) {
      const one = limiter({ name: `limiter-${round}`, limits: { rpm: 10, rpd: 100 } });
      const pool = manager([`token-${round}`], { name: `pool-${round}` });
      await one.allocate('agent', 0.5);
      await Promise.all([one.acquire({ agent: 'agent' }), pool.getNextAvailableToken()]);
      await Promise.all([closeOne(one), closeOne(pool)]);
    }
    expect(Number(await server.command('DBSIZE'))).toBeGreaterThan(50 * 6);
    server.clock?.shift(2 * DAY_MS);
    await eventually('the end of the limiters', async () =>
      (await keysLike('*:rate:*')).length === 0 ? true : undefined,
    );
    server.clock?.shift(10 * DAY_MS);
    await eventually('the end of the pools', async () =>
      (await server.command('DBSIZE')) === 0 ? true : undefined,
    );
  }, 60_000);

  test('with full memory, settling, cancelling and reporting go on', async () => {
    await store?.stop();
    store = await startStore('standalone', {
      args: ['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'],
    });
    const server = store.servers[0] as RedisServer;
    const one = limiter({ name: 'full', limits: { rpm: 1000, itpm: 100_000 } });
    const pool = manager(['full-token'], { name: 'full' });
    const permits = await Promise.all(Array.from({ length: 20 }, () => one.acquire({ inputTokens: 100 })));
    const lease = await pool.getNextAvailableToken();
    await fill(server);
    const [settled, cancelled] = [permits.slice(0, 10), permits.slice(10)];
    const known = await Promise.all(
      settled.map((permit: Permit) => permit.settle({ inputTokens: 30, outputTokens: 1 })),
    );
    expect(known.every(settlement => settlement.known)).toBe(true);
    await fill(server);
    expect(await Promise.all(cancelled.map(permit => permit.cancel()))).toEqual(cancelled.map(() => true));
    expect(await one.getStatus()).toMatchObject({
      underWay: 0,
      limits: { rpm: { used: 10 }, itpm: { used: 300 } },
    });
    const reset = new Date(Date.now() + 10 * MINUTE_MS);
    await fill(server);
    await pool.updateRateLimit(lease, { limit: 100, remaining: 40, reset });
    const [view] = await pool.getAllTokens();
    expect(view?.resources).toMatchObject([{ underWay: 0, remaining: 40 }]);
  }, 30_000);
});

/** Until the server takes nothing more. */
async function fill(server: RedisServer) {
  for (const bytes of [50_000, 1000, 10]) {
    await eventually(
      'full memory',
      async () => {
        const answer = await server.command('SET', `junk-${Math.random()}`, 'x'.repeat(bytes)).catch(String);
        return String(answer).includes('OOM') || undefined;
      },
      { everyMs: 0 },
    );
  }
}

/** A store on a server that was started with something special. */
function storeOn(server: RedisServer): TestStore {
  return {
    topology: 'standalone',
    redis: { host: HOST, port: server.port },
    servers: [server],
    proxies: [],
    key: (prefix, id, rest) => `${prefix}:budget:${id}:${rest}`,
    read: (command, key, ...more) => server.command(command, key, ...more),
    stop: () => server.stop(),
  };
}
