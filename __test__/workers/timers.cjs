'use strict';

// One coordinator in a process of its own. By itself, `node timers.cjs '<options as JSON>'` prints `{"ready":true}`
// when the store is there, then every `timer:expired` as a JSON line; where the test is the parent it answers calls,
// too. TEST_LINGER_MS: listeners take so long after they have printed, and timers have not fired until then.
const { writeSync } = require('node:fs');
const { createTokenCoordinator } = require('../../dist/timers.js');
const { TokenBudgetTracker } = require('../../dist/budget.js');
const { serve } = require('./serve.cjs');

let minoots;
let tracker;

const lingerMs = Number(process.env.TEST_LINGER_MS ?? 0);

/** Written when this returns: what was heard before a kill is known. */
function print(value) {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

function expired(event) {
  print({ expired: event, atMs: Date.now() });
  return lingerMs > 0 ? new Promise(done => setTimeout(done, lingerMs)) : undefined;
}

function open(options) {
  minoots = createTokenCoordinator(options);
  minoots.on('timer:expired', expired);
  for (const name of ['timer:delivered', 'timer:delivery-failed', 'timer:dead', 'endpoint:disabled']) {
    minoots.on(name, event => print({ [name]: event }));
  }
  minoots.on('error', error => print({ error: { code: error.code, message: error.message } }));
  return minoots.ready();
}

if (process.argv[2] !== undefined) {
  // Somebody has to keep the process alive: timers do not.
  setInterval(() => {}, 1_000_000);
  open(JSON.parse(process.argv[2])).then(
    () => print({ ready: true }),
    error => {
      print({ error: { code: error.code, message: error.message } });
      process.exitCode = 1;
    },
  );
}

if (process.send !== undefined) {
  serve({
    open: options => open(options),
    call: ({ method, args = [] }) => minoots.timers[method](...args),
    /** Many timers in one tick. */
    create: timers => Promise.all(timers.map(timer => minoots.timers.create(timer))),
    /** Watches a tracker of this process, which `track` reports usage to. */
    async watchBudgets({ tracker: config, ...options }) {
      tracker = new TokenBudgetTracker(config);
      await tracker.ready();
      minoots.watchBudgets(tracker, options);
    },
    track: usage => tracker.trackUsage({ ...usage, timestamp: new Date() }),
    /** An array of all timers that match. */
    async all(filter) {
      const found = [];
      for await (const timer of minoots.timers.listAll(filter)) found.push(timer);
      return found;
    },
    async close(options) {
      await minoots.close(options);
      await tracker?.close();
    },
  });
}
