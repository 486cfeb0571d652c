/** A canary: tokens with known text go through everything, and nothing that can be seen holds them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { format, inspect } from 'node:util';
import {
  BitbucketClient,
  GitHubClient,
  GitLabClient,
  TokenManager,
  withBackoff,
} from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { HOST } from '../support/system';
import { closeAll, github, manager as make } from './support/setup';

afterEach(closeAll);

const A = 'ghp_canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const B = 'ghp_canaryBBBBBBBBBBBBBBBBBBBBBBBBBBBB';

/** Everything a log could make of a value. */
function seen(value: unknown): string {
  const looks = [
    () => inspect(value),
    () => inspect(value, { depth: 20, showHidden: true }),
    () => inspect(value, { depth: 20, getters: true }),
    () => inspect(value, { depth: 20, showHidden: true, getters: true }),
    () => inspect(value, { depth: 20, customInspect: false }),
    () => format('%s %o %O %j', value, value, value, value),
    () => String(value),
    () => `${value}`,
    () => JSON.stringify(value),
    () => JSON.stringify(Object.assign({}, value)),
    () => JSON.stringify({ ...(value as object) }),
    () => inspect(structuredClone(value), { depth: 20, showHidden: true }),
    () => JSON.stringify(Object.entries(value as object)),
  ];
  return looks
    .map(look => {
      try {
        return look();
      } catch (error) {
        return String(error);
      }
    })
    .join('\n');
}

/** An error with all that hangs on it. */
function seenOf(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current !== undefined && current !== null; ) {
    const { message, stack, cause } = current as Error;
    parts.push(String(message), String(stack), seen(current));
    current = cause;
  }
  return parts.join('\n');
}

function expectNoToken(text: string, ...tokens: string[]) {
  expect(text.length).toBeGreaterThan(0);
  for (const token of [A, B, ...tokens]) {
    expect(text).not.toContain(token);
    // Not its inside either, which is what a shortened quotation shows.
    expect(text).not.toContain(token.slice(4, 16));
    expect(text).not.toContain(Buffer.from(token).toString('base64').slice(0, 20));
  }
}

test('managers, leases, views, clients and limits', async () => {
  const { manager, server } = await github({ [A]: 5, [B]: 5 });
  const lease = await manager.getNextAvailableToken('github');
  expect(lease.token).toBe(A);
  await lease.settle(await fetch(`${server.url}/x`, { headers: { authorization: `Bearer ${lease.token}` } }));
  const views = await manager.getAllTokens();
  expect(views.map(view => view.reveal())).toEqual([A, B]);
  const things = [
    manager,
    lease,
    { ...lease },
    views,
    views[0],
    await manager.checkRateLimits(),
    new GitHubClient({ token: A }, { baseUrl: server.url }),
    new GitHubClient({ manager }),
    await manager.withRotation('github', (_token, context) => context),
    await manager.fetch('/x'),
  ];
  for (const thing of things) expectNoToken(seen(thing));
});

test('errors of every kind', async () => {
  const { manager, server } = await github({ [A]: 1, [B]: 1 });
  await manager.fetch('/x');
  await manager.fetch('/x');
  const limited = await Promise.all([
    rejection(manager.fetch('/x')),
    rejection(manager.withRotation('github', () => 0)),
    rejection(manager.getNextAvailableToken()),
    rejection(new GitHubClient({ manager }).fetchRepositories('octocat')),
  ]);
  const { manager: others, server: refusing } = await github({ [A]: 9, [B]: 9 });
  refusing.intercept = () => ({ status: 404 });
  const missing = await rejection(new GitHubClient({ manager: others }).fetchRepositories('octocat'));
  refusing.intercept = () => ({ hangUp: true });
  const broken = await rejection(others.fetch('/x'));
  const [unreached] = await others.checkRateLimits();
  refusing.intercept = () => ({ status: 401 });
  const unauthorized = await rejection(others.fetch('/x'));
  for (const error of [...limited, missing, broken, unreached?.error, unauthorized]) {
    expect(error).toEqual(expect.objectContaining({ message: expect.any(String) }));
    expectNoToken(seenOf(error));
  }
  expect(server.onSpent()).toEqual([]);
});

test.each<[string, () => unknown]>([
  ['a token where the tokens belong', () => new TokenManager(A as never)],
  ['a token where the options belong', () => new TokenManager([B], A as never)],
  ['a token as a name', () => new TokenManager([{ [A]: 'github' } as never])],
  ['a token as a provider with blanks', () => new TokenManager([{ token: B, provider: `${A} ` }])],
  ['a token as an account', () => new TokenManager([{ token: A, account: `me ${A}` }])],
  ['a token twice', () => new TokenManager([A, A])],
  ['a token with a line break', () => new TokenManager([`${A}\n`])],
  ['a token that is too long', () => new TokenManager([A.repeat(1000)])],
  ['a token as an address', () => new TokenManager([B], { baseUrls: { github: A } })],
  ['a token in an address', () => new TokenManager([B], { baseUrls: { github: `https://${A}@x.example` } })],
  ['a token as a header', () => new TokenManager([B], { headers: { github: { name: `${A}:` } } })],
  ['a token as fetch', () => new TokenManager([B], { fetch: A as never })],
  ['a token as an option', () => new TokenManager([B], { [A]: 'github' } as never)],
  ['a token as a weight', () => new TokenManager([{ token: B, weight: A as never }])],
  ['a token as a name that is too long', () => new TokenManager([B], { name: A.repeat(9) })],
  ['a token as a reserve', () => new TokenManager([B], { reserve: A as never })],
  ['a token as a duration', () => new TokenManager([B], { cooldown: A as never })],
  ['a short key', () => new TokenManager([B], { encryptionKey: A.slice(0, 11) })],
  ['a token as a client', () => new GitHubClient(A as never)],
  ['a token as a token in an object', () => new GitHubClient({ token: { value: A } as never })],
  ['a token as an option of a client', () => new GitHubClient({ token: B }, { [A]: 1 } as never)],
  [
    'a misspelled option of a client',
    () => new GitLabClient({ token: A }, { baseURL: 'https://x' } as never),
  ],
  ['a misspelled part of a credential', () => new GitHubClient({ tokn: A } as never)],
])('%s: the error names the field and quotes nothing', (_what, act) => {
  let error: unknown;
  try {
    act();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'INVALID_CONFIG', field: expect.any(String) });
  expectNoToken(seenOf(error));
});

test('arguments that changed places', async () => {
  const { manager } = await github({ [A]: 5 });
  const calls: Array<() => Promise<unknown>> = [
    () => manager.getNextAvailableToken(A),
    () => manager.getNextAvailableToken('github', A as never),
    () => manager.getNextAvailableToken('github', { resource: `${B} ` }),
    () => manager.withRotation(A, () => 0),
    () => manager.withRotation('github', A as never),
    () => manager.updateRateLimit(B, { remaining: 1, reset: 1 }),
    () => manager.updateRateLimit('github', A as never),
    () => manager.updateRateLimit(A, { remaining: A as never, reset: 1 }),
    () => manager.getNextAvailableToken('github', { signal: A as never }),
    () => manager.markInvalid(B),
    () => manager.markInvalid({ token: B } as never),
    () => manager.countAvailableTokens(A),
    () => manager.checkRateLimits(A),
    () => manager.getAllTokens(A),
    () => manager.fetch(`https://example.com/?access_token=${A}`),
    () => manager.fetch(`https://user:${A}@api.github.com/`),
    () => manager.fetch('/x', { provider: A }),
    () => manager.addToken({ token: A, weight: -1 }),
    () => manager.getNextAvailableToken('github', { [A]: 1 } as never),
    () => manager.withRotation(() => 0, { [A]: 1 } as never),
    () => manager.updateRateLimit(A, { [B]: 1, remaining: 1, reset: 1 } as never),
    () => manager.countAvailableTokens('github', { [A]: 1 } as never),
    () => manager.checkRateLimits('github', { [A]: 1 } as never),
    () => manager.close({ [A]: 1 } as never),
    () => withBackoff(() => 0, { [A]: 1 } as never),
    () => new GitHubClient({ manager }).fetchRepositories('octocat', { [A]: 1 } as never),
  ];
  for (const [index, call] of calls.entries()) {
    const error = await rejection(call());
    expect([index, error]).toEqual([index, expect.objectContaining({ code: 'INVALID_ARGUMENT' })]);
    expectNoToken(seenOf(error));
  }
});

test('an error of a fetch of somebody else that holds the request loses the token', async () => {
  const failing: typeof fetch = async (_input, init) => {
    const { headers } = init as { headers: Headers };
    const config = { headers: Object.fromEntries(headers) };
    throw Object.assign(new Error('Network Error', { cause: { config } }), { config });
  };
  const manager = make([A], { fetch: failing });
  const error = await rejection(manager.fetch('/x'));
  expect(error).toMatchObject({ name: 'ProviderError', provider: 'github' });
  expectNoToken(seenOf(error));
  const [limits] = await manager.checkRateLimits();
  expectNoToken(seenOf(limits?.error));
});

test('a server that repeats the token in a malformed answer', async () => {
  const server = createServer(request => {
    request.socket.end(`HTTP/1.1 200 OK\r\n${request.headers.authorization}\r\nnot: \u0000 a header\r\n\r\n`);
  });
  await new Promise<void>(resolve => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  const manager = make([A], { baseUrls: { github: `http://${HOST}:${port}` } });
  const error = await rejection(manager.fetch('/x'));
  expectNoToken(seenOf(error));
  server.closeAllConnections();
  server.close();
});

test('errors that a function throws lose the token, and so does the cause when none is left', async () => {
  const manager = make([A, B]);
  const asAxios = (token: string, more: object) =>
    Object.assign(
      new Error('Request failed'),
      { config: { headers: { authorization: `Bearer ${token}` } } },
      more,
    );
  const failed = await rejection(
    manager.withRotation(token => Promise.reject(asAxios(token, { response: { status: 500, headers: {} } }))),
  );
  expect(failed).toMatchObject({ name: 'ProviderError', provider: 'github', status: 500 });
  const seenBefore: string[] = [];
  const limited = await rejection(
    manager.withRotation(token => {
      seenBefore.push(token);
      const headers = { 'retry-after': '60' };
      // One that is shared by all calls may remember the token of the call before.
      return Promise.reject(asAxios(seenBefore[0] as string, { status: 429, headers }));
    }),
  );
  expect(limited).toMatchObject({ code: 'RATE_LIMITED', cause: { name: 'ProviderError', status: 429 } });
  for (const error of [failed, limited, limited.cause]) expectNoToken(seenOf(error));
});

describe('a server that repeats the token in a body', () => {
  const bodies: Array<[string, number, (token: string) => string]> = [
    ['as text', 200, token => token],
    ['as broken JSON', 200, token => `[{"name":"${token}"`],
    ['as a page', 200, token => `<html>${token}</html>`],
    ['as a message where a list is expected', 200, token => JSON.stringify({ message: token })],
    ['as a string', 200, token => JSON.stringify(token)],
    ['with an error', 500, token => token],
    ['as null', 200, () => 'null'],
    ['as nothing', 204, () => ''],
  ];
  const clients = [
    ['github', GitHubClient],
    ['gitlab', GitLabClient],
    ['bitbucket', BitbucketClient],
  ] as const;

  test.each(clients.flatMap(([name, Client]) => bodies.map(body => [name, Client, ...body] as const)))(
    '%s: %p %s, %i',
    async (name, Client, _how, status, body) => {
      const send: typeof fetch = async (_input, init) => {
        const { authorization, 'private-token': own } = Object.fromEntries(new Headers(init?.headers));
        const token = (own ?? authorization ?? '').replace('Bearer ', '');
        return new Response(status === 204 ? null : body(token), { status });
      };
      const client = new Client({ token: A }, { fetch: send });
      const error = await rejection(client.fetchRepositories('octocat'));
      expect(error).toMatchObject({ name: 'ProviderError', code: 'PROVIDER_ERROR', provider: name, status });
      expectNoToken(seenOf(error));
      if (name !== 'github' || _how === 'as a message where a list is expected') return;
      const asked = await rejection(client.getRateLimit());
      expect(asked).toMatchObject({ name: 'ProviderError', provider: name, status });
      expectNoToken(seenOf(asked));
    },
  );
});

test('an error that holds the headers it was sent with, bytes or base64 of the token, is replaced', async () => {
  const token = 'ghp_canary_of_headers_1234567890';
  const holding: Array<(error: Error, init: RequestInit | undefined) => void> = [
    (error, init) => Object.assign(error, { init }),
    error => Object.assign(error, { sent: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` }),
    error => Object.defineProperty(error, 'late', { get: () => token, enumerable: true }),
  ];
  for (const hold of holding) {
    const made = new TokenManager([token], {
      fetch: async (_, init) => {
        const error = new Error('the connection broke');
        hold(error, init);
        throw error;
      },
    });
    const thrown = await made.fetch('https://api.github.com/').catch((error: unknown) => error);
    const shown = inspect(thrown, { depth: 10, showHidden: true, getters: true });
    expect(shown).not.toContain(token);
    expect(shown).not.toContain(Buffer.from(`x:${token}`).toString('base64'));
    await made.close();
  }
});

test.each(['second"CAN\\ARY_1', 'a\'b"c`d\\e-canary', '\\\\"CANARY-12'])(
  'an error that holds the token %s is replaced, however it is written',
  async token => {
    const manager = make([token], { provider: 'gitlab' });
    const written = [
      token,
      inspect(token),
      inspect({ token }),
      JSON.stringify(token),
      JSON.stringify({ a: [token] }),
    ];
    for (const text of [
      ...written,
      ...written.map(each => inspect(each)),
      ...written.map(each => JSON.stringify(each)),
    ]) {
      const thrown = Object.assign(new Error('no'), { text });
      const error = await rejection(manager.withRotation(() => Promise.reject(thrown)));
      expect({ text, isReplaced: error !== (thrown as unknown) }).toEqual({ text, isReplaced: true });
    }
  },
);

test('a token in the place of an option is not told', () => {
  for (const name of ['ghp_realSecretToken123', 'glpat-abc', 'a'.repeat(40)]) {
    for (const make_ of [
      () => new TokenManager([{ [name]: 'octocat' } as never]),
      () => new TokenManager([], { [name]: 1 } as never),
    ]) {
      let error: unknown;
      try {
        make_();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
      expect(inspect(error)).not.toContain(name);
    }
  }
});

describe('an error that holds the token in another form is replaced', () => {
  const token = 'glpat+Canary/of=Forms~0123456789==';
  const encoded = encodeURIComponent(token);
  const bytes = Buffer.from(token);
  const withToken = (text: string) => `https://oauth2:${text}@gitlab.example/x.git`;
  const url = new URL('https://gitlab.example/x?a=1');
  url.searchParams.set('private_token', token);
  const nested = (depth: number, held: object): object =>
    depth === 0 ? held : { in: nested(depth - 1, held) };
  const causes = (depth: number, cause: Error): Error =>
    depth === 0 ? cause : new Error('no', { cause: causes(depth - 1, cause) });
  const hiding = (shown: unknown) => Object.assign(new Error('no'), { request: { toJSON: () => shown } });

  test.each<[string, () => unknown]>([
    ['encoded for an address, in the message', () => new Error(`GET ${withToken(encoded)} failed`)],
    ['encoded in lower case', () => new Error(encoded.replaceAll(/%../g, each => each.toLowerCase()))],
    ['encoded in part', () => new Error(token.replace('=', '%3d'))],
    ['encoded throughout', () => new Error([...bytes].map(byte => `%${byte.toString(16)}`).join(''))],
    ['encoded twice', () => new Error(`GET /login?next=${encodeURIComponent(withToken(encoded))}`)],
    [
      'as the password of an address',
      () => Object.assign(new Error('no'), { url: new URL(withToken(token)) }),
    ],
    ['in the query of an address', () => Object.assign(new Error('no'), { input: { url } })],
    ['in the query as text', () => Object.assign(new Error('no'), { address: url.href })],
    ['encoded in a cause', () => new Error('no', { cause: new Error(encoded) })],
    ['deep in it', () => Object.assign(new Error('no'), { deep: nested(40, { token }) })],
    ['in a long list', () => Object.assign(new Error('no'), { list: [...Array(1500).fill('x'), token] })],
    [
      'late in a map',
      () =>
        Object.assign(new Error('no'), { map: new Map([...Array(1200).keys(), token].map(key => [key, 1])) }),
    ],
    ['as the name of a property', () => Object.assign(new Error('no'), { held: nested(20, { [token]: 1 }) })],
    ['below many causes', () => causes(30, new Error(token))],
    ['as hex', () => new Error(bytes.toString('hex'))],
    [
      'as hex in capitals',
      () => Object.assign(new Error('no'), { key: bytes.toString('hex').toUpperCase() }),
    ],
    ['as bytes', () => Object.assign(new Error('no'), { body: bytes })],
    [
      'as many bytes',
      () => Object.assign(new Error('no'), { body: Buffer.concat([Buffer.alloc(99), bytes]) }),
    ],
    ['as an ArrayBuffer', () => Object.assign(new Error('no'), { body: new Uint8Array(bytes).buffer })],
    ['as bytes in JSON', () => new Error(JSON.stringify(bytes))],
    ['as base64 of addresses', () => new Error(Buffer.from(`?>${token}`).toString('base64url'))],
    ['as base64, encoded', () => new Error(encodeURIComponent(Buffer.from(`x:${token}`).toString('base64')))],
    [
      'as JSON escapes it',
      () => new Error(JSON.stringify(token).replaceAll('/', '\\/').replaceAll('=', '\\u003d')),
    ],
    ['by its toJSON', () => Object.assign(new Error('no'), { toJSON: () => ({ headers: [token] }) })],
    ['by its toJSON, encoded', () => Object.assign(new Error('no'), { toJSON: () => withToken(encoded) })],
    ['by the toJSON of what it holds', () => hiding(token)],
    ['by what a toJSON returns', () => hiding({ inner: { toJSON: () => token } })],
    [
      'by the toJSON of its class',
      () =>
        new (class extends Error {
          toJSON = () => token;
        })(),
    ],
    ['by the toJSON of a cause', () => new Error('no', { cause: hiding(token) })],
    ['by the toJSON of one of several', () => new AggregateError([hiding(token)], 'no')],
    [
      'by the toJSON of what a map holds',
      () => Object.assign(new Error('no'), { map: new Map([[1, hiding(token)]]) }),
    ],
    ['by its toString', () => Object.assign(new Error('no'), { toString: () => token })],
  ])('%s', async (_how, make_) => {
    const manager = make([token], { provider: 'gitlab' });
    const error = await rejection(manager.withRotation(() => Promise.reject(make_())));
    expect(error).toMatchObject({ name: 'ProviderError', provider: 'gitlab' });
    const shown = seenOf(error);
    for (const form of [token, encoded, bytes.toString('hex')]) expect(shown).not.toContain(form);
  });

  const throwing = Object.assign(new Error('no'), {
    toJSON: () => {
      throw new Error('not now');
    },
  });
  const endless = (): object => ({ toJSON: endless });
  const circular: { toJSON?: () => unknown } = {};
  circular.toJSON = () => circular;

  test.each<[string, Error]>([
    ['a toJSON that throws', throwing],
    ['a toJSON that never comes to an end', Object.assign(new Error('no'), { endless: endless() })],
    ['a toJSON that returns itself', Object.assign(new Error('no'), { circular })],
    ['percent signs and backslashes that escape nothing', new Error(`100% %zz \\u00 ${'\\'.repeat(50_000)}`)],
    ['bytes of something else', Object.assign(new Error('no'), { body: Buffer.from('another text') })],
    ['another token', new Error(encodeURIComponent(token.replace('Canary', 'Others')))],
  ])('%s: the error stays what it is', async (_how, thrown) => {
    const manager = make([token], { provider: 'gitlab' });
    expect(await rejection(manager.withRotation(() => Promise.reject(thrown)))).toBe(thrown);
  });
});
