/** The clock of the server jumps: a breaker is open for its time at most. */
import { CircuitBreaker } from '@wundr.io/token-budget/timers';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, HOST } from '../support/system';

const HOUR = 3_600_000;

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis({ clock: true });
}, 60_000);
afterAll(() => server?.stop());

test.each([
  ['back by an hour', -HOUR],
  ['back by a year', -365 * 24 * HOUR],
  ['forward by an hour', HOUR],
])(
  '%s',
  async (name, jumpMs) => {
    server.clock?.shift(0);
    const redis = { host: HOST, port: server.port };
    const breakers = [1, 2].map(() => new CircuitBreaker(name, { redis, threshold: 1, resetAfter: 1500 }));
    const [one, two] = breakers as [CircuitBreaker, CircuitBreaker];
    try {
      await one.onFailure();
      await two.ready();
      expect(two.state).toBe('OPEN');
      server.clock?.shift(jumpMs);
      await eventually('a probe is let through', () => two.execute(async () => 'up'));
      await eventually('the other has heard', () => (one.state === 'CLOSED' ? true : undefined));
      await one.onFailure();
      await eventually('the next opening is heard, too', () => (two.state === 'OPEN' ? true : undefined));
    } finally {
      await Promise.all(breakers.map(breaker => breaker.close()));
    }
  },
  60_000,
);
