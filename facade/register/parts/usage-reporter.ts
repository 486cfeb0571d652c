/** In place of `dist/budget/usage-reporter.js` of the published package. */
export { UsageReporter } from '../../budget';
