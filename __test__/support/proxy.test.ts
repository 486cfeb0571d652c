import type Redis from 'ioredis';
import { connectClient, endClient } from './client';
import { startProxy, type TcpProxy } from './proxy';
import { type RedisServer, startRedis } from './redis';

let server: RedisServer;
let proxy: TcpProxy;
let redis: Redis;

const connect = (options = {}) => connectClient({ port: proxy.port, retryStrategy: () => 20, ...options });

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  await server.command('FLUSHALL');
  proxy = await startProxy(server);
  redis = connect();
});
afterEach(async () => {
  await endClient(redis);
  await proxy.stop();
});

test('pass: both ways', async () => {
  expect(await redis.incr('n')).toBe(1);
  expect(proxy.connections()).toBe(1);
  expect(proxy.requestBytes()).toBeGreaterThan(0);
});

test('drop-replies: the request counts, its answer is lost', async () => {
  await redis.ping();
  proxy.setMode('drop-replies');
  await expect(redis.incr('n')).rejects.toThrow();
  expect(await server.command('GET', 'n')).toBe('1');
});

test('dropReplyTo: one answer is lost, the next connection works', async () => {
  await redis.ping();
  const dropped = proxy.dropReplyTo('special');
  expect(await redis.incr('ordinary')).toBe(1);
  await expect(redis.incr('special')).rejects.toThrow();
  await dropped;
  const again = connect({ maxRetriesPerRequest: 5 });
  expect(await again.incr('special')).toBe(2);
  await endClient(again);
});

test('black-hole: connected and silent', async () => {
  await redis.ping();
  proxy.setMode('black-hole');
  const answer = redis.incr('n').catch(() => 'cut');
  expect(await Promise.race([answer, new Promise(done => setTimeout(done, 200, 'silence'))])).toBe('silence');
  expect(await server.command('GET', 'n')).toBeNull();
  proxy.cutConnections();
  expect(await answer).toBe('cut');
});

test('cut: nobody gets in until it passes again', async () => {
  await redis.ping();
  proxy.setMode('cut');
  await expect(redis.ping()).rejects.toThrow();
  proxy.setMode('pass');
  const again = connect({ maxRetriesPerRequest: 5 });
  expect(await again.ping()).toBe('PONG');
  await endClient(again);
});
