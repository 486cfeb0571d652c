// What the modules of the page share.
export const state = {
  /** The latest snapshot; `null` before the first. */
  snapshot: null,
  /** How far the clock of the server is ahead of ours. */
  aheadMs: 0,
  connected: false,
};

export const now = () => Date.now() + state.aheadMs;

/** Of one period, over orchestrators. */
export const total = (ones, period, key) =>
  ones.reduce((sum, one) => sum + (one.windows.find(window => window.period === period)?.[key] ?? 0), 0);
