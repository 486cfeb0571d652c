import { inFlight } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { orchestrators, usage } from '../harness/usage.mjs';
import { openPublished, withoutReading } from '../peers/published.mjs';

export const title = 'trackUsage against the published tracker, 1,000 in flight on Redis';

const WIDTH = 1000;
const ORCHESTRATOR_COUNTS = [1, 100];
/** Records of each orchestrator in the current windows before a turn begins. */
const HISTORIES = [0, 100, 1000];
// Its operations get slower with every record, so that more of them would only be to its disadvantage.
const PUBLISHED_COUNT = 1000;
const OUR_COUNT = 20_000;
const ROUNDS_MAX = 3;

/** Both sides begin each turn on a server that was emptied and given the same records. */
export async function run(context) {
  const result = { measured: [], ratios: [], notes: NOTES };
  for (const orchestratorCount of ORCHESTRATOR_COUNTS) {
    for (const history of HISTORIES) {
      const part = await measureWith(context, orchestratorCount, history);
      result.measured.push(...part.measured);
      result.ratios.push(...part.ratios);
    }
  }
  return result;
}

async function measureWith({ redis, rounds, scale, withProduct }, orchestratorCount, history) {
  const ids = orchestrators(orchestratorCount);
  const id = index => ids[index % orchestratorCount];
  const each = orchestratorCount === 1 ? '1 orchestrator' : `${orchestratorCount} orchestrators`;
  const records = scale(history * orchestratorCount);
  const words = `${each}, ${history.toLocaleString('en-US')} records each before`;
  const published = await openPublished(redis);
  const ours = withProduct ? await openTracker(redis) : null;
  const contestant = (name, tracker, count, prepare) => ({
    name: `${name}, ${words}`,
    operation: 'trackUsage(usage), required fields',
    count,
    warmUpCount: 100,
    redis,
    async prepare() {
      await redis.flush();
      await prepare(() => inFlight(records, WIDTH, i => tracker.trackUsage(usage(id(i), i))));
    },
    turn: turnCount => inFlight(turnCount, WIDTH, i => tracker.trackUsage(usage(id(i), i))),
  });
  const sides = [
    contestant('published tracker', published, scale(PUBLISHED_COUNT), write =>
      withoutReading(published, write),
    ),
  ];
  if (ours) sides.push(contestant('trackUsage', ours, scale(OUR_COUNT), write => write()));
  const beforeTurn = side => side.prepare();
  const samples = await measureRounds(sides, { rounds: Math.min(rounds, ROUNDS_MAX), beforeTurn });
  await Promise.all([published.disconnect(), ours?.close()]);
  const [theirs, our] = sides;
  const reach = history === HISTORIES.at(-1) ? { atLeast: 200 } : null;
  return {
    measured: sides.map(side => measured(side, samples, 'throughput')),
    ratios: our
      ? [ratio(`${our.name} : published tracker`, our, theirs, samples, 'throughput', { reach })]
      : [],
  };
}

const NOTES = [
  'The published tracker reads all records of the window for every usage: what it does depends on how many there ' +
    'are. A thousand is what an orchestrator that makes a call every four seconds has in an hour.',
  'Records are written before the turn, which is not measured.',
];
