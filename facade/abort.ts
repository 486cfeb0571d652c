import { invalid, object, own } from './validate';

/** The `signal` of options, of any realm; `undefined` when none was given. */
export function signalOf(options: object): AbortSignal | undefined {
  const signal = own(options, 'signal', 'options');
  if (signal === undefined) return undefined;
  try {
    const candidate = object(signal, 'options.signal') as AbortSignal;
    if (typeof candidate.aborted === 'boolean' && typeof candidate.addEventListener === 'function') {
      return candidate;
    }
  } catch {
    // Reported below.
  }
  throw invalid('options.signal', 'an AbortSignal', signal);
}

/** What an aborted operation rejects with: the signal's reason, whatever it is. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError');
}
