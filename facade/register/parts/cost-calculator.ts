/** In place of `dist/budget/cost-calculator.js` of the published package. */
export { CostCalculator, getCostCalculator } from '../../budget';
