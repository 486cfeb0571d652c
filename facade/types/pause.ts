/** Options of `pauseOrchestrator`. */
export interface PauseOptions {
  /** Why; at most 4,096 bytes. */
  reason?: string;
  /** When it ends by itself, by the store's clock. Default: when somebody resumes. In the past it pauses nothing. */
  until?: Date;
  /** Who; at most 1,024 bytes. */
  pausedBy?: string;
}

/** An orchestrator that is granted nothing. What it uses is recorded all the same. */
export interface OrchestratorPause extends PauseOptions {
  orchestratorId: string;
  /** By the store's clock. */
  pausedAt: Date;
}
