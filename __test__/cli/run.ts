import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const root = resolve(__dirname, '../..');

export interface Result {
  /** The exit code, or the signal's name. */
  code: number | string;
  stdout: string;
  stderr: string;
}

export interface Command {
  child: ChildProcess;
  result: Promise<Result>;
}

/** Starts `token-budget` of the built package. Its standard input stays open when `stdin` is left out. */
export function startCommand(
  args: readonly string[],
  { stdin, env }: { stdin?: string | Buffer; env?: NodeJS.ProcessEnv } = {},
): Command {
  return startProgram(process.execPath, [resolve(root, 'bin/token-budget.js'), ...args], { stdin, env });
}

export function startProgram(
  command: string,
  args: readonly string[],
  { stdin, env }: { stdin?: string | Buffer; env?: NodeJS.ProcessEnv } = {},
): Command {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  if (stdin !== undefined) {
    child.stdin.end(stdin);
  }
  const result = new Promise<Result>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code: code ?? signal ?? 'unknown', stdout, stderr }));
  });
  return { child, result };
}

export function run(args: readonly string[], stdin: string | Buffer = ''): Promise<Result> {
  return startCommand(args, { stdin }).result;
}

/** The report of `replay --json`; fails when the command did. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests look at
export async function report(args: readonly string[], stdin: string | Buffer = ''): Promise<any> {
  const { code, stdout, stderr } = await run(['replay', ...args, '--json'], stdin);
  if (code !== 0) {
    throw new Error(`ended with ${code}: ${stderr}`);
  }
  return JSON.parse(stdout);
}

/** A trace with the usual header. */
export function trace(...rows: string[]): string {
  return `${['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows].join('\n')}\n`;
}
