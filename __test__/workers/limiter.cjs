'use strict';

// For `support/limiters.ts`: one limiter in a process of its own, driven by the test.
const { RateLimitManager } = require('../../dist/index.js');
const { serve } = require('./serve.cjs');
const { timed } = require('./timed.cjs');

const EVENTS = ['store:connected', 'store:disconnected', 'store:warning', 'error'];
const PAUSE_MS = 10;

let limiter;
const permits = new Map();
const grants = [];
const heard = [];

const plain = permit => ({
  id: permit.id,
  admittedAtMs: permit.admittedAt.getTime(),
  waitedMs: permit.waitedMs,
  isUnheld: permit.isUnheld,
});

const told = value => (value instanceof Error ? { message: value.message, code: value.code } : value);

/** What is called on permits goes to the permits that were granted here; the rest to the limiter. */
const operations = {
  async acquire(options) {
    const permit = await limiter.acquire(options);
    permits.set(permit.id, permit);
    return plain(permit);
  },
  settle: async (id, usage) => permits.get(id).settle(usage),
  cancel: async id => permits.get(id).cancel(),
  /** By the limiter, which knows the id alone. */
  call: async (method, ...args) => limiter[method](...args),
};

const invoke = async (method, args) =>
  (operations[method] ?? ((...given) => limiter[method](...given)))(...args);

/** One request after the other; `outages`: what a store that is away says is no end. */
async function lane({ untilMs, options, holdMs = 0, outages = false }) {
  while (Date.now() < untilMs) {
    try {
      const permit = await limiter.acquire({ ...options, maxWaitMs: Math.max(1, untilMs - Date.now()) });
      grants.push({ ...plain(permit), inputTokens: permit.inputTokens });
      if (holdMs > 0) await new Promise(done => setTimeout(done, holdMs));
      await permit.settle({ inputTokens: permit.inputTokens, outputTokens: permit.outputTokens });
    } catch (error) {
      if (error.code === 'RATE_LIMITED') return;
      if (!outages || !['STORE_UNAVAILABLE', 'TIMEOUT'].includes(error.code)) throw error;
      await new Promise(done => setTimeout(done, PAUSE_MS));
    }
  }
}

serve({
  open({ config }) {
    limiter = new RateLimitManager(config);
    for (const name of EVENTS) {
      limiter.on(name, (...args) => heard.push({ name, args: args.map(told), at: Date.now() }));
    }
  },
  call: ({ method, args }) => limiter[method](...args),
  /** Calls of one tick. */
  all: ({ calls, againstMs }) =>
    Promise.all(calls.map(([method, ...args]) => timed(() => invoke(method, args), againstMs))),
  acquire: ({ options }) => operations.acquire(options),
  /** Acquires so often and aborts it all after a while; how each ended. */
  abort({ count, options, afterMs }) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), afterMs);
    const acquire = () => operations.acquire({ ...options, signal: controller.signal });
    return Promise.all(Array.from({ length: count }, () => timed(acquire, afterMs)));
  },
  /** Acquires and never waits for the answer here: `granted` lists them in the order they came. */
  begin({ options, name }) {
    limiter.acquire(options).then(
      permit => grants.push({ ...plain(permit), name }),
      error => grants.push({ name, code: error.code }),
    );
  },
  granted: () => grants,
  heard: ({ name }) => heard.filter(event => event.name === name),
  settle: ({ id, usage }) => operations.settle(id, usage),
  cancel: ({ id }) => operations.cancel(id),
  /** The thread does nothing else for so long. */
  block({ forMs }) {
    const end = performance.now() + forMs;
    while (performance.now() < end);
  },
  /** Makes requests in so many lanes until `untilMs`, or for `forMs`; tells what was granted. */
  async run({ lanes, untilMs, forMs, ...load }) {
    const until = forMs === undefined ? untilMs : Date.now() + forMs;
    await Promise.all(Array.from({ length: lanes }, () => lane({ ...load, untilMs: until })));
    return grants;
  },
});
