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
  'switching.mjs': new RegExp(
    [
      '^session-4 is stopped: .+',
      '3 sessions run and hold 30000 tokens',
      'orchestrator-1: 25000 of 30000\n$',
    ].join('\n'),
  ),
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
  'reports.mjs': new RegExp(
    [
      '^claude-sonnet-4-5: 12800 tokens, 0.0480 USD',
      'gpt-4o: 4000 tokens, 0.0175 USD',
      '2 calls of 2 orchestrators: 0.0655 USD',
      '2 rows of CSV\n$',
    ].join('\n'),
  ),
  'costs.mjs': new RegExp(
    [
      '^as it is: 0.372000000000 USD',
      'cached: 0.075000000000 USD',
      'in a batch: 0.186000000000 USD',
      'long: 1.458000000000 USD',
      'at most 0.017500 USD for a call',
      'gpt-4o: 3.02 EUR, 92.1%',
      'our-llama: 0.26 EUR, 7.9%',
      '3.28 EUR; a week would be 22.97 by 1 day',
      'INVALID_ARGUMENT: usage.modelId\n$',
    ].join('\n'),
  ),
  'dashboard.mjs': new RegExp(
    [
      '^nightly-batch: 77.5% of the hour, calls in flight: 0',
      'support: 9.2% of the hour, calls in flight: 1',
      'token_budget_used_tokens\\{orchestrator="nightly-batch",period="hourly"\\} 31000\n$',
    ].join('\n'),
  ),
  'token-coordination-guide/circuit-breaker.mjs': new RegExp(
    [
      "^OPEN \\[ 'Circuit Breaker Reset: payments' \\]",
      ...[
        '1 CLOSED 503',
        '2 CLOSED 503',
        '3 CLOSED 503',
        '4 CLOSED 503',
        '5 OPEN 503',
        '6 OPEN CIRCUIT_OPEN',
      ],
      "\\[\n  '/reset-circuit/openai Circuit Breaker Reset: openai',",
      "  '/reset-circuit/payments Circuit Breaker Reset: payments'\n\\]",
      'answered CLOSED\n$',
    ].join('\n'),
  ),
  'token-coordination-guide/daily-budget.mjs': new RegExp(
    [
      "^\\[\n  'anthropic Budget Reset',\n  'openai Budget Reset',\n  'orchestrator-1 Budget Reset'\n\\]",
      "\\[\n  '/reset-budget/anthropic 1000',\n  '/reset-budget/openai 1000',",
      "  '/reset-budget/orchestrator-1 1000'\n\\]\n$",
    ].join('\n'),
  ),
  'token-coordination-guide/exponential-backoff.mjs': new RegExp(
    [
      '^Retry Attempt 1 scheduled 1000',
      "\\{\n  path: '/retry-operation',\n  name: 'Retry Attempt 1',\n  data: \\{ attempt: 1 \\}\n\\}",
      'Max retry attempts exceeded',
      ...[1000, 2000, 4000, 8000, 16000].map((ms, n) => `Retry Attempt ${n + 1} ${ms}`),
      'Max retry attempts exceeded\n$',
    ].join('\n'),
  ),
  'token-coordination-guide/github-rate-limit.mjs': new RegExp(
    [
      "^\\{\n  path: '/resume-github-ops',\n  name: 'GitHub API Reset',\n  data: undefined\n\\}",
      "\\[ \\{ path: '/resume', name: 'GitHub API Reset', data: undefined \\} \\]\n$",
    ].join('\n'),
  ),
  'token-coordination-guide/off-peak.mjs': new RegExp(
    [
      "^\\{ executed: true, result: 'reindex has run' \\}",
      '(planned|reindex has run) / (planned|reindex has run)',
      'true\n$',
    ].join('\n'),
  ),
  'token-coordination-guide/openai-tokens.mjs': new RegExp(
    [
      "^\\[ '(OpenAI Token Reset)', '\\1' \\]",
      'both at midnight: true',
      "\\[ '/resume-ai-operations', '/resume-daily' \\]\n$",
    ].join('\n'),
  ),
  // Each way goes at its own pace: only the order within one is told.
  'alerts.mjs': new RegExp(
    [
      '^(?=[^]*^webhook: \\[INFO\\] Budget Alert: 92\\.0% Used$)',
      '(?=[^]*^webhook: \\[CRITICAL\\] Budget Alert: 92\\.0% Used$)',
      '(?=[^]*^paused: support$[^]*^stream: \\[CRITICAL\\] Budget Alert: 92\\.0% Used$)',
      '(?=[^]*^resumed: support$[^]*^2 alerts, 1 acknowledged$)',
      '(?:.+\\n){6}$(?![^])',
    ].join(''),
    'm',
  ),
  'several-processes.mjs': /^granted 100 of 400; used 5000, 5000 left\n$/,
};

test('no example is forgotten', () => {
  const files = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => file.endsWith('.mjs'));
  const helpers = ['fake-daemon.mjs', 'fake-github.mjs', 'token-coordination-guide/setup.mjs'];
  expect(files.sort()).toEqual([...Object.keys(EXPECTED), ...helpers].sort());
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
