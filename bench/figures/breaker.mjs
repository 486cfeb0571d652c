import { oneAtATime } from '../harness/in-flight.mjs';
import { loadEntry } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { best, measured, ratio } from '../harness/rows.mjs';
import { openCockatiel, openOpossums } from '../peers/breakers.mjs';

export const title = 'A call through a closed circuit breaker, in this process, awaited one by one';

const THRESHOLD = 5;
const RESET_AFTER_MS = 300_000;

export async function run({ rounds, scale, withProduct }) {
  // The call itself costs nothing, so that what is seen is the breaker.
  const answer = Promise.resolve('answer');
  const call = () => answer;
  const contestant = ({ name, operation, each }) => ({
    name,
    operation,
    count: scale(100_000),
    turn: count => oneAtATime(count, each),
  });

  const plain = contestant({ name: 'no breaker', operation: 'await call()', each: call });
  const cockatiel = contestant(openCockatiel(call, THRESHOLD, RESET_AFTER_MS));
  const opossums = openOpossums(call, RESET_AFTER_MS);
  const fires = opossums.map(contestant);
  const breaker = withProduct ? openBreaker() : null;
  await breaker?.ready();
  const ours = breaker
    ? contestant({
        name: 'CircuitBreaker',
        operation: 'breaker.execute(() => promise)',
        each: () => breaker.execute(call),
      })
    : null;

  const all = [plain, cockatiel, ...fires, ...(ours ? [ours] : [])];
  const samples = await measureRounds(all, { rounds });
  if (breaker && breaker.state !== 'CLOSED') throw new Error(`The breaker is ${breaker.state}`);
  await breaker?.close();
  for (const each of opossums) each.close();

  const opossum = best(fires, samples, 'throughput');
  const against = (peer, reach) =>
    ratio(`${ours.name} : ${peer.name}`, ours, peer, samples, 'throughput', { reach });
  return {
    measured: ['throughput', 'latency'].flatMap(kind => all.map(each => measured(each, samples, kind))),
    ratios: ours
      ? [against(cockatiel, { atLeast: 1 }), against(opossum, { atLeast: 1 }), against(plain, null)]
      : [],
    notes: ['The call is a promise that is fulfilled already: a real one takes a thousand times as long.'],
  };
}

function openBreaker() {
  const { CircuitBreaker } = loadEntry('timers');
  return new CircuitBreaker('bench', { threshold: THRESHOLD, resetAfter: RESET_AFTER_MS });
}
