import { invalid, object, own, readingThrew } from './validate';

/** The `signal` of options, of any realm; `undefined` when none was given. */
export function signalOf(options: object): AbortSignal | undefined {
  const signal = own(options, 'signal', 'options');
  return signal === undefined ? undefined : checkedSignal(signal);
}

export function checkedSignal(signal: unknown): AbortSignal {
  try {
    const candidate = object(signal, 'options.signal') as AbortSignal;
    if (
      typeof candidate.aborted === 'boolean' &&
      typeof candidate.addEventListener === 'function' &&
      typeof candidate.removeEventListener === 'function'
    ) {
      return candidate;
    }
  } catch {
    // Reported below.
  }
  throw invalid('options.signal', 'an AbortSignal', signal);
}

export function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  try {
    return signal?.aborted === true;
  } catch (cause) {
    throw readingThrew('options.signal.aborted', cause);
  }
}

/** What waits for a signal, so that a signal that many operations share has one listener: node warns of more. */
const waiting = new WeakMap<AbortSignal, { listener: () => void; actions: Set<() => void> }>();

/** Runs `action` when the signal is aborted. A signal that cannot be listened to is an invalid argument. */
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
  try {
    signal.addEventListener('abort', listener, { once: true });
  } catch (cause) {
    waiting.delete(signal);
    throw invalid('options.signal', 'an AbortSignal, whose addEventListener does not throw', signal, cause);
  }
}

/** Undoes {@link whenAborted}. Never throws: the operation has ended, whatever its signal does. */
export function stopWaiting(signal: AbortSignal, action: () => void): void {
  const known = waiting.get(signal);
  if (known === undefined) return;
  known.actions.delete(action);
  if (known.actions.size > 0) return;
  waiting.delete(signal);
  try {
    signal.removeEventListener('abort', known.listener);
  } catch {
    // A listener that stays finds nothing to do.
  }
}

/** What an aborted operation rejects with: the signal's reason, whatever it is. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason ?? aborted();
  } catch {
    return aborted();
  }
}

function aborted(): DOMException {
  return new DOMException('This operation was aborted', 'AbortError');
}
