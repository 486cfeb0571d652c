// Stands for GitHub, for credentials.mjs: each token has so many requests until the reset, as the headers say.

import { once } from 'node:events';
import { createServer } from 'node:http';

// Long enough for a slow machine to get through what comes before the wait.
const WINDOW_MS = 4000;

export async function startFakeGitHub(limits) {
  const used = new Map();
  const reset = Math.ceil((Date.now() + WINDOW_MS) / 1000);
  const refused = [];
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '');
    const limit = limits[token];
    if (limit === undefined) {
      response.writeHead(401).end('{"message":"Bad credentials"}');
      return;
    }
    if (Date.now() >= reset * 1000) used.clear();
    const isOver = Date.now() >= reset * 1000;
    const before = used.get(token) ?? 0;
    const isSpent = !isOver && before >= limit;
    const isFree = request.url === '/rate_limit';
    if (!isFree && !isSpent) used.set(token, before + 1);
    if (!isFree && isSpent) refused.push(token);
    const told = { limit, remaining: limit - (used.get(token) ?? 0), reset: isOver ? reset + 3600 : reset };
    const headers = Object.entries(told).map(([name, value]) => [`x-ratelimit-${name}`, String(value)]);
    response.writeHead(isSpent && !isFree ? 403 : 200, Object.fromEntries(headers));
    const repositories = [
      { name: 'hello-world', full_name: 'octocat/hello-world', owner: { login: 'octocat' } },
    ];
    response.end(JSON.stringify(isFree ? { resources: { core: told } } : repositories));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    refused,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
