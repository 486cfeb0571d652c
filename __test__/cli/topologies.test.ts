/** `token-budget replay --redis` with TLS, through Sentinel and on a cluster; on a cluster `status` too. */
import { startCluster } from '../support/cluster';
import { startRedis } from '../support/redis';
import { startSentinelTrio } from '../support/sentinel';
import { report, run } from './run';

/** Stopped after each test, also after one that failed. */
let running: { stop(): Promise<void> } | undefined;

afterEach(() => running?.stop());

const COUNTED = { requests: 500, admitted: 500, selfCheck: { agrees: true } };

test("TLS with a password and an authority of one's own", async () => {
  const server = await startRedis({ tls: true, password: 'secret' });
  running = server;
  const url = `rediss://:secret@${server.host}:${server.port}/0`;
  const answer = await report(['--redis', url, '--ca', server.certificates?.files.ca ?? '']);
  expect(answer).toMatchObject({ ...COUNTED, address: `${server.host}:${server.port}/0` });
  const { code, stderr } = await run(['replay', '--redis', url]);
  expect(code).toBe(1);
  expect(stderr).toContain(`cannot reach Redis at ${server.host}:${server.port}/0`);
  expect(stderr).not.toContain('secret');
});

test('a primary that a Sentinel knows', async () => {
  const trio = await startSentinelTrio();
  running = trio;
  const sentinel = `127.0.0.1:${trio.nodes[0]?.port}`;
  const answer = await report(['--redis', `redis://${sentinel}`, '--sentinel', trio.primaryName]);
  expect(answer).toMatchObject(COUNTED);
  expect(answer.address).toBe(`${trio.primaryName} through the Sentinel at ${sentinel}`);
});

test('a cluster', async () => {
  const cluster = await startCluster({ replicas: 0 });
  running = cluster;
  const node = `127.0.0.1:${cluster.nodes[0]?.port}`;
  const answer = await report(['--redis', `redis://${node}`, '--cluster']);
  expect(answer).toMatchObject({ ...COUNTED, address: `${node} (cluster)` });
  const looking = ['--redis', `redis://${node}`, '--cluster', '--prefix', answer.keyPrefix];
  const named = await run(['status', 'replay', '--json', ...looking]);
  expect(JSON.parse(named.stdout).orchestrators[0].windows[2].usedTokens).toBe(answer.windows[2].totalTokens);
  const unnamed = await run(['status', ...looking]);
  expect([unnamed.code, unnamed.stdout]).toEqual([2, '']);
  expect(unnamed.stderr).toContain('cannot be asked who is in it');
});
