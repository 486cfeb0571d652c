// What the programs of this folder share: a coordinator called `minoots`, and a receiver that stands for your-app.com.
// With REDIS_URL timers live there, and every process that shares it has them; without, in this process.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTokenCoordinator } from '@wundr.io/token-budget/timers';

/** Takes webhooks; `received` holds the path of each, and what the timer brought. */
export async function startApp() {
  const received = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', chunk => {
      text += chunk;
    });
    request.on('end', () => {
      const { name, data } = JSON.parse(text).data;
      received.push({ path: request.url, name, data });
      response.writeHead(204).end();
      server.emit('webhook');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    received,
    /** Resolves when so many have come. */
    async wait(count) {
      while (received.length < count) await once(server, 'webhook');
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** `clock`: the program's own idea of the time, for those that wait for the night. */
export function openCoordinator({ clock } = {}) {
  const { REDIS_URL: url } = process.env;
  // Nobody else is to see the timers of a demonstration.
  const keyPrefix = `example-guide-${process.pid}`;
  const where = url === undefined || clock !== undefined ? { clock } : { redis: { url, keyPrefix } };
  return createTokenCoordinator({ ...where, webhooks: { allowPrivateAddresses: true } });
}
