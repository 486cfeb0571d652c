import { oneAtATime } from '../harness/in-flight.mjs';
import { embeddedTracker } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { memoryLimiter } from '../peers/rate-limiter.mjs';

export const title = 'Embedded, awaited one by one';

const ID = 'orchestrator-0';

export async function run({ rounds, scale, withProduct }) {
  const count = scale(100_000);
  // Every turn has a state of its own, so that none begins with the history of those before it.
  const contestant = (name, operation, open, each) => {
    let subject;
    return {
      name,
      operation,
      count,
      prepare: async () => {
        await subject?.close?.();
        subject = open();
        await each(subject, 0); // the key exists
      },
      turn: turnCount => oneAtATime(turnCount, index => each(subject, index)),
    };
  };

  const consume = contestant(
    'rate-limiter-flexible consume',
    `consume(key, ${TOKENS_PER_CALL})`,
    memoryLimiter,
    limiter => limiter.consume(ID, TOKENS_PER_CALL),
  );
  const get = contestant(
    'rate-limiter-flexible get',
    'get(key) of a key that exists',
    () => {
      const limiter = memoryLimiter();
      limiter.consume(ID, TOKENS_PER_CALL);
      return limiter;
    },
    limiter => limiter.get(ID),
  );
  const track = (name, operation, config, fields) =>
    contestant(
      name,
      operation,
      () => embeddedTracker(config),
      (tracker, i) => tracker.trackUsage(usage(ID, i, fields)),
    );
  const check = contestant('checkBudget', `checkBudget(id, ${TOKENS_PER_CALL})`, embeddedTracker, tracker =>
    tracker.checkBudget(ID, TOKENS_PER_CALL),
  );
  const reserveAndSettle = contestant(
    'reserve + settle',
    'reserveTokens, then releaseReservation',
    embeddedTracker,
    async tracker => {
      const { reservationId } = await tracker.reserveTokens(ID, TOKENS_PER_CALL);
      await tracker.releaseReservation(reservationId, TOKENS_PER_CALL);
    },
  );
  const tracks = [
    track('trackUsage', 'trackUsage(usage), required fields'),
    track('trackUsage, historyLimit 0', 'trackUsage(usage), no history kept', { historyLimit: 0 }),
    track(
      'trackUsage, requestId',
      'trackUsage(usage) with a new requestId each',
      {},
      { withRequestId: true },
    ),
  ];

  const all = [consume, get, ...(withProduct ? [check, ...tracks, reserveAndSettle] : [])];
  const samples = await measureRounds(all, { rounds, beforeTurn: each => each.prepare() });
  const against = (ours, peer, reach = null) =>
    ratio(`${ours.name} : ${peer.name}`, ours, peer, samples, 'throughput', { reach });
  return {
    measured: [
      ...all.map(each => measured(each, samples, 'throughput')),
      ...all.map(each => measured(each, samples, 'latency')),
    ],
    ratios: withProduct
      ? [
          against(check, consume, { atLeast: 0.5 }),
          against(check, get),
          against(tracks[0], consume, { atLeast: 0.25 }),
          ...tracks.slice(1).map(each => against(each, consume)),
          against(reserveAndSettle, consume),
        ]
      : [],
    notes: [
      'The peer adds to one counter of one window; a tracked usage is three windows, a breakdown and a history.',
    ],
  };
}
