/** Which answers are refusals of a token, and how long it rests after them. */
import { AuthError, GitHubClient, RateLimitError } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { closeAll, github, manager as make, provider } from './support/setup';

afterEach(closeAll);

const usable = { isValid: true, resources: [expect.objectContaining({ pausedUntil: null, underWay: 0 })] };
const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };

describe('a provider in trouble', () => {
  test.each([
    ['github', 503, { 'retry-after': '30' }, 'maintenance'],
    ['github', 500, { 'retry-after': '30' }, {}],
    ['anthropic', 529, {}, overloaded],
    ['anthropic', 529, { 'retry-after': '30' }, overloaded],
    ['gemini', 503, { 'retry-after': '30' }, { error: { code: 503, status: 'UNAVAILABLE' } }],
  ])('%s, %i: a POST is sent once, and no token rests', async (name, status, headers, body) => {
    const server = await provider('github');
    server.intercept = () => ({ status, headers: headers as Record<string, string>, body });
    const manager = make(['a', 'b'], { provider: name, baseUrls: { [name]: server.url } });
    const response = await manager.fetch('/x', { method: 'POST', body: 'create' });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(body);
    expect(server.asked).toHaveLength(1);
    expect(await manager.countAvailableTokens()).toBe(2);
  });

  test('as an error of a client, which comes out as it went in', async () => {
    const manager = make(['a', 'b'], { provider: 'anthropic' });
    const errors = [
      Object.assign(new Error('529'), { status: 529, headers: { 'retry-after': '30' }, error: overloaded }),
      // In a stream that began with success.
      Object.assign(new Error('Overloaded'), { headers: { 'request-id': 'r' }, error: overloaded }),
    ];
    for (const thrown of errors) {
      expect(await rejection(manager.withRotation(() => Promise.reject(thrown)))).toBe(thrown);
    }
    const lease = await manager.getNextAvailableToken();
    expect(await lease.settle(errors[0])).toBe('served');
    expect(await manager.countAvailableTokens()).toBe(2);
  });
});

describe('errors that a function throws', () => {
  test('what was observed on the token is believed, not an error of something else', async () => {
    const { manager, server } = await github({ a: 9, b: 9 });
    const foreign = [
      Object.assign(new Error('my database: password wrong'), { status: 401 }),
      Object.assign(new Error('too many'), { status: 429, headers: { 'retry-after': '60' } }),
      new AuthError('github accepts none of the tokens', 'github'),
    ];
    for (const thrown of foreign) {
      const failing = manager.withRotation('github', async token => {
        await new GitHubClient({ token }, { baseUrl: server.url }).getRateLimit();
        throw thrown;
      });
      expect(await rejection(failing)).toBe(thrown);
    }
    expect(server.tokens()).toEqual(['a', 'a', 'a']);
    expect(await manager.countAvailableTokens()).toBe(2);
  });

  test.each<[string, unknown]>([
    ['401 and nothing else', { status: 401 }],
    ['429 and nothing else', { status: 429 }],
    ['an error with a status', Object.assign(new Error('no'), { status: 401 })],
    ['an error with empty headers', Object.assign(new Error('no'), { status: 429, headers: {} })],
    ['an address elsewhere', Object.assign(new Error('no'), { status: 401, url: 'https://db.example/x' })],
    ['an address that is none', Object.assign(new Error('no'), { status: 401, url: 'x' })],
    ['JSON that is no body', Object.assign(new Error('{"error":"no"}'), { status: 401 })],
  ])('%s passes through as it is', async (_name, thrown) => {
    const manager = make(['a', 'b']);
    let calls = 0;
    const outcome = manager
      .withRotation('github', () => {
        calls += 1;
        throw thrown;
      })
      .catch(error => error);
    expect(await outcome).toBe(thrown);
    expect(calls).toBe(1);
    expect(await manager.getAllTokens()).toEqual([expect.objectContaining(usable), expect.anything()]);
    expect(await manager.countAvailableTokens()).toBe(2);
  });

  const request = { url: 'https://api.github.com/x' };
  test.each<[string, string, object]>([
    ['headers', 'github', { status: 401, headers: { 'x-github-request-id': 'A0' } }],
    ['a response with headers', 'github', { response: { status: 401, headers: { server: 'github' } } }],
    ['a wrapped response', 'gitlab', { cause: { response: { status: 401, headers: { server: 'nginx' } } } }],
    ['the address that was asked for', 'github', { status: 401, request }],
    ['the configuration of the request', 'github', { status: 401, config: request }],
    ['the base address of it', 'github', { status: 401, config: { url: '/x', baseURL: request.url } }],
    ['the body, as Google has it', 'gemini', { status: 401, errorDetails: [{ '@type': 'x' }] }],
    [
      'the body as text, as Google has it',
      'gemini',
      { status: 401, message: '{"error":{"code":401,"status":"UNAUTHENTICATED"}}' },
    ],
  ])('an error of a client with %s counts, and is the cause when none is left', async (_name, name, more) => {
    const manager = make(['a', 'b'], { provider: name });
    const thrown: Error[] = [];
    const failing = manager.withRotation(() => {
      const error = Object.assign(new Error('Unauthorized'), more);
      thrown.push(error);
      throw error;
    });
    const error = await rejection(failing);
    expect(error).toBeInstanceOf(AuthError);
    expect(thrown).toHaveLength(2);
    expect(error.cause).toBe(thrown[1]);
  });

  // As the SDKs make them: @google/genai 1.x, @google/generative-ai 0.24, @octokit/request-error 7,
  // @gitbeaker/rest 43, @google-cloud/vertexai 1.12.
  const google = 'https://generativelanguage.googleapis.com';
  const apiError = (message: unknown, status = 429) =>
    Object.assign(new Error(typeof message === 'string' ? message : JSON.stringify(message)), {
      name: 'ApiError',
      status,
    });
  const fetchError = (address: string, status = 429) =>
    Object.assign(
      new Error(`[GoogleGenerativeAI Error]: Error fetching from ${address}: [${status} Too Many Requests] `),
      { status, statusText: 'Too Many Requests', errorDetails: undefined },
    );
  const httpError = (request: object, status = 403, message = 'API rate limit exceeded for user ID 1.') =>
    Object.assign(new Error(message), {
      name: 'HttpError',
      status,
      request: { method: 'GET', headers: { accept: 'application/vnd.github.v3+json' }, ...request },
    });
  const retryError = (status: number, name = 'GitbeakerRetryError') =>
    Object.assign(
      new Error(
        `Could not successfully complete this request after 10 retries, last status code: ${status}. Check the applicable rate limits for this endpoint.`,
      ),
      { name },
    );
  const exhausted = { error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } };
  const clientError = (body: { error: { code: number; status: string; message: string } }) => {
    const { message, code, status } = body.error;
    const cause = Object.assign(new Error(message), { code, status, errorDetails: undefined });
    const text = `[VertexAI.ClientError]: got status: ${code} Too Many Requests. ${JSON.stringify(body)}`;
    return Object.assign(new Error(text, { cause }), { name: 'ClientError', stackTrace: cause });
  };
  const asked = { url: '/repos/{owner}/{repo}' };

  test.each<[string, string, () => Error]>([
    ['Google, the body without details', 'gemini', () => apiError(exhausted)],
    ['Google, in a stream', 'gemini', () => apiError(`got status: X. ${JSON.stringify(exhausted)}`)],
    ['Google, a list', 'gemini', () => apiError([exhausted])],
    ['Google, a body without a status', 'gemini', () => apiError({ error: { code: 429, message: 'q' } })],
    ['Google, a body of another form', 'gemini', () => apiError({ message: 'quota' })],
    ['Google, a gateway of its own name', 'my-gemini', () => apiError(exhausted)],
    ['Vertex AI', 'gemini', () => clientError(exhausted)],
    ['Vertex AI under its own name', 'vertex', () => clientError(exhausted)],
    ['Google, the older client', 'gemini', () => fetchError(`${google}/v1beta/models/m:generateContent`)],
    ['gitbeaker after its retries', 'gitlab', () => retryError(429)],
    ['gitbeaker, wrapped', 'gitlab', () => new Error('no', { cause: retryError(429) })],
    ['gitbeaker, a server of its own name', 'my-gitlab', () => retryError(429)],
    ['Octokit, below its base', 'github', () => httpError({ ...asked, baseUrl: 'https://api.github.com' })],
    ['Octokit, no base', 'github', () => httpError(asked)],
    ['Octokit, 429', 'github', () => httpError(asked, 429, 'slow down')],
    [
      'Octokit, a token',
      'ghe',
      () => httpError({ ...asked, headers: { authorization: 'token [REDACTED]' } }, 429),
    ],
    [
      'Octokit, its name',
      'github',
      () => httpError({ ...asked, headers: { 'user-agent': 'octokit-core.js/7' } }),
    ],
  ])('%s (%s): the next token is tried, and the first rests', async (_name, name, make_) => {
    const manager = make(['a', 'b'], { provider: name });
    const used: string[] = [];
    const answer = await manager.withRotation(token => {
      used.push(token);
      if (token === 'a') throw make_();
      return 'served';
    });
    expect([answer, ...used]).toEqual(['served', 'a', 'b']);
    expect(await manager.countAvailableTokens()).toBe(1);
  });

  test.each<[string, string, Error]>([
    ['Google of another address', 'gemini', fetchError('https://gateway.example/v1beta/models/m')],
    ['Google, with a token of GitHub', 'github', apiError(exhausted)],
    ['Google, the older client with a token of GitHub', 'github', fetchError(`${google}/v1beta/models/m`)],
    ['Google, words that are no body', 'gemini', apiError('too many')],
    ['Google, a status of nobody', 'gemini', apiError({ error: { code: 429 } }, 403)],
    ['Vertex AI, with a token of GitHub', 'github', clientError(exhausted)],
    [
      'Vertex AI, a bad request',
      'gemini',
      clientError({ error: { code: 400, message: 'bad', status: 'INVALID_ARGUMENT' } }),
    ],
    ['another ApiError', 'openai', apiError({ message: 'quota' })],
    ['gitbeaker, bad gateway', 'gitlab', retryError(502)],
    ['gitbeaker, with a token of GitHub', 'github', retryError(429)],
    ['an error with the words of gitbeaker', 'gitlab', retryError(429, 'Error')],
    ['Octokit below another base', 'github', httpError({ ...asked, baseUrl: 'https://ghe.example/api/v3' })],
    [
      'Octokit of another address, whatever its base',
      'github',
      httpError({ url: 'https://elsewhere.example/x', baseUrl: 'https://api.github.com' }),
    ],
    [
      'axios of another address, whatever its base',
      'github',
      Object.assign(new Error('no'), {
        status: 429,
        config: { url: 'https://elsewhere.example/x', baseURL: 'https://api.github.com' },
      }),
    ],
    ['Octokit with a key of OpenAI', 'openai', httpError(asked, 429)],
    ['Octokit, forbidden', 'github', httpError(asked, 403, 'Resource not accessible by integration')],
    ['Octokit, not found', 'github', httpError(asked, 404, 'Not Found')],
    ['an HttpError of a server', 'github', httpError({ ...asked, headers: { accept: 'text/html' } }, 429)],
  ])('%s (%s) passes through as it is', async (_name, name, thrown) => {
    const manager = make(['a', 'b'], { provider: name });
    expect(await rejection(manager.withRotation(() => Promise.reject(thrown)))).toBe(thrown);
    expect(await manager.countAvailableTokens()).toBe(2);
  });

  test('the cause of a RateLimitError is what the last token was refused with', async () => {
    const manager = make(['a', 'b']);
    const headers = { 'retry-after': '60' };
    const thrown = Object.assign(new Error('limited'), { status: 429, headers });
    const error = await rejection(manager.withRotation(() => Promise.reject(thrown)));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.cause).toBe(thrown);
    // Nothing was thrown now.
    expect((await rejection(manager.withRotation(() => 0))).cause).toBeUndefined();
  });
});

describe('GraphQL', () => {
  const limited = { errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded' }] };

  test.each(['/graphql', '/api/graphql'])('%s: a refusal with a status of success moves on', async path => {
    const { manager, server } = await github({ a: 9, b: 9 });
    const baseUrls = { github: `${server.url}/api/v3` };
    const enterprise = make(['a', 'b'], { reserve: 0, baseUrls });
    const used = path === '/graphql' ? manager : enterprise;
    server.intercept = ({ token }) => ({ body: token === 'a' ? limited : { data: { viewer: {} } } });
    const response = await used.fetch(`${server.url}${path}`, { method: 'POST', body: '{}' });
    expect(await response.json()).toEqual({ data: { viewer: {} } });
    expect(server.tokens()).toEqual(['a', 'b']);
    const [first] = await used.getAllTokens();
    expect(first?.resources).toEqual([expect.objectContaining({ resource: 'graphql' })]);
    expect(first?.resources[0]?.pausedUntil).toBeInstanceOf(Date);
  });

  test.each<[string, string, Record<string, string>, unknown]>([
    [
      'other errors',
      '/graphql',
      {},
      { data: null, errors: [{ type: 'NOT_FOUND', message: 'RATE_LIMITED' }] },
    ],
    ['data that holds the word', '/graphql', {}, { data: { errors: 'RATE_LIMITED' } }],
    ['what is no JSON', '/graphql', { 'content-type': 'text/plain' }, limited],
    ['another resource', '/repos', {}, limited],
  ])('%s come back as they are', async (_name, path, headers, body) => {
    const { manager, server } = await github({ a: 9, b: 9 });
    server.intercept = () => ({ headers, body });
    const response = await manager.fetch(path, { method: 'POST', body: '{}' });
    expect(await response.json()).toEqual(body);
    expect(server.tokens()).toEqual(['a']);
  });

  test('a long answer is left to whoever asked', async () => {
    const { manager, server } = await github({ a: 9 });
    const body = { data: 'x'.repeat(300_000), ...limited };
    server.intercept = () => ({ body });
    expect(await (await manager.fetch('/graphql')).json()).toEqual(body);
  });
});

describe('how long a token rests', () => {
  const pausesMs = async (
    answer: { status: number; headers?: Record<string, string>; body: unknown },
    options: { provider: string; maxCooldown?: number },
    count: number,
  ) => {
    const server = await provider('github');
    server.intercept = () => answer;
    let nowMs = Date.now();
    const baseUrls = { [options.provider]: server.url };
    const manager = make(['a'], { ...options, baseUrls, clock: () => nowMs });
    const pauses: number[] = [];
    for (let n = 0; n < count; n++) {
      const { resetAtMs } = (await rejection(manager.fetch('/x'))) as RateLimitError;
      pauses.push(resetAtMs - nowMs);
      nowMs = resetAtMs + 1;
    }
    return pauses;
  };

  test('each further secondary limit without a time doubles the pause', async () => {
    const body = { message: 'You have exceeded a secondary rate limit.' };
    const pauses = await pausesMs({ status: 403, body }, { provider: 'github' }, 5);
    const minutes = [1, 2, 4, 8, 16];
    for (const [index, pauseMs] of pauses.entries()) {
      const wholeMs = (minutes[index] as number) * 60_000;
      expect(pauseMs).toBeLessThanOrEqual(index === 0 ? wholeMs * 1.1 : wholeMs);
      expect(pauseMs).toBeGreaterThanOrEqual(Math.max(wholeMs / 2 - 1, 60_000));
    }
  });

  test.each<[string, Record<string, string>, number | undefined, number]>([
    ['no time', {}, undefined, 3_600_000],
    ['a shorter time', { 'retry-after': '20' }, undefined, 3_600_000],
    ['a longer time', { 'retry-after': '7200' }, undefined, 7_200_000],
    ['no time, configured', {}, 600_000, 600_000],
  ])('a key whose money is used up, told %s', async (_name, headers, maxCooldown, expected) => {
    const body = { error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'quota' } };
    const options = { provider: 'openai', ...(maxCooldown === undefined ? {} : { maxCooldown }) };
    expect(await pausesMs({ status: 429, headers, body }, options, 2)).toEqual([expected, expected]);
  });
});

test('bodies of refused responses are let go of', async () => {
  const manager = make(['a', 'b', 'c']);
  const cancelled: string[] = [];
  const answer = await manager.withRotation(token => {
    const body = new ReadableStream({ cancel: () => void cancelled.push(token) });
    const headers = { 'retry-after': '60', 'x-github-request-id': 'A0' };
    return new Response(body, { status: token === 'c' ? 200 : 401, headers });
  });
  expect(answer.status).toBe(200);
  expect(cancelled).toEqual(['a', 'b']);
});
