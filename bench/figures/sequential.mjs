import { onCoresOfTheirOwn } from '../harness/cores.mjs';
import { oneAtATime } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { openIoredis } from '../peers/ioredis.mjs';
import { openRedisLimiters } from '../peers/rate-limiter.mjs';

export const title = 'One at a time on Redis';

const ID = 'orchestrator-0';

/** Each operation is awaited before the next begins: what a single agent feels. */
export async function run({ redis, rounds, scale, withProduct, pinned }) {
  const count = scale(1500);
  const contestant = (name, operation, each) => ({
    name,
    operation,
    count,
    redis,
    turn: turnCount => oneAtATime(turnCount, each),
  });

  const ioredis = await openIoredis(redis);
  const limiters = await openRedisLimiters(redis);
  const ping = contestant('ioredis PING', 'ping(): one round trip, nothing done', () => ioredis.ping());
  const [{ limiter }] = limiters.variants;
  const consume = contestant('rate-limiter-flexible, ioredis', `consume(key, ${TOKENS_PER_CALL})`, () =>
    limiter.consume(ID, TOKENS_PER_CALL),
  );
  const peers = [ping, consume];

  const trackers = [];
  const open = async config => trackers[trackers.push(await openTracker(redis, config)) - 1];
  let ours = [];
  if (withProduct) {
    const tracker = await open();
    const bare = await open({ historyLimit: 0 });
    const reserveAndSettle = async () => {
      const { reservationId } = await tracker.reserveTokens(ID, TOKENS_PER_CALL);
      await tracker.releaseReservation(reservationId, TOKENS_PER_CALL);
    };
    ours = [
      contestant('trackUsage', 'trackUsage(usage), required fields', i => tracker.trackUsage(usage(ID, i))),
      contestant(
        'reserve + settle',
        'reserveTokens, then releaseReservation: two round trips',
        reserveAndSettle,
      ),
      contestant('trackUsage, requestId', 'trackUsage(usage) with a new requestId each', i =>
        tracker.trackUsage(usage(ID, i, { withRequestId: true })),
      ),
      contestant('trackUsage, historyLimit 0', 'trackUsage(usage), no history kept', i =>
        bare.trackUsage(usage(ID, i)),
      ),
      contestant('checkBudget', `checkBudget(id, ${TOKENS_PER_CALL})`, () =>
        tracker.checkBudget(ID, TOKENS_PER_CALL),
      ),
    ];
  }

  const all = [...peers, ...ours];
  const { result: samples, note } = await onCoresOfTheirOwn([redis], pinned, () =>
    measureRounds(all, { rounds, beforeTurn: redis.flush }),
  );
  await Promise.all([ioredis.quit(), limiters.close(), ...trackers.map(tracker => tracker.close())]);

  const reaches = { trackUsage: { atMost: 1.1 }, 'reserve + settle': { atMost: 2.2 } };
  return {
    measured: [
      ...all.map(each => measured(each, samples, 'latency')),
      ...all.map(each => measured(each, samples, 'server')),
    ],
    ratios: ours.map(each =>
      ratio(`${each.name} / PING`, each, ping, samples, 'latency', { reach: reaches[each.name] ?? null }),
    ),
    notes: [note],
  };
}
