/** Each example runs and prints what it promises. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '../support/redis';
import { root, startProgram } from './run';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

const EXPECTED: Record<string, RegExp> = {
  'quick-start.mjs': /^Echo: How are the tests\?\nrefused: .+\nnull\nused 1250 of 10000 tokens, 8750 left\n$/,
  'redis.mjs': /^granted 97 of 100\nused 3000, held 0\n$/,
  'daemon.mjs':
    /^session-3 stopped: .+\nsession-4 stopped: .+\norchestrator-1: 21000 of 30000\norchestrator-tier2: 0 of 5000\n$/,
  'thresholds-and-overrides.mjs': new RegExp(
    [
      '^half of the hourly budget is used',
      '85% used: finish what matters',
      '10000 of 10000: paused',
      'refused 2000, 0 are left',
      '\\+5000: Critical production issue',
      'used 12000 of 15000 \\(10000 without the override\\)\n$',
    ].join('\n'),
  ),
  'credentials.mjs': new RegExp(
    [
      '^1 repository for octocat, asked by ann',
      '1 repository for torvalds, asked by ann',
      '1 repository for gvanrossum, asked by bob',
      'Token 1: 0/2 remaining',
      'Token 2: 1/2 remaining',
      'Token 3: Error - github does not accept this token',
      'All tokens have exceeded rate limits; that ends at a known time: true',
      'octocat/hello-world; refused by the provider: 0\n$',
    ].join('\n'),
  ),
  'rate-limit.mjs': new RegExp(
    [
      "^\\[ 'Echo: one', 'Echo: two' \\]",
      'the provider refuses \\(rate\\): nothing is sent for 1000 ms',
      'Echo: three',
      'a million tokens at once: never, 340000 are the most \\(itpm\\)',
      '4 requests, 1 of them refused by the provider',
      'used 3700 of 400000 input tokens a minute\n$',
    ].join('\n'),
  ),
  'storage.mjs': new RegExp(
    [
      '^process 1 ended by SIGKILL',
      'process 2 ended by SIGKILL',
      'process 3 ended by SIGKILL',
      'used 3750 and held 1500 of 10000 tokens',
      '3 of 100 requests a day\n$',
    ].join('\n'),
  ),
  'several-processes.mjs': /^granted 100 of 400; used 5000, 5000 left\n$/,
};

test('no example is forgotten', () => {
  const files = readdirSync(join(root, 'examples')).filter(file => file.endsWith('.mjs'));
  expect(files.sort()).toEqual([...Object.keys(EXPECTED), 'fake-daemon.mjs', 'fake-github.mjs'].sort());
});

test.each(Object.entries(EXPECTED))('%s', async (file, expected) => {
  const { result } = startProgram(process.execPath, [join('examples', file)], {
    stdin: '',
    env: { REDIS_URL: `redis://${redis.host}:${redis.port}` },
  });
  const { code, stdout, stderr } = await result;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(expected);
});
