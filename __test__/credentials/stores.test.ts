/** Tokens of several processes over servers, and what those servers get to see. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { RateLimitError, TokenManager } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { runProcess, type WorkerProcess } from '../support/process';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';
import { dumpOf, watch } from './support/servers';
import { closeAll, manager as make, provider } from './support/setup';

const LIMIT = 40;
const TOKENS = [
  'ghp_canaryAAAAAAAAAAAAAAAAAAAA',
  'ghp_canaryBBBBBBBBBBBBBBBBBBBB',
  'ghp_canaryCCCCCCCCCCCCCCCCCCCC',
];

function expectNoToken(text: string, ...more: string[]) {
  expect(text.length).toBeGreaterThan(100);
  for (const token of [...TOKENS, ...more]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(token.slice(4, 16));
    expect(text).not.toContain(Buffer.from(token).toString('base64').slice(0, 20));
  }
}

describe.each<Topology>(['standalone', 'cluster'])('on %s', topology => {
  let store: TestStore;
  const workers: WorkerProcess[] = [];

  beforeAll(async () => {
    store = await startStore(topology);
  }, 60_000);

  afterEach(async () => {
    await Promise.all(workers.splice(0).map(worker => worker.kill()));
    await closeAll();
  });

  afterAll(() => store.stop());

  function worker(): WorkerProcess {
    const started = runProcess('credentials.cjs');
    workers.push(started);
    return started;
  }

  test('processes share what is left: nothing goes out on a token that one of them knows to be spent', async () => {
    const server = await provider('github');
    for (const token of TOKENS) server.allow(token, LIMIT);
    const options = {
      redis: { ...store.redis, keyPrefix: 'shared' },
      commandTimeout: 20_000,
      reserve: 0,
      baseUrls: { github: server.url },
    };
    const mine = make(TOKENS, options);
    const reset = Math.ceil(Date.now() / 1000) + 3600;
    for (const token of TOKENS) await mine.updateRateLimit(token, { limit: LIMIT, remaining: LIMIT, reset });
    const fleet = [worker(), worker(), worker()];
    await Promise.all(fleet.map(one => one.call('make', { tokens: TOKENS, options })));
    const outcomes = await Promise.all(
      fleet.map(one => one.call<Record<string, number>>('fetchAll', { path: '/x', count: 60, lanes: 3 })),
    );
    const total = (name: string) => outcomes.reduce((sum, each) => sum + (each[name] ?? 0), 0);
    expect(total('200') + total('RATE_LIMITED')).toBe(180);
    expect(server.onSpent()).toEqual([]);
    expect(server.asked.filter(({ status }) => status !== 200)).toEqual([]);
    // What was under way may be missing in an answer: so many can stay unused for each token, and no more.
    expect(total('200')).toBeGreaterThanOrEqual(TOKENS.length * (LIMIT - 9));
    expect(await rejection(mine.fetch('/x'))).toBeInstanceOf(RateLimitError);
    // One after the other, not all at once.
    const order = server.tokens().filter((token, index, all) => token !== all[index - 1]);
    expect(order.length).toBeLessThan(30);
  });

  test('a token that one process found invalid is used by none', async () => {
    const server = await provider('github');
    const [a, b] = TOKENS as [string, string];
    server.allow(b, LIMIT);
    const options = { redis: { ...store.redis, keyPrefix: 'invalid' }, baseUrls: { github: server.url } };
    await make([a, b], options).fetch('/x');
    await make([a, b], options).fetch('/x');
    expect(server.tokens()).toEqual([a, b, b]);
  });

  test('requests of a process that was killed end after requestTTL', async () => {
    const options = { redis: { ...store.redis, keyPrefix: 'killed' }, requestTTL: 2000 };
    const mine = make(['a'], options);
    const underWay = async () => (await mine.getAllTokens())[0]?.resources[0]?.underWay;
    const one = worker();
    await one.call('make', { tokens: ['a'], options });
    await one.call('take', 3);
    expect(await underWay()).toBe(3);
    await one.kill();
    await eventually('the end of its requests', async () => (await underWay()) === 0 || undefined);
  });

  test('servers see no token, not in a command and not in a key; kept ones are ciphertext', async () => {
    const server = await provider('github');
    for (const token of TOKENS) server.allow(token, 2);
    const encryptionKey = randomBytes(32).toString('hex');
    const redis = { ...store.redis, keyPrefix: 'secrets' };
    const options = { redis, encryptionKey, reserve: 0, baseUrls: { github: server.url } };
    const watched = await watch(store);
    const mine = make(TOKENS, options);
    await mine.ready();
    for (let n = 0; n < 6; n++) await mine.fetch('/x');
    expect(await rejection(mine.fetch('/x'))).toBeInstanceOf(RateLimitError);
    await mine.markInvalid(TOKENS[0] as string);
    await mine.checkRateLimits();

    const other = worker();
    await other.call('open', options);
    expect(await other.call('logEverything', { path: '/x' })).toBe(3);
    expectNoToken(other.output(), encryptionKey);
    expect(other.output()).toContain('All tokens have exceeded rate limits');
    const wrong = { ...options, encryptionKey: randomBytes(32) };
    expect(await rejection(TokenManager.open(wrong))).toMatchObject({
      code: 'INVALID_CONFIG',
      field: 'encryptionKey',
    });

    const commands = await watched.end();
    const keys = await dumpOf(store);
    expect(commands).toMatch(/v1\./);
    expect(keys).toMatch(/v1\./);
    expectNoToken(commands, encryptionKey);
    expectNoToken(keys, encryptionKey);
  });
});

test('while the store is away nothing goes out, and calls say why; afterwards they go on', async () => {
  const store = await startStore('standalone');
  const server = await provider('github');
  server.allow('a', 9);
  const options = { redis: store.redis, commandTimeout: 500, baseUrls: { github: server.url } };
  const manager = make(['a'], options);
  const lost = once(manager, 'store:disconnected');
  await manager.fetch('/x');
  await store.servers[0]?.kill();
  await lost;
  expect((await rejection(manager.fetch('/x'))) as { code?: string }).toMatchObject({
    name: 'TokenBudgetError',
    code: expect.stringMatching(/^(STORE_UNAVAILABLE|TIMEOUT)$/),
  });
  expect(server.asked).toHaveLength(1);
  await store.servers[0]?.restart();
  await eventually('the store again', async () => (await manager.fetch('/x')).ok || undefined);
  await manager.close();
  await store.stop();
  await closeAll();
});

test('an answer that arrives while the store is away is not lost with it', async () => {
  const store = await startStore('standalone');
  const server = await provider('github');
  server.allow('a', 9);
  const manager = make(['a'], { redis: store.redis, commandTimeout: 500, baseUrls: { github: server.url } });
  const answer = await manager.withRotation('github', async () => {
    await store.servers[0]?.kill();
    return 'done';
  });
  expect(answer).toBe('done');
  await manager.close({ timeout: 100 });
  await store.stop();
  await closeAll();
});

test('a manager on a server lets the process end', async () => {
  const store = await startStore('standalone');
  const one = runProcess('credentials.cjs');
  await one.call('make', { tokens: ['a'], options: { redis: store.redis } });
  one.disconnect();
  expect(await one.ended).toBe(0);
  expect(one.output()).toBe('');
  await store.stop();
});
