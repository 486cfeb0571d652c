'use strict';

// For the tests of `support/process.ts`: a process that starts a server and is then killed.
const { serve } = require('./serve.cjs');
const { loadTypeScript } = require('../support/load-typescript.cjs');

serve({
  async start() {
    const { startRedis } = loadTypeScript('support/redis.ts');
    const server = await startRedis();
    return { pid: server.pid(), folder: server.folder };
  },
});
