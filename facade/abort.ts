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

/** What waits for a signal, so that a signal that many operations share has one listener: node warns of more. */
const waiting = new WeakMap<AbortSignal, { listener: () => void; actions: Set<() => void> }>();

/** Runs `action` when the signal is aborted. */
export function whenAborted(signal: AbortSignal, action: () => void): void {
  const known = waiting.get(signal);
  if (known !== undefined) {
    known.actions.add(action);
    return;
  }
  const actions = new Set([action]);
  const listener = () => {
    waiting.delete(signal);
    for (const each of actions) each();
  };
  waiting.set(signal, { listener, actions });
  signal.addEventListener('abort', listener, { once: true });
}

/** Undoes {@link whenAborted}. */
export function stopWaiting(signal: AbortSignal, action: () => void): void {
  const known = waiting.get(signal);
  if (known === undefined) return;
  known.actions.delete(action);
  if (known.actions.size > 0) return;
  waiting.delete(signal);
  signal.removeEventListener('abort', known.listener);
}

/** What an aborted operation rejects with: the signal's reason, whatever it is. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError');
}
