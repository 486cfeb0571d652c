'use strict';

// For the tests of `support/process.ts`.
const { serve, report } = require('./serve.cjs');

report('started');
serve({
  echo: value => value,
  now: () => Date.now(),
  fail: () => {
    throw Object.assign(new TypeError('no'), { code: 'NO' });
  },
  exit: code => process.exit(code),
});
