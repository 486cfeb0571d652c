import { isAborted, reasonOf } from '../abort';
import type {
  BreakerOperation,
  BreakerOutcome,
  BreakerPolicy,
  BreakerView,
  CoordinationBackend,
} from '../backend/coordination';
import { BreakerLink } from './breaker-link';
import { CircuitOpenError } from './circuit-open-error';
import type { ResetTimer } from './reset-timer';
import { retryAtOf } from './snapshot';
import { Successes } from './successes';

export interface CoreOptions {
  service: string;
  policy: BreakerPolicy;
  backend: CoordinationBackend;
  resetTimer: ResetTimer | undefined;
  onChange(previous: BreakerView, view: BreakerView): void;
}

/** Who may call, and what has to be told of it. */
export class BreakerCore {
  /** Whether a call can be made without a look at anything. */
  isClear = false;
  readonly link: BreakerLink;
  readonly #options: CoreOptions;
  readonly #successes: Successes | undefined;
  #isEnded = false;
  /** The first look at what the store knows. */
  #known: Promise<unknown> | true | undefined;
  /** Whether a success has to be told, for there are failures that it ends. */
  #hasFailures = false;
  /** Reports that are not answered yet, and the failures among them. */
  #underWay = 0;
  #failuresUnderWay = 0;
  /** A failure that may open it is not answered yet: nobody calls until it is. */
  #decisive: Promise<unknown> | undefined;
  /** Somebody in this process asks to probe. */
  #asking: Promise<unknown> | undefined;

  constructor(options: CoreOptions) {
    this.#options = options;
    const { mode } = options.policy;
    this.link = new BreakerLink({ ...options, onView: (previous, view) => this.#see(previous, view) });
    if (mode.is === 'sampling') {
      const everyMs = Math.max(1, Math.floor(mode.with.windowMs / 10));
      this.#successes = new Successes(everyMs, successes => void this.#report(recordOf(successes, 0, null)));
    }
    if (!this.link.isInProcess) return;
    this.#known = true;
    void this.link.ask({ is: 'view' });
  }

  /** Failures as far as this process knows. */
  get failures(): number {
    return this.link.view.failures + this.#failuresUnderWay;
  }

  end(): void {
    this.#isEnded = true;
    this.isClear = false;
    this.#successes?.end();
    this.link.end();
  }

  /** Whose probe a call is, `undefined` when it is none; or why it must not be made. Rejects for `signal` only. */
  async enter(signal: AbortSignal | undefined): Promise<string | undefined | CircuitOpenError> {
    await this.look();
    while (this.#decisive !== undefined) await this.#decisive;
    if (isAborted(signal)) throw reasonOf(signal);
    let found = this.#standing();
    if (found === 'due' && this.#asking !== undefined) {
      await this.#asking;
      if (isAborted(signal)) throw reasonOf(signal);
      found = this.#standing();
    } else if (found === 'due') {
      const holder = this.link.nextHolder();
      if (await this.#askToProbe(holder, signal)) return holder;
      found = this.#standing();
    }
    return found === 'due' ? this.#refusal(this.link.now()) : found;
  }

  /** Asks the store once how the breaker stands. */
  async look(): Promise<void> {
    if (this.#known === true) return;
    this.#known ??= Promise.resolve(this.link.ask({ is: 'view' }));
    await this.#known;
    this.#known = true;
    this.#refresh();
  }

  /** A call ended well. `holder`: whose probe it was. Resolves when the store knows, where it needs to. */
  succeeded(holder: string | undefined): Promise<void> | undefined {
    if (holder !== undefined) return this.#probed(holder, true, null);
    if (this.link.view.state !== 'CLOSED') return undefined;
    if (this.#successes !== undefined) {
      this.#successes.add();
    } else if (this.#hasFailures) {
      this.#hasFailures = false;
      return this.#report(recordOf(1, 0, null));
    }
    return undefined;
  }

  /** A call failed. `resetInMs`: when the provider says that it will be back. */
  failed(holder: string | undefined, resetInMs: number | null): Promise<void> | undefined {
    if (holder !== undefined) return this.#probed(holder, false, resetInMs);
    const { state } = this.link.view;
    // After it opened only a later reset matters.
    if (state === 'HALF_OPEN' || (state === 'OPEN' && resetInMs === null)) return undefined;
    this.#hasFailures = true;
    return this.#report(recordOf(this.#successes?.take() ?? 0, 1, resetInMs));
  }

  /** A probe told nothing of the service. */
  toldNothing(holder: string): Promise<void> | undefined {
    return this.#probed(holder, null, null);
  }

  /** Does what is asked for by hand. Rejects when the store is away. */
  async command(operation: BreakerOperation): Promise<void> {
    const previous = this.link.view;
    this.#follow(previous, await this.link.command(operation));
  }

  #probed(holder: string, succeeded: boolean | null, resetInMs: number | null): Promise<void> | undefined {
    return this.#report({ is: 'probed', with: { holder, succeeded, resetInMs } });
  }

  /** `undefined`: it was answered at once. Never rejects. */
  #report(operation: BreakerOperation): Promise<void> | undefined {
    if (this.#isEnded) return undefined;
    const previous = this.link.view;
    const answer = this.link.ask(operation);
    if (!(answer instanceof Promise)) {
      this.#follow(previous, answer);
      return undefined;
    }
    const failures = operation.is === 'record' ? operation.with.failures : 0;
    this.#underWay += 1;
    this.#failuresUnderWay += failures;
    const told = answer.then(outcome => {
      this.#underWay -= 1;
      this.#failuresUnderWay -= failures;
      if (this.#decisive === told) this.#decisive = undefined;
      this.#refresh();
      this.#follow(previous, outcome);
    });
    if (failures > 0 && this.#mayOpen()) this.#decisive = told;
    this.#refresh();
    return told;
  }

  /** Whether the failures under way may be as many as it takes. */
  #mayOpen(): boolean {
    const { mode } = this.#options.policy;
    const isClosed = this.link.view.state === 'CLOSED';
    return isClosed && mode.is === 'consecutive' && this.failures >= mode.with.threshold;
  }

  /** A round trip; others in this process wait for what becomes of it. */
  async #askToProbe(holder: string, signal: AbortSignal | undefined): Promise<boolean> {
    const previous = this.link.view;
    const answer = this.link.ask({ is: 'probe', with: { holder } }, signal);
    if (!(answer instanceof Promise)) return answer.isGranted;
    const asking = answer.then(
      () => {},
      () => {},
    );
    this.#asking = asking;
    try {
      const outcome = await answer;
      this.#follow(previous, outcome);
      return outcome.isGranted;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  /** `undefined`: it is closed. `due`: a probe may be made. */
  #standing(): undefined | 'due' | CircuitOpenError {
    const { state, openUntilMs, probeUntilMs } = this.link.view;
    if (state === 'CLOSED') return undefined;
    const untilMs = state === 'OPEN' ? openUntilMs : probeUntilMs;
    return this.link.now() < untilMs ? this.#refusal(untilMs) : 'due';
  }

  #refusal(untilMs: number): CircuitOpenError {
    return new CircuitOpenError(this.#options.service, retryAtOf(untilMs));
  }

  #follow(previous: BreakerView, outcome: BreakerOutcome): void {
    if (this.link.isAway) return;
    void this.#options.resetTimer?.follow(previous, outcome, () => this.link.view);
  }

  #see(previous: BreakerView, view: BreakerView): void {
    const hasFailures = view.state === 'CLOSED' && view.failures > 0;
    // What is under way may have come after what the view tells of.
    this.#hasFailures = hasFailures || (this.#hasFailures && this.#underWay > 0);
    if (view.state !== 'CLOSED') this.#successes?.take();
    this.#refresh();
    if (previous.state !== view.state) this.#options.onChange(previous, view);
  }

  #refresh(): void {
    const isClosed = this.link.view.state === 'CLOSED';
    this.isClear = isClosed && this.#known === true && this.#decisive === undefined && !this.#isEnded;
  }
}

function recordOf(successes: number, failures: number, resetInMs: number | null): BreakerOperation {
  return { is: 'record', with: { successes, failures, resetInMs } };
}
