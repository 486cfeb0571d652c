'use strict';

// For `support/limiters.ts`: one limiter in a process of its own, driven by the test.
const { RateLimitManager } = require('../../dist/index.js');
const { serve } = require('./serve.cjs');

let limiter;
const permits = new Map();
const grants = [];

const plain = permit => ({ id: permit.id, admittedAtMs: permit.admittedAt.getTime() });

async function lane(untilMs, options, holdMs) {
  while (Date.now() < untilMs) {
    let permit;
    try {
      permit = await limiter.acquire({ ...options, maxWaitMs: Math.max(1, untilMs - Date.now()) });
    } catch (error) {
      if (error.code === 'RATE_LIMITED') return;
      throw error;
    }
    grants.push({ ...plain(permit), inputTokens: permit.inputTokens });
    if (holdMs > 0) await new Promise(done => setTimeout(done, holdMs));
    await permit.settle({ inputTokens: permit.inputTokens, outputTokens: permit.outputTokens });
  }
}

serve({
  open({ config }) {
    limiter = new RateLimitManager(config);
  },
  call: ({ method, args }) => limiter[method](...args),
  async acquire({ options }) {
    const permit = await limiter.acquire(options);
    permits.set(permit.id, permit);
    return plain(permit);
  },
  /** Acquires and never waits for the answer here: `granted` lists them in the order they came. */
  begin({ options, name }) {
    limiter.acquire(options).then(
      permit => grants.push({ ...plain(permit), name }),
      error => grants.push({ name, code: error.code }),
    );
  },
  granted: () => grants,
  settle: ({ id, usage }) => permits.get(id).settle(usage),
  cancel: ({ id }) => permits.get(id).cancel(),
  /** Makes requests in so many lanes until `untilMs`; tells what was granted. */
  async run({ lanes, untilMs, options, holdMs = 0 }) {
    await Promise.all(Array.from({ length: lanes }, () => lane(untilMs, options, holdMs)));
    return grants;
  },
});
