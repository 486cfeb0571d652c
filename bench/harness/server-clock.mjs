const SAMPLES = 50;

/**
 * How far the clock of the server is ahead of `performance.now()`, in milliseconds, from the fastest of some round trips:
 * `offsetMs`, and `errorMs`, half of that round trip.
 */
export async function measureServerClock(client) {
  let best = { offsetMs: 0, errorMs: Number.POSITIVE_INFINITY };
  for (let sample = 0; sample < SAMPLES; sample++) {
    const askedMs = performance.now();
    const [seconds, micros] = await client.time();
    const answeredMs = performance.now();
    const errorMs = (answeredMs - askedMs) / 2;
    if (errorMs >= best.errorMs) continue;
    best = { offsetMs: Number(seconds) * 1000 + Number(micros) / 1000 - (askedMs + answeredMs) / 2, errorMs };
  }
  return best;
}
