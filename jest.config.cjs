'use strict';

/** Tests run against the built package (`npm run build`), never against the sources of the facade. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__test__/**/*.test.ts'],
  transform: {
    // Types are checked by `npm run check:typescript`; here they are only removed.
    '\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.json', diagnostics: false }],
  },
  moduleNameMapper: {
    '^@wundr\\.io/token-budget$': '<rootDir>/dist/index.js',
    '^@wundr\\.io/token-budget/(.*)$': '<rootDir>/dist/$1.js',
  },
  modulePathIgnorePatterns: ['<rootDir>/npm/', '<rootDir>/target/'],
  testTimeout: 30_000,
  maxWorkers: 2,
};
