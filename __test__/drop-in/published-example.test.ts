/** The examples of the published budget module, compiled as they are, over our classes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { publishedPackage } from '../support/published';
import { makeProject, type Project, REGISTER } from './support/project';

let project: Project;

beforeAll(() => {
  project = makeProject();
  const source = join(publishedPackage(), 'src/budget/examples/basic-usage.example.ts');
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const folder = join(project.daemon, 'dist/budget/examples');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'basic-usage.example.js'), outputText);
  // Its second example makes up fractions of tokens, which are refused here: then they are whole.
  project.write('whole.cjs', 'Math.random = () => 0.5;');
});
afterAll(() => project.remove());

const EXAMPLE = './node_modules/@wundr.io/orchestrator-daemon/dist/budget/examples/basic-usage.example.js';

test('over the published classes the first one fails', async () => {
  const { output } = await project.node([EXAMPLE]);
  expect(output).toContain('ZodError');
  expect(output).not.toContain('Usage recorded');
});

test.each(['--import', '--require'])('over ours all of them run, under %s', async how => {
  const { code, output } = await project.node([how, REGISTER, '--require', './whole.cjs', EXAMPLE]);
  expect(output).toContain('✓ All examples completed successfully!');
  expect(code).toBe(0);
  for (const line of [
    // As the comments of the examples expect it.
    'Cost: $0.0450',
    'Total tokens: 210,000',
    'Total sessions: 35',
    'Avg tokens/session: 6000',
    'Status after 60% usage: healthy (60.0%)',
    '⚠️  WARNING: orch-frontend at 80.0% of budget',
    '🚨 CRITICAL: orch-frontend exceeded budget!',
    'USD: $0.2500',
    'Custom model cost: $0.2000',
  ]) {
    expect(output).toContain(line);
  }
});

test('fractions of tokens are refused, by the name of the field', async () => {
  const { output } = await project.node(['--import', REGISTER, EXAMPLE]);
  expect(output).toContain('usage.inputTokens: expected an integer');
});
