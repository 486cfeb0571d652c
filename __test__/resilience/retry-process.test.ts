/** Retries in real time, in a process of their own, over real HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { HOST, start } from '../support/system';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/timers.js'));

test('a wait holds the process, and fetch is retried until it is answered', async () => {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume();
    calls += 1;
    // A connection that breaks, an answer that fails, one that asks to wait, one that never comes, one at last.
    if (calls === 1) request.socket.destroy();
    else if (calls === 2) response.writeHead(502).end('x'.repeat(100_000));
    else if (calls === 3) response.writeHead(429, { 'retry-after-ms': '30' }).end();
    else if (calls > 4) response.end('done');
  });
  await new Promise<void>(listening => {
    server.listen(0, HOST, listening);
  });
  const { port } = server.address() as AddressInfo;
  const child = await start(process.execPath, [
    '-e',
    `const { retry } = require(${ENTRY});
     const url = 'http://${HOST}:${port}/';
     const get = ({ signal }) => fetch(url, { signal, headers: { connection: 'close' } });
     retry(get, { base: 20, timeout: 2000, maxAttempts: 20 }).then(async response => console.log(await response.text()));`,
  ]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe('done\n');
  expect(calls).toBeGreaterThanOrEqual(5);
  server.closeAllConnections();
  await new Promise(closed => {
    server.close(closed);
  });
});
