'use strict';

// One circuit breaker in a process of its own, called by the test.
const { CircuitBreaker } = require('../../dist/timers.js');
const { serve } = require('./serve.cjs');

let breaker;
let calls = 0;

async function ended(call) {
  try {
    return await call;
  } catch (error) {
    return error.code ?? error.message;
  }
}

const view = () => ({ state: breaker.state, failures: breaker.failures, calls });

serve({
  async open({ service, options }) {
    breaker = new CircuitBreaker(service, options);
    await breaker.ready();
    return view();
  },
  view,
  fail: () =>
    ended(
      breaker.execute(async () => {
        calls += 1;
        throw new Error('down');
      }),
    ),
  succeed: () =>
    ended(
      breaker.execute(async () => {
        calls += 1;
        return 'up';
      }),
    ),
  /** `count` calls in one tick that take a while, so that a second probe beside one would be seen. */
  together: ({ count, tookMs, succeeds }) =>
    Promise.all(
      Array.from({ length: count }, () =>
        ended(
          breaker.execute(async () => {
            calls += 1;
            await new Promise(done => setTimeout(done, tookMs));
            if (!succeeds) throw new Error('down');
            return 'up';
          }),
        ),
      ),
    ),
  /** A call that never ends. */
  hang() {
    void ended(
      breaker.execute(() => {
        calls += 1;
        return new Promise(() => setInterval(() => {}, 1000));
      }),
    );
  },
  async close() {
    await breaker.close();
  },
});
