import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, startProgram } from './run';

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([
  [['--help'], 'Usage: token-budget <command>'],
  [['-h'], 'Usage: token-budget <command>'],
  [['replay', '--help'], 'Usage: token-budget replay'],
  [['replay', '-h', '--hourly', '5'], 'Usage: token-budget replay'],
])('%j helps, within 80 columns', async (args, beginning) => {
  const { code, stdout, stderr } = await run(args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.startsWith(beginning)).toBe(true);
  expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
});

test('every option is in the help', async () => {
  const { stdout } = await run(['replay', '--help']);
  const source = readFileSync(join(root, 'dist/cli/replay/options.js'), 'utf8');
  const names = [...source.matchAll(/^ {4}'?([a-z-]+)'?: \{ type: /gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(15);
  expect(names.filter(name => !stdout.includes(`--${name}`))).toEqual([]);
});

test('without a command it explains itself and fails', async () => {
  const { code, stderr } = await run([]);
  expect(code).toBe(2);
  expect(stderr).toContain('Usage: token-budget <command>');
});

test.each([
  [['reply'], 'there is no command "reply"'],
  [['replay', 'a.csv', 'b.csv'], 'expected one trace, got 2'],
  [['replay', '--bogus'], "Unknown option '--bogus'"],
  [['replay', '--hourly'], '--hourly'],
  [['replay', '--hourly=-5'], '--hourly: expected a whole number of tokens'],
  [['replay', '--daily', '1.5'], '--daily: expected a whole number of tokens'],
  [['replay', '--monthly', '9007199254740992'], '--monthly: expected a whole number of tokens'],
  [['replay', '--estimate', 'psychic'], '--estimate: expected exact'],
  [['replay', '--threshold', '50'], '--threshold: expected fractions'],
  [['replay', '--threshold', '0'], '--threshold: expected fractions'],
  [['replay', '--time-zone', 'Mars/Base'], '--time-zone: expected an IANA name'],
  [['replay', '--history', 'all'], '--history: expected a whole number'],
  [['replay', '--concurrency', '8'], '--concurrency needs --redis'],
  [['replay', '--prefix', 'p'], '--prefix needs --redis'],
  [['replay', '--cluster'], '--cluster needs --redis'],
  [['replay', '--redis', 'redis://h', '--ca', 'ca.pem'], '--ca needs a rediss:// address'],
  [['replay', '--redis', 'redis://h', '--concurrency', '0'], '--concurrency: expected a whole number'],
  [['replay', '--redis', 'redis://h', '--cluster', '--sentinel', 'm'], 'exclude each other'],
  [['replay', '--redis', 'http://u:secret@h'], '--redis: expected redis://'],
  [['replay', '--redis', 'localhost:6379'], '--redis: expected redis://'],
  [['replay', '--orchestrator', ''], 'orchestratorId'],
])('%j is refused', async (args, message) => {
  const { code, stdout, stderr } = await run(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(message);
  expect(stderr).toContain('--help');
  expect(stderr).not.toContain('secret');
  expect(stderr).not.toContain('    at ');
});

test('what was committed as the sample is what its script makes', async () => {
  const { result } = startProgram(process.execPath, ['samples/make-llm-trace.mjs', '--check'], { stdin: '' });
  expect(await result).toEqual({ code: 0, stdout: '', stderr: '' });
});
