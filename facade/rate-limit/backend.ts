import type { WireGrant, WireOutcome } from './wire';

/** A request as a store is asked for it. */
export interface LimitRequest {
  /** `[A-Za-z0-9_-]{1,64}`, unique. */
  id: string;
  inputTokens: number;
  outputTokens: number;
  /** Index in `PRIORITIES`. */
  priority: number;
  /** Empty: nobody's share. */
  agent: string;
}

export interface SettledPermit {
  known: boolean;
  late: boolean;
  inputTokens: number;
  outputTokens: number;
}

/** What a store that needs no promise grants. */
export interface PromptGrant {
  admittedAtMs: number;
  expiresAtMs: number;
}

/** The frequent operations of a store that answers at once. Permits go by their numbers: see `permitId`. */
export interface PromptBackend {
  /** `undefined`: it would have to wait, or can never be made. Nothing is held then. */
  admit(
    number: number,
    inputTokens: number,
    outputTokens: number,
    priority: number,
    agent: string,
    nowMs: number,
  ): PromptGrant | undefined;
  /** All went well, and the response said nothing. */
  settleNumber(
    number: number,
    inputTokens: number,
    outputTokens: number,
    nowMs: number,
  ): Pick<SettledPermit, 'known' | 'late'>;
}

/** Where the operations of one limiter go. What comes in is checked; a method may throw instead of rejecting. */
export interface LimiterBackend {
  /** Where answers come at once. */
  readonly prompt?: PromptBackend;
  /**
   * Waits for a permit; `onWait` is told when there is a line. Aborted by `signal`, the place is given up. Other
   * outcomes than a grant: `refused` (it can never be made) and `lineFull`.
   */
  acquire(
    request: LimitRequest,
    signal: AbortSignal | undefined,
    onWait: (waitMs: number, ahead: number) => void,
  ): Promise<WireGrant | WireOutcome>;
  /** Never waits. */
  tryAcquire(request: LimitRequest): Promise<WireGrant | WireOutcome>;
  /** `signalsJson`: `WireSignals`; `null` when the response said nothing and all went well. */
  settle(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signalsJson: string | null,
  ): Promise<SettledPermit>;
  cancel(id: string): Promise<boolean>;
  /** Any operation, as JSON. */
  query(operationJson: string): Promise<WireOutcome>;
  ping(): Promise<void>;
  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void>;
  /** Called once. Who waits is sent home. */
  close(timeoutMs: number): Promise<void>;
}

export function isGrant(outcome: WireGrant | WireOutcome): outcome is WireGrant {
  return 'id' in outcome;
}
