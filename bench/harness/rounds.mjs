import { mainThreadNs, processNs } from './cpu.mjs';

/**
 * Measures contestants in interleaved rounds: A B C, B C A, C A B, ... Whatever slows the machine for
 * a while slows all of them, and each is as often the first.
 *
 * A contestant is `{ name, operation, count, turn, warmUpCount?, redis? }`: `operation` says in words
 * what one operation is, `turn(count)` does `count` of them. `redis` is the server it talks to.
 *
 * Resolves with a `Map` from name to one sample per round; times are nanoseconds per operation.
 */
export async function measureRounds(contestants, { rounds, beforeTurn = async () => {} }) {
  for (const contestant of contestants) {
    for (let turn = 0; turn < 2; turn++) {
      await beforeTurn(contestant);
      await contestant.turn(contestant.warmUpCount ?? contestant.count);
    }
  }
  const samples = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      await beforeTurn(contestant);
      samples.get(contestant.name).push(await measureTurn(contestant));
    }
  }
  return samples;
}

async function measureTurn({ count, turn, redis }) {
  // Garbage of the turn before is not this one's cost.
  globalThis.gc?.();
  const serverBefore = redis ? await redis.cpuNs() : 0;
  const mainBefore = mainThreadNs();
  const processBefore = processNs();
  const wallBefore = process.hrtime.bigint();
  await turn(count);
  const wall = Number(process.hrtime.bigint() - wallBefore);
  const process_ = processNs() - processBefore;
  const main = mainThreadNs() - mainBefore;
  const server = redis ? (await redis.cpuNs()) - serverBefore : 0;
  return {
    wallNs: wall / count,
    mainThreadNs: main / count,
    processNs: process_ / count,
    serverNs: server / count,
  };
}
