import { ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import Opossum from 'opossum';

/** cockatiel, which opens after `threshold` failures in a row, as ours does. */
export function openCockatiel(call, threshold, resetAfterMs) {
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: resetAfterMs,
    breaker: new ConsecutiveBreaker(threshold),
  });
  return {
    name: 'cockatiel',
    operation: 'policy.execute(() => promise), ConsecutiveBreaker',
    each: () => policy.execute(call),
  };
}

/**
 * opossum with its defaults, but without a time-out, for no other side has one; and without all that its documentation
 * says can be left out for speed. It knows no failures in a row, only shares of a window.
 */
export function openOpossums(call, resetAfterMs) {
  const lean = { rollingPercentilesEnabled: false, enableSnapshots: false };
  return [
    ['opossum', 'no time-out', {}],
    ['opossum, lean', 'no time-out, percentiles or snapshots', lean],
  ].map(([name, words, options]) => {
    const breaker = new Opossum(call, { timeout: false, resetTimeout: resetAfterMs, ...options });
    return {
      name,
      operation: `breaker.fire(), ${words}`,
      each: () => breaker.fire(),
      close: () => breaker.shutdown(),
    };
  });
}
