// A second look at the Jest tests that failed: `node scripts/second-look.mjs files <report>` prints their files, a few at
// most; `join <report> <second report>` writes into the first what the second says of these files, and prints what passed
// only the second time.
import { readFileSync, writeFileSync } from 'node:fs';

/** Where more files fail, something is broken that a second look does not mend. */
const FILES_MAX = 3;

const [what, ...paths] = process.argv.slice(2);
const [first, second] = paths.map(path => JSON.parse(readFileSync(path, 'utf8')));
const failed = first.testResults.filter(({ status }) => status === 'failed');

if (what === 'files') {
  for (const { name } of failed.length > FILES_MAX ? [] : failed) console.log(name);
} else {
  for (const report of failed) {
    const again = second.testResults.find(({ name }) => name === report.name);
    if (again === undefined) continue;
    for (const test of report.assertionResults.filter(({ status }) => status === 'failed')) {
      const passed = again.assertionResults.some(
        ({ fullName, status }) => fullName === test.fullName && status === 'passed',
      );
      if (passed) console.log(`PASSED ONLY THE SECOND TIME: ${test.fullName}\n  in ${report.name}`);
    }
    if (report.assertionResults.length === 0 && again.status === 'passed') {
      console.log(`RAN ONLY THE SECOND TIME: ${report.name}`);
    }
    Object.assign(report, again);
  }
  const tests = first.testResults.flatMap(({ assertionResults }) => assertionResults);
  first.numPassedTests = tests.filter(({ status }) => status === 'passed').length;
  first.numFailedTests = tests.filter(({ status }) => status === 'failed').length;
  first.numRuntimeErrorTestSuites = first.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
  writeFileSync(paths[0], JSON.stringify(first));
}
