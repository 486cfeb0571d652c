'use strict';

const { performance } = require('node:perf_hooks');

/**
 * How `operation` ended, how long it took, and how much longer than a timer of `againstMs` that was started with
 * it: on a busy machine timers are late as well.
 */
exports.timed = async (operation, againstMs) => {
  const began = performance.now();
  const timer = againstMs > 0 && new Promise(done => setTimeout(() => done(performance.now()), againstMs));
  const ended = await operation().then(
    value => ({ value }),
    error => ({ code: typeof error.code === 'string' ? error.code : error.name, message: error.message }),
  );
  const endedAt = performance.now();
  return { ...ended, tookMs: endedAt - began, beyondMs: timer ? endedAt - (await timer) : 0 };
};
