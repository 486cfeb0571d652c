'use strict';

// One token manager in a process of its own, called by the test.
const { TokenManager } = require('../../dist/index.js');
const { serve } = require('./serve.cjs');

let manager;

serve({
  async make({ tokens, options }) {
    manager = new TokenManager(tokens, options);
    await manager.ready();
  },
  async open(options) {
    manager = await TokenManager.open(options);
  },
  /** `count` requests, `lanes` at once; how often each status or error came. */
  async fetchAll({ path, count, lanes }) {
    const outcomes = {};
    let left = count;
    const lane = async () => {
      for (; left > 0; ) {
        left -= 1;
        const outcome = await manager.fetch(path).then(
          async response => {
            await response.arrayBuffer();
            return response.status;
          },
          error => error.code ?? error.message,
        );
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return outcomes;
  },
  /** Takes tokens for requests that are never reported. */
  async take(count) {
    for (let n = 0; n < count; n++) await manager.getNextAvailableToken();
  },
  /** As a program logs: everything it has, and what went wrong. */
  async logEverything({ path }) {
    const views = await manager.getAllTokens();
    const lease = await manager.getNextAvailableToken().catch(error => error);
    const failures = await Promise.allSettled([
      manager.fetch(path),
      manager.fetch('https://example.com/'),
      manager.withRotation(() => Promise.reject(new Error('broken'))),
      manager.markInvalid('another token'),
    ]);
    console.log(manager, views, lease, failures, JSON.stringify({ manager, views, lease, failures }));
    console.error('%o %O %j %s', manager, views, lease, views);
    console.table(views);
    await lease.cancel?.();
    return views.length;
  },
  /** A call that waits for an hour. */
  async waitLong() {
    const [{ fingerprint }] = await manager.getAllTokens();
    await manager.updateRateLimit(fingerprint, { remaining: 0, reset: new Date(Date.now() + 3_600_000) });
    manager.fetch('/x').catch(() => {});
  },
  async close() {
    await manager.close();
  },
});
