/** In place of `dist/budget/token-tracker.js` of the published package: no name more than that has. */
export { TokenBudgetTracker } from '../../budget';
