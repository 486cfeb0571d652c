import { existsSync } from 'node:fs';
import { connectClient, endClient } from './client';
import { type RedisServer, startRedis } from './redis';

const servers: RedisServer[] = [];
const started = async (options?: Parameters<typeof startRedis>[0]) => {
  const server = await startRedis(options);
  servers.push(server);
  return server;
};

afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.stop()));
});

test('a server answers, keeps nothing after a restart, and leaves no folder', async () => {
  const server = await started();
  expect(await server.command('SET', 'a', '1')).toBe('OK');
  const before = server.pid();
  await server.restart();
  expect(server.pid()).not.toBe(before);
  expect(await server.command('GET', 'a')).toBeNull();
  await server.stop();
  await server.stop();
  expect(existsSync(server.folder)).toBe(false);
});

test('a password is wanted', async () => {
  const server = await started({ password: 'secret' });
  expect(await server.command('PING')).toBe('PONG');
  const stranger = connectClient({ ...server.clientOptions(), password: undefined });
  await expect(stranger.get('a')).rejects.toThrow('NOAUTH');
  await endClient(stranger);
});

test('TLS is spoken, and only with the right authority', async () => {
  const server = await started({ tls: true });
  expect(await server.command('PING')).toBe('PONG');
  const client = (tls: object) => connectClient({ ...server.clientOptions(), tls, lazyConnect: true });
  await expect(client({}).connect()).rejects.toThrow();
  const known = client({
    ca: server.certificates?.ca,
    cert: server.certificates?.cert,
    key: server.certificates?.key,
  });
  await known.connect();
  expect(await known.ping()).toBe('PONG');
  await endClient(known);
});

test('a paused server is silent until it is resumed', async () => {
  const server = await started();
  server.pause();
  const answer = server.command('PING').catch((error: Error) => error.message);
  const first = await Promise.race([answer, new Promise(done => setTimeout(done, 200, 'silence'))]);
  expect(first).toBe('silence');
  server.resume();
  expect(await answer).toBe('PONG');
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the wall clock of a server jumps while it runs', async () => {
  const server = await started({ clock: true });
  const ahead = async () => Number(((await server.command('TIME')) as string[])[0]) - Date.now() / 1000;
  expect(Math.abs(await ahead())).toBeLessThan(5);
  server.clock?.shift(3_600_000);
  expect(Math.abs((await ahead()) - 3600)).toBeLessThan(5);
  server.clock?.shift(-3_600_000);
  expect(Math.abs((await ahead()) + 3600)).toBeLessThan(5);
});
