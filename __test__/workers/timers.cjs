'use strict';

// One coordinator in a process of its own. By itself, `node timers.cjs '<options as JSON>'` prints `{"ready":true}`
// when the store is there, then every `timer:expired` as a JSON line; where the test is the parent it answers calls,
// too.
const { createTokenCoordinator } = require('../../dist/timers.js');
const { serve } = require('./serve.cjs');

let minoots;

const print = value => process.stdout.write(`${JSON.stringify(value)}\n`);

function open(options) {
  minoots = createTokenCoordinator(options);
  minoots.on('timer:expired', event => print({ expired: event, atMs: Date.now() }));
  for (const name of ['timer:delivered', 'timer:delivery-failed', 'timer:dead']) {
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
    close: options => minoots.close(options),
  });
}
