/** In place of `dist/budget/types.js` of the published package: the only one of its types that exists at run time. */
export { UsageReporterConfigSchema } from '../../budget';
