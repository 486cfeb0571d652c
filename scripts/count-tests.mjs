// Prints "<passed> <failed>" of a test report: `node scripts/count-tests.mjs cargo|jest <file>`.
// A report that is missing or says nothing counts 0 0; the caller looks at the exit code as well.
import { existsSync, readFileSync } from 'node:fs';

const [kind, file] = process.argv.slice(2);
const report = existsSync(file) ? readFileSync(file, 'utf8') : '';
const count = { cargo, jest }[kind];
console.log(count(report).join(' '));

function cargo(text) {
  const sums = [0, 0];
  for (const [, passed, failed] of text.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)) {
    sums[0] += Number(passed);
    sums[1] += Number(failed);
  }
  return sums;
}

/** A test file that does not even run counts as one failure. */
function jest(text) {
  if (text === '') {
    return [0, 0];
  }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(text);
  return [numPassedTests, numFailedTests + numRuntimeErrorTestSuites];
}
