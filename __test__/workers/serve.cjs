'use strict';

/**
 * The child's side of `support/process.ts`: answers calls of the test with the functions given, by name.
 * What they return (or resolve to) must survive JSON.
 */
exports.serve = functions => {
  process.on('message', async ({ id, do: name, with: argument }) => {
    try {
      process.send({ id, answer: await functions[name](argument) });
    } catch (error) {
      process.send({ id, error: { name: error.name, message: error.message, code: error.code } });
    }
  });
};

/** Tells the test something it did not ask for. */
exports.report = value => process.send({ report: value });
