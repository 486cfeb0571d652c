// Four processes reserve from one budget on Redis at the same time: 400 reservations of 100 tokens on a
// budget of 10,000. Exactly 100 are granted, whoever comes first.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TokenBudgetTracker } from '@wundr.io/token-budget';

const PROCESSES = 4;
const RESERVATIONS_EACH = 100;

function connect(keyPrefix) {
  const url = process.env.REDIS_URL ?? 'redis://localhost:6379';
  return new TokenBudgetTracker({ defaultBudget: { hourly: 10_000 }, redis: { url, keyPrefix } });
}

async function worker(keyPrefix) {
  const tracker = connect(keyPrefix);
  await tracker.ready();
  process.send('ready');
  await once(process, 'message');
  const reservations = await Promise.all(
    Array.from({ length: RESERVATIONS_EACH }, () => tracker.reserveTokens('shared', 100)),
  );
  const granted = reservations.filter(reservation => reservation.success);
  process.send(granted.length);
  await once(process, 'message');
  // Half of each was used in the end; what was not used is given back.
  await Promise.all(granted.map(({ reservationId }) => tracker.releaseReservation(reservationId, 50)));
  await tracker.close();
  process.disconnect();
}

async function parent() {
  const keyPrefix = `example:${randomUUID()}`;
  const children = Array.from({ length: PROCESSES }, () => fork(fileURLToPath(import.meta.url), [keyPrefix]));
  const ended = children.map(child => once(child, 'exit'));
  for (const child of children) {
    child.once('exit', code => code === 0 || process.exit(1));
  }
  /** Says `message` to all, unless it is `null`, and waits for the answer of each. */
  const ask = message =>
    Promise.all(
      children.map(async child => {
        const answer = once(child, 'message');
        if (message !== null) {
          child.send(message);
        }
        return (await answer)[0];
      }),
    );

  await ask(null);
  const granted = (await ask('reserve')).reduce((sum, count) => sum + count, 0);
  for (const child of children) {
    child.send('settle');
  }
  await Promise.all(ended);

  const tracker = connect(keyPrefix);
  const { totalUsed, remaining } = await tracker.getUsageStats('shared');
  console.log(`granted ${granted} of ${PROCESSES * RESERVATIONS_EACH}; used ${totalUsed}, ${remaining} left`);
  await tracker.close();
}

await (process.argv[2] === undefined ? parent() : worker(process.argv[2]));
