import { summarize } from './statistics.mjs';

/** Kinds of figures, all per operation: how a sample becomes the printed value, and which way is better. */
export const KINDS = {
  latency: { of: 'time', unit: 'µs', value: sample => sample.wallNs / 1e3, moreIsBetter: false },
  throughput: { of: 'throughput', unit: 'op/s', value: sample => 1e9 / sample.wallNs, moreIsBetter: true },
  mainThread: {
    of: 'main thread CPU',
    unit: 'µs',
    value: sample => sample.mainThreadNs / 1e3,
    moreIsBetter: false,
  },
  process: { of: 'process CPU', unit: 'µs', value: sample => sample.processNs / 1e3, moreIsBetter: false },
  server: { of: 'server CPU', unit: 'µs', value: sample => sample.serverNs / 1e3, moreIsBetter: false },
};

/** A measured value of one contestant, for the first table. */
export function measured(contestant, samples, kind, { note = '' } = {}) {
  const { of, unit, value } = KINDS[kind];
  return {
    name: contestant.name,
    of,
    operation: contestant.operation,
    operationsPerTurn: contestant.count,
    unit,
    ...summarize(samples.get(contestant.name).map(value)),
    note,
  };
}

/**
 * Ours against a peer. The ratio is taken in each round and their median is the figure: both sides of
 * one ratio were measured within a second or two of each other, so a slow minute slows both.
 */
export function ratio(label, ours, peer, samples, kind, { reach = null, note = '' } = {}) {
  const { value } = KINDS[kind];
  const peerValues = samples.get(peer.name).map(value);
  const ratios = samples.get(ours.name).map((sample, round) => value(sample) / peerValues[round]);
  return ratioRow(label, ours.name, peer.name, ratios, { reach, note });
}

export function ratioRow(label, ours, peer, ratios, { reach = null, note = '' } = {}) {
  const summary = summarize(ratios);
  return { label, ours, peer, ...summary, reach, verdict: verdict(summary.median, reach), note };
}

/** `{ atMost }` or `{ atLeast }`; without a reach a row only informs. */
function verdict(figure, reach) {
  if (reach === null) return 'info';
  return (reach.atMost === undefined ? figure >= reach.atLeast : figure <= reach.atMost) ? 'pass' : 'miss';
}

/** The contestant with the best median: peers are compared at their best. */
export function best(contestants, samples, kind) {
  const { value, moreIsBetter } = KINDS[kind];
  const score = contestant =>
    summarize(samples.get(contestant.name).map(value)).median * (moreIsBetter ? 1 : -1);
  return contestants.reduce((left, right) => (score(right) > score(left) ? right : left));
}
