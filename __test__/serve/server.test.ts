/** The dashboard's server: who may look, and at what. */
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { inspect } from 'node:util';
import { createDashboard } from '@wundr.io/token-budget/dashboard';
import { eventually, start } from '../support/system';
import { ask, closeAll, events, listen, makeTracker, track } from './helpers';

afterEach(closeAll);

const TOKEN = 'correct-horse-battery-staple';

test('the snapshot has windows, reservations and overrides', async () => {
  const tracker = makeTracker({ defaultBudget: { hourly: 1000, daily: 0 }, thresholds: [0.07, 0.5, 1] });
  await track(tracker, 'a', 300);
  const { reservationId } = await tracker.reserveTokens('a', 200, 'hourly');
  await tracker.setBudgetOverride({
    ...{ orchestratorId: 'a', period: 'hourly', additionalTokens: 100, reason: 'more', createdBy: 'me' },
    expiresAt: new Date(Date.now() + 60_000),
  });
  const { url } = await listen({ tracker });
  const { status, headers, text } = await ask(`${url}api/snapshot`);
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  const snapshot = JSON.parse(text);
  expect(snapshot).toMatchObject({ storeUp: true, failure: null, thresholds: [7, 50, 100], leftOut: 0 });
  const [one] = snapshot.orchestrators;
  expect(one).toMatchObject({ orchestratorId: 'a', pause: null });
  expect(one.windows).toMatchObject([
    {
      ...{ period: 'hourly', usedTokens: 300, reservedTokens: 200, limitTokens: 1100, remainingTokens: 600 },
      ...{ activeReservations: 1, promptTokens: 300, completionTokens: 0, cost: null },
      topModels: [{ model: 'claude-sonnet-4-5', tokens: 300 }],
    },
    { period: 'daily', usedTokens: 300, reservedTokens: 0, limitTokens: 0, percentUsed: 100 },
    { period: 'monthly', usedTokens: 300, limitTokens: null, remainingTokens: null, percentUsed: 0 },
  ]);
  expect(one.reservations).toMatchObject([{ id: reservationId, tokens: 200, periods: ['hourly'] }]);
  expect(one.overrides).toMatchObject([{ additionalTokens: 100, reason: 'more', createdBy: 'me' }]);
});

test('money and a pause are shown where the tracker has them', async () => {
  const tracker = makeTracker();
  await track(tracker, 'a', 1);
  const stats = tracker.getUsageStats.bind(tracker);
  const cost = {
    used: '1.25',
    reserved: 0,
    limit: { amount: '25.00', currency: 'EUR' },
    percentUsed: 5,
    currency: 'EUR',
  };
  Object.assign(tracker, {
    getUsageStats: async (...args: Parameters<typeof stats>) => ({ ...(await stats(...args)), cost }),
    getPause: async () => ({ reason: 'too dear', until: new Date(0) }),
  });
  const { url } = await listen({ tracker });
  const [one] = JSON.parse((await ask(`${url}api/snapshot`)).text).orchestrators;
  expect(one.pause).toEqual({ reason: 'too dear', pausedBy: null, until: '1970-01-01T00:00:00.000Z' });
  expect(one.windows[0].cost).toEqual({
    used: { amount: '1.25', currency: 'EUR' },
    reserved: { amount: '0', currency: 'EUR' },
    limit: { amount: '25.00', currency: 'EUR' },
    remaining: null,
    percentUsed: 5,
  });
  expect(one.windows[0].tightest).toEqual({ by: 'cost', percentUsed: 5 });
  const metrics = (await ask(`${url}metrics`)).text;
  expect(metrics).toContain('token_budget_used_cost{orchestrator="a",period="daily",currency="EUR"} 1.25\n');
  expect(metrics).toContain('token_budget_used_cost_ratio{orchestrator="a",period="daily"} 0.05\n');
  expect(metrics).toContain('token_budget_paused{orchestrator="a"} 1\n');
});

test('a foreign name in Host is refused, whatever is asked', async () => {
  const tracker = makeTracker();
  const { url } = await listen({ tracker, allowedHosts: ['Budget.Example'] });
  const { port } = new URL(url);
  for (const path of ['', 'api/snapshot', 'metrics', 'events', 'assets/page.mjs', 'nothing']) {
    const foreign = await ask(`${url}${path}`, { headers: { host: `evil.example:${port}` } });
    expect([path, foreign.status]).toEqual([path, 421]);
    expect(foreign.text).not.toContain('token_budget_');
  }
  for (const host of ['localhost.evil.example', '127.0.0.1.evil.example', 'evil', '1270.0.0.1']) {
    expect([host, (await ask(url, { headers: { host } })).status]).toEqual([host, 421]);
  }
  for (const host of [
    'localhost',
    `LOCALHOST:${port}`,
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
    'budget.example',
  ]) {
    expect([host, (await ask(url, { headers: { host } })).status]).toEqual([host, 200]);
  }
});

test('with a token: nothing without it, and a cookie that is not the token', async () => {
  const { url } = await listen({ tracker: makeTracker(), token: TOKEN });
  for (const path of ['', 'api/snapshot', 'metrics', 'events', 'assets/uplot.js']) {
    const { status, headers } = await ask(`${url}${path}`);
    expect([path, status, headers['www-authenticate']]).toEqual([path, 401, 'Bearer']);
  }
  expect((await ask(`${url}?token=${TOKEN}x`)).status).toBe(401);
  expect((await ask(url, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  expect((await ask(url, { headers: { cookie: 'token_budget_dashboard=wrong' } })).status).toBe(401);
  const bearer = { authorization: `Bearer ${TOKEN}`, host: 'any.example' };
  expect((await ask(`${url}metrics`, { headers: bearer })).status).toBe(200);

  const welcome = await ask(`${url}?token=${TOKEN}&x=1`);
  expect([welcome.status, welcome.headers.location]).toEqual([303, './?x=1']);
  const [cookie = ''] = welcome.headers['set-cookie'] as string[];
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
  expect(cookie).not.toContain(TOKEN);
  expect((await ask(url, { headers: { cookie: cookie.split(';')[0] as string } })).status).toBe(200);
});

test('nothing from elsewhere may run or load, and nothing but reading is answered', async () => {
  const { url } = await listen({ tracker: makeTracker() });
  const { headers, text } = await ask(url);
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(headers['x-content-type-options']).toBe('nosniff');
  // Inline scripts, styles and handlers would be refused by the policy; addresses elsewhere are not there.
  expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=/);
  expect(
    [...text.matchAll(/(?:src|href)="([^"]+)"/g)].filter(([, at]) => /^(?:\w+:|\/)/.test(at as string)),
  ).toEqual([]);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers: answered } = await ask(url, { method });
    expect([method, status, answered.allow]).toEqual([method, 405, 'GET, HEAD']);
  }
  for (const path of [
    '../package.json',
    '%2e%2e/%2e%2e/package.json',
    'assets/',
    'assets/../../dashboard.js',
    '__proto__',
    '/',
  ]) {
    expect([path, (await ask(`${url}${path}`)).status]).toEqual([path, 404]);
  }
  for (const path of ['api/report', 'api/alerts']) expect((await ask(`${url}${path}`)).status).toBe(404);
  expect(await ask(url, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

test('every file of the page is there, the licence of the charts too', async () => {
  const { url } = await listen({ tracker: makeTracker() });
  const page = (await ask(url)).text;
  const files = [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, path]) => path as string);
  const modules = ['assets/page.mjs'];
  for (const path of modules) {
    const { status, headers, text } = await ask(`${url}${path}`);
    expect([path, status, headers['content-type']]).toEqual([path, 200, 'text/javascript; charset=utf-8']);
    for (const [, name] of text.matchAll(/from '\.\/([a-z]+\.mjs)'/g)) {
      if (!modules.includes(`assets/${name}`)) modules.push(`assets/${name}`);
    }
  }
  expect(modules.length).toBeGreaterThan(5);
  for (const path of files) expect([path, (await ask(`${url}${path}`)).status]).toEqual([path, 200]);
  expect((await ask(`${url}assets/uplot-license.txt`)).text).toContain('The MIT License');
});

test('events come with what happens, and end with the dashboard', async () => {
  const tracker = makeTracker();
  // Only what this process does can be the reason: nothing is looked for by itself.
  const { url, close } = await listen({ tracker, refreshMs: 60_000 });
  const ending = new AbortController();
  const stream = events(`${url}events`, ending.signal);
  const next = async () => {
    const { value } = await stream.next();
    expect(value?.event).toBe('snapshot');
    return JSON.parse(value?.data ?? '');
  };
  expect((await next()).orchestrators).toEqual([]);
  await track(tracker, 'a', 250);
  expect((await next()).orchestrators[0].windows[0].usedTokens).toBe(250);
  const { reservationId } = await tracker.reserveTokens('a', 100);
  expect((await next()).orchestrators[0].reservations).toHaveLength(1);
  await tracker.releaseReservation(reservationId as string, 0);
  expect((await next()).orchestrators[0].reservations).toEqual([]);
  const before = tracker.listenerCount('usage:tracked');
  await close();
  expect((await stream.next()).done).toBe(true);
  expect(tracker.listenerCount('usage:tracked')).toBeLessThan(before);
  expect(tracker.listenerCount('usage:tracked')).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test('a storm of events is told by few snapshots, and the last one is right', async () => {
  const tracker = makeTracker({ defaultBudget: { hourly: 1_000_000 } });
  const { url } = await listen({ tracker, refreshMs: 60_000 });
  const ending = new AbortController();
  const told: number[] = [];
  const reading = (async () => {
    for await (const { data } of events(`${url}events`, ending.signal)) {
      told.push(JSON.parse(data).orchestrators[0]?.windows[0].usedTokens ?? 0);
    }
  })().catch(() => {});
  await eventually('the first', () => (told.length > 0 ? true : undefined));
  for (let round = 0; round < 50; round += 1) {
    for (let call = 0; call < 100; call += 1) await track(tracker, 'a', 1);
    await new Promise(resolve => setImmediate(resolve));
  }
  await eventually('the last', () => (told.at(-1) === 5000 ? true : undefined));
  expect(told.length).toBeLessThan(500);
  ending.abort();
  await reading;
});

test('so many may watch, and one more is told so', async () => {
  const { url } = await listen({ tracker: makeTracker() });
  const ending = new AbortController();
  const watching = await Promise.all(
    Array.from({ length: 100 }, () => fetch(`${url}events`, { signal: ending.signal })),
  );
  expect(watching.every(({ status }) => status === 200)).toBe(true);
  expect((await ask(`${url}events`)).status).toBe(503);
  ending.abort();
});

test('a handler in a server of one’s own', async () => {
  const tracker = makeTracker();
  const dashboard = createDashboard({ tracker, orchestrators: ['named', 'named'] });
  const server = createServer((request, response) => {
    request.url = request.url?.replace(/^\/budgets/, '');
    dashboard.handler(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { text } = await ask(`http://127.0.0.1:${port}/budgets/api/snapshot`);
  expect(JSON.parse(text).orchestrators.map((one: { orchestratorId: string }) => one.orchestratorId)).toEqual(
    ['named'],
  );
  await dashboard.close();
  expect((await ask(`http://127.0.0.1:${port}/budgets/`)).status).toBe(503);
  await new Promise(resolve => server.close(resolve));
});

test('a store that is away is something to show', async () => {
  const tracker = makeTracker({
    redis: { url: 'redis://user:secret-of-redis@127.0.0.1:1' },
    ...{ connectTimeout: 300, commandTimeout: 300 },
  });
  const { url } = await listen({ tracker, orchestrators: () => ['a'] });
  const snapshot = JSON.parse((await ask(`${url}api/snapshot`)).text);
  expect(snapshot).toMatchObject({ storeUp: false, failure: expect.any(String), orchestrators: [] });
  const metrics = await ask(`${url}metrics`);
  expect(metrics.text).toContain('token_budget_up 0\n');
  expect(JSON.stringify(snapshot) + metrics.text).not.toContain('secret-of-redis');
});

test('a list of names that fails, and names that are none', async () => {
  const tracker = makeTracker();
  const failing = await listen({ tracker, orchestrators: () => Promise.reject(new Error('no list')) });
  expect(JSON.parse((await ask(`${failing.url}api/snapshot`)).text)).toMatchObject({
    storeUp: false,
    failure: 'no list',
  });
  const odd = await listen({ tracker, orchestrators: () => ['', 'x'.repeat(300), 7 as never, 'fine'] });
  expect(JSON.parse((await ask(`${odd.url}api/snapshot`)).text).orchestrators).toHaveLength(1);
});

test('at most 500 orchestrators are shown, and the others counted', async () => {
  const tracker = makeTracker();
  const names = Array.from({ length: 512 }, (_, index) => `o${index}`);
  const { url } = await listen({ tracker, orchestrators: names });
  const snapshot = JSON.parse((await ask(`${url}api/snapshot`)).text);
  expect([snapshot.orchestrators.length, snapshot.leftOut]).toEqual([500, 12]);
});

test.each([
  [undefined, 'options'],
  [{}, 'tracker'],
  [{ tracker: {} }, 'tracker'],
  [{ reporter: {} }, 'reporter'],
  [{ alerts: { getAlertHistory: 1 } }, 'alerts'],
  [{ orchestrators: 'a' }, 'orchestrators'],
  [{ orchestrators: [''] }, 'orchestrators[0]'],
  [{ token: 'short-secret' }, 'token'],
  [{ token: 'with a space in the middle' }, 'token'],
  [{ allowedHosts: [1] }, 'allowedHosts[0]'],
  [{ refreshMs: 1 }, 'refreshMs'],
  [{ labels: { period: 'x' } }, 'options.labels.period'],
  [{ tokens: 1 }, 'tokens'],
])('%j is refused, naming %s', (given, field) => {
  const tracker = makeTracker();
  const options =
    given === undefined || 'tracker' in given || Object.keys(given).length === 0
      ? given
      : { tracker, ...given };
  let error: unknown;
  try {
    createDashboard(options as never);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'INVALID_CONFIG', field });
  expect(inspect(error)).not.toMatch(/short-secret|with a space/);
  expect(tracker.listenerCount('usage:tracked')).toBe(0);
});

test('only loopback without a token, and a port that is taken is said', async () => {
  const tracker = makeTracker();
  const dashboard = await listen({ tracker });
  await expect(dashboard.listen({ host: '0.0.0.0' })).rejects.toMatchObject({
    ...{ code: 'INVALID_ARGUMENT', field: 'options.host' },
  });
  await expect(dashboard.listen({ port: 65_536 })).rejects.toMatchObject({ field: 'options.port' });
  const port = Number(new URL(dashboard.url).port);
  await expect(dashboard.listen({ port })).rejects.toMatchObject({
    ...{ code: 'INVALID_ARGUMENT', field: 'options.port', message: expect.stringContaining('EADDRINUSE') },
  });
  await dashboard.close();
  await expect(dashboard.listen()).rejects.toMatchObject({ code: 'CLOSED' });

  const guarded = createDashboard({ tracker, token: TOKEN });
  const { port: open } = await guarded.listen({ host: '0.0.0.0' });
  const outside = Object.values(networkInterfaces())
    .flat()
    .find(one => one?.family === 'IPv4' && !one.internal)?.address;
  const address = `http://${outside ?? '127.0.0.1'}:${open}/`;
  expect((await ask(address)).status).toBe(401);
  expect((await ask(address, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  await guarded.close();
});

test('a process ends by itself while a dashboard listens and is watched', async () => {
  const child = await start(process.execPath, [
    '-e',
    `const { TokenBudgetTracker, createDashboard } = require('./dist/index.js');
     const { get } = require('node:http');
     (async () => {
       const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 10 } });
       const { url } = await createDashboard({ tracker }).listen();
       get(url + 'events', response => response.once('data', () => { response.socket.unref(); console.log('watched'); }));
     })();`,
  ]);
  expect([await child.ended, child.output()]).toEqual([0, 'watched\n']);
});
