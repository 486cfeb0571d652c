'use strict';

// For `support/managers.ts`: one manager of tokens in a process of its own, driven by the test.
const { TokenManager } = require('../../dist/index.js');
const { serve } = require('./serve.cjs');
const { timed } = require('./timed.cjs');

const EVENTS = ['store:connected', 'store:disconnected', 'store:warning', 'error'];

let manager;
const leases = [];
const heard = [];

const told = value => (value instanceof Error ? { message: value.message, code: value.code } : value);

function listen() {
  for (const name of EVENTS) {
    manager.on(name, (...args) => heard.push({ name, args: args.map(told) }));
  }
}

/** What is called on leases takes their numbers; the rest is the manager's. */
const operations = {
  async take(provider, options) {
    const lease = await manager.getNextAvailableToken(provider, options);
    const { token, fingerprint, account, remaining } = lease;
    return { lease: leases.push(lease) - 1, token, fingerprint, account, remaining };
  },
  settle: async (lease, answer) => leases[lease].settle(answer),
  cancel: async lease => leases[lease].cancel(),
  update: async (lease, update) => manager.updateRateLimit(leases[lease], update),
};

const invoke = async (method, args) =>
  (operations[method] ?? ((...given) => manager[method](...given)))(...args);

/** One request after the other until no token is left. */
async function lane(path, outcome) {
  try {
    for (;;) {
      const response = await manager.fetch(path);
      await response.arrayBuffer();
      outcome.served += response.ok ? 1 : 0;
    }
  } catch (error) {
    outcome.ended.push({ name: error.name, message: error.message });
  }
}

serve({
  async open({ tokens, options }) {
    manager = tokens === undefined ? await TokenManager.open(options) : new TokenManager(tokens, options);
    listen();
  },
  call: ({ method, args }) => invoke(method, args),
  /** Calls of one tick. */
  all: ({ calls, againstMs }) =>
    Promise.all(calls.map(([method, ...args]) => timed(() => invoke(method, args), againstMs))),
  heard: ({ name }) => heard.filter(event => event.name === name),
  /** Requests in so many lanes, until all tokens are spent. */
  async exhaust({ path, lanes }) {
    const outcome = { served: 0, ended: [] };
    await Promise.all(Array.from({ length: lanes }, () => lane(path, outcome)));
    return outcome;
  },
});
