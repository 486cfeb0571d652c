import {
  GitHubClient,
  GitLabClient,
  RateLimitError,
  TokenManager,
  type TokenManagerOptions,
  withBackoff,
} from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { closeAll, manager as make } from './support/setup';

afterEach(closeAll);

const withOptions = (options: object) => () => new TokenManager(['t'], options as TokenManagerOptions);
const withTokens = (tokens: unknown) => () => new TokenManager(tokens as string[]);

test.each<[string, () => unknown]>([
  ['tokens', withTokens(undefined)],
  ['tokens', withTokens({})],
  ['tokens', withTokens([])],
  ['tokens[0]', withTokens([5])],
  ['tokens[0]', withTokens([''])],
  ['tokens[1]', withTokens(['t', 't'])],
  ['tokens[0].name', withTokens([{ token: 't', name: 'x' }])],
  ['tokens[0].token', withTokens([{}])],
  ['tokens[0].provider', withTokens([{ token: 't', provider: '' }])],
  ['tokens[0].account', withTokens([{ token: 't', account: '' }])],
  ['tokens[0].weight', withTokens([{ token: 't', weight: 1.5 }])],
  ['options', () => new TokenManager(['t'], [] as never)],
  ['retries', withOptions({ retries: 1 })],
  ['provider', withOptions({ provider: 'git hub' })],
  ['name', withOptions({ name: '' })],
  ['reserve', withOptions({ reserve: -1 })],
  ['reserve.share', withOptions({ reserve: { share: 1 } })],
  ['cooldown', withOptions({ cooldown: 0 })],
  ['maxCooldown', withOptions({ cooldown: 1000, maxCooldown: 999 })],
  ['requestTTL', withOptions({ requestTTL: '5' })],
  ['waitForReset', withOptions({ waitForReset: 1 })],
  ['baseUrls', withOptions({ baseUrls: 'https://x.example' })],
  ['baseUrls.github', withOptions({ baseUrls: { github: 'x.example' } })],
  ['baseUrls.github', withOptions({ baseUrls: { github: 'https://x.example/?q' } })],
  ['headers.github', withOptions({ headers: { github: 'token' } })],
  ['headers.github.name', withOptions({ headers: { github: { name: 'a b' } } })],
  ['headers.github.prefix', withOptions({ headers: { github: { name: 'a', prefix: '\n' } } })],
  ['encryptionKey', withOptions({ encryptionKey: 'short' })],
  ['encryptionKey', withOptions({ encryptionKey: Buffer.alloc(31) })],
  ['connectTimeout', withOptions({ connectTimeout: 0 })],
  ['fetch', withOptions({ fetch: 'fetch' })],
  ['reserve.requests', withOptions({ reserve: { requests: 5 } })],
  ['headers.github.prefx', withOptions({ headers: { github: { name: 'a', prefx: 'Bearer ' } } })],
  ['options.baseURL', () => new GitHubClient({ token: 't' }, { baseURL: 'https://x.example' } as never)],
  ['options.timeout', () => new GitLabClient({ token: 't' }, { timeout: 5 } as never)],
  ['credential.account', () => new GitHubClient({ token: 't', account: 'me' } as never)],
])('%s is checked, and the error names it', (field, build) => {
  expect(build).toThrow(expect.objectContaining({ name: 'TokenBudgetError', code: 'INVALID_CONFIG', field }));
});

test.each<[string, (manager: TokenManager) => Promise<unknown>]>([
  ['provider', manager => manager.getNextAvailableToken('gitlab')],
  ['options.resource', manager => manager.getNextAvailableToken('github', { resource: '' })],
  ['options.signal', manager => manager.getNextAvailableToken('github', { signal: 5 as never })],
  ['fn', manager => manager.withRotation('github', undefined as never)],
  ['options', manager => manager.withRotation(() => 1, 5 as never)],
  ['options.waitForReset', manager => manager.withRotation(() => 1, { waitForReset: 'yes' as never })],
  ['token', manager => manager.markValid(undefined as never)],
  ['token', manager => manager.markValid('another')],
  ['update', manager => manager.updateRateLimit('t', undefined as never)],
  ['update.remaining', manager => manager.updateRateLimit('t', { reset: 1 } as never)],
  ['update.limit', manager => manager.updateRateLimit('t', { limit: -1, remaining: 1, reset: 1 })],
  ['update.reset', manager => manager.updateRateLimit('t', { remaining: 1, reset: Date.now() })],
  ['update.resource', manager => manager.updateRateLimit('t', { resource: 'a b', remaining: 1, reset: 1 })],
  ['input', manager => manager.fetch(null as never)],
  ['init', manager => manager.fetch('/x', 5 as never)],
  ['init.provider', manager => manager.fetch('/x', { provider: 'azure' })],
  ['init.resource', manager => manager.fetch('/x', { resource: 'a b' })],
  ['init.signal', manager => manager.fetch('/x', { signal: 5 as never })],
  ['init.signal', manager => manager.fetch('/x', { signal: {} as never })],
  ['init.waitForReset', manager => manager.fetch('/x', { waitForReset: 1 as never })],
  ['options.timeout', manager => manager.ready({ timeout: 0 })],
  ['options.resouce', manager => manager.getNextAvailableToken('github', { resouce: 'search' } as never)],
  ['options.resouce', manager => manager.withRotation(() => 1, { resouce: 'search' } as never)],
  ['options.resouce', manager => manager.countAvailableTokens('github', { resouce: 'search' } as never)],
  [
    'options.waitForReset',
    manager => manager.getNextAvailableToken('github', { waitForReset: true } as never),
  ],
  ['options.sgnal', manager => manager.checkRateLimits('github', { sgnal: undefined } as never)],
  ['options.timeoutMs', manager => manager.ready({ timeoutMs: 5 } as never)],
  ['options.timeoutMs', manager => manager.close({ timeoutMs: 5 } as never)],
  ['update.resets', manager => manager.updateRateLimit('t', { remaining: 1, reset: 1, resets: 1 } as never)],
  ['options.retries', () => withBackoff(() => 1, { retries: 5 } as never)],
  ['options.sgnal', manager => new GitHubClient({ manager }).getRateLimit({ sgnal: 1 } as never)],
])('%s is checked at every call', async (field, call) => {
  const error = await rejection(call(make(['t'])));
  expect(error).toMatchObject({ name: 'TokenBudgetError', code: 'INVALID_ARGUMENT', field });
});

test('after close everything is refused, and close is one promise', async () => {
  const manager = make(['t']);
  const closing = manager.close();
  expect(manager.close()).toBe(closing);
  await closing;
  const calls = [
    () => manager.getNextAvailableToken(),
    () => manager.withRotation(() => 1),
    () => manager.fetch('/x'),
    () => manager.markInvalid('t'),
    () => manager.markValid('t'),
    () => manager.updateRateLimit('t', { remaining: 1, reset: 1 }),
    () => manager.getAllTokens(),
    () => manager.countAvailableTokens(),
    () => manager.checkRateLimits(),
    () => manager.addToken('u'),
    () => manager.removeToken('t'),
    () => manager.loadTokens(),
    () => manager.ready(),
  ];
  for (const call of calls) expect(await rejection(call())).toMatchObject({ code: 'CLOSED' });
});

test.each([
  [undefined, null],
  [null, null],
  [0, null],
  [1_768_395_600_000, new Date(1_768_395_600_000)],
  [new Date(5), new Date(5)],
])('RateLimitError takes what the guide gives it (%s)', (given, resetAt) => {
  const error = new RateLimitError('limited', 'github', given);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'RateLimitError', code: 'RATE_LIMITED', provider: 'github', resetAt });
  expect(error.resetAtMs).toBe(resetAt?.getTime() ?? 0);
});

test.each([5, 1_768_395_600])('a reset of %s milliseconds was meant as seconds', seconds => {
  expect(() => new RateLimitError('limited', 'github', seconds)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'resetAt' }),
  );
});

test('fingerprints are those that are documented', async () => {
  const [view] = await make([{ token: 'secret', provider: 'github' }]).getAllTokens();
  // printf 'token-budget:github:secret' | sha256sum | cut -c 1-32
  expect(view?.fingerprint).toBe('d576f736f126938441eb7fe9d1202e9f');
  expect(view?.account).toBe(view?.fingerprint);
});
