/** What the command does with a terminal, and with Ctrl-C. */
import { spawnSync } from 'node:child_process';
import { run, startCommand, startProgram, trace } from './run';

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
const testOnTerminal = hasScript ? test : test.skip;
const why = hasScript ? '' : ' (skipped: no util-linux script)';

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control is what is looked for
const DRAWN = /\r\[[^\r]*\] +\d+% [\d,]+ requests[^\r]*\u001B\[K/g;

/** Standard error is the terminal, standard output a file. */
function onTerminal(args: string, environment = '') {
  const command = `stty cols 60; ${environment} '${process.execPath}' bin/token-budget.js replay ${args} >/dev/null`;
  return startProgram('script', ['-qec', command, '/dev/null'], {
    stdin: '',
    env: { TERM: 'xterm', NO_COLOR: '' },
  }).result;
}

testOnTerminal(`a progress bar on a terminal, and nothing is left of it${why}`, async () => {
  const { code, stdout } = await onTerminal('');
  expect(code).toBe(0);
  expect(stdout.match(DRAWN)?.length).toBeGreaterThan(0);
  expect(stdout.endsWith('\r\u001B[K')).toBe(true);
  expect(stdout).not.toContain('\n');
  expect(stdout).toContain('\u001B[32m');
  for (const line of stdout.split('\r')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal control is what is looked for
    expect(line.replace(/\u001B\[\d*[mK]/g, '').length).toBeLessThan(60);
  }
});

testOnTerminal(`NO_COLOR takes the colour, not the bar${why}`, async () => {
  const { stdout } = await onTerminal('', 'NO_COLOR=1');
  expect(stdout.match(DRAWN)?.length).toBeGreaterThan(0);
  expect(stdout).not.toContain('\u001B[3');
});

testOnTerminal(`no bar with --no-progress, nor on a dumb terminal${why}`, async () => {
  expect((await onTerminal('--no-progress')).stdout).toBe('');
  expect((await onTerminal('', 'TERM=dumb')).stdout).toBe('');
});

test('no bar where standard error is no terminal', async () => {
  expect((await run(['replay'])).stderr).toBe('');
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with the report so far', async (signal, code) => {
  const { child, result } = startCommand(['replay', '-', '--json']);
  // Standard input stays open: the command waits for more. The malformed row says that it has begun.
  child.stdin?.write(trace('2023-11-16 18:00:00,1,2', 'nonsense'));
  await new Promise(resolve => child.stderr?.once('data', resolve));
  child.kill(signal);
  const { code: ended, stdout, stderr } = await result;
  expect(ended).toBe(code);
  expect(stderr).toBe('line 3: expected 3 fields, got 1\n');
  expect(JSON.parse(stdout)).toMatchObject({
    interrupted: true,
    failure: null,
    requests: 1,
    totalTokens: 3,
    malformedRows: 1,
    selfCheck: { agrees: true },
  });
});
