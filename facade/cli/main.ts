/** The command `token-budget`; `bin/token-budget.js` calls `main`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TokenBudgetError } from '../errors';
import { CommandError, EXIT, messageOf, UsageError } from './exit';
import { HELP, REPLAY_HELP } from './help';
import { ignoreClosedPipe, write } from './output';
import { readOptions } from './replay/options';

interface Command {
  help: string;
  /** Returns the exit code. */
  run(args: string[]): Promise<number>;
}

/** Loaded when they are called. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<string, () => Promise<Command>>([
  ['status', () => import('./status/command.js')],
  ['top', () => import('./top/command.js')],
  ['statusline', () => import('./statusline/command.js')],
  ['override', () => import('./override/command.js')],
  ['release', () => import('./release/command.js')],
  ['report', () => import('./report/command.js')],
  ['serve', () => import('./serve/command.js')],
]);

/** Runs the command and returns its exit code. Never rejects. */
export async function main(args: string[]): Promise<number> {
  ignoreClosedPipe(process.stdout, process.stderr);
  try {
    return await run(args);
  } catch (error) {
    const usage = isUsage(error);
    const name = args[0] ?? '';
    const command = name === 'replay' || COMMANDS.has(name) ? `${name} ` : '';
    const hint = usage ? `See token-budget ${command}--help\n` : '';
    await write(process.stderr, `token-budget: ${explain(error)}\n${hint}`);
    return usage ? EXIT.usage : EXIT.failure;
  }
}

async function run([command, ...rest]: string[]): Promise<number> {
  switch (command) {
    case 'replay': {
      const options = readOptions(rest);
      if (options === null) {
        return print(REPLAY_HELP);
      }
      // Loaded late: help and mistakes are answered without the addon.
      const { replay } = await import('./replay/command.js');
      return replay(options);
    }
    case '-h':
    case '--help':
    case 'help':
      return print(HELP);
    case '-v':
    case '--version':
      return print(`${version()}\n`);
    case undefined:
      await write(process.stderr, HELP);
      return EXIT.usage;
    default: {
      const load = COMMANDS.get(command);
      if (load !== undefined) return call(await load(), rest);
      throw new UsageError(`there is no command ${JSON.stringify(command)}`);
    }
  }
}

/** Help is answered whatever else stands there. */
function call({ help, run: runCommand }: Command, args: string[]): Promise<number> {
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  return options.includes('--help') || options.includes('-h') ? print(help) : runCommand(args);
}

async function print(text: string): Promise<number> {
  await write(process.stdout, text);
  return EXIT.fine;
}

/** From `dist/cli`. */
function version(): string {
  const manifest = readFileSync(join(__dirname, '../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** What the tracker refuses of what it was given came from the command line. */
function isUsage(error: unknown): boolean {
  return (
    error instanceof UsageError ||
    (error instanceof TokenBudgetError && /^INVALID_(CONFIG|ARGUMENT)$/.test(error.code))
  );
}

/** A mistake of ours keeps its stack; everything foreseen is one line. */
function explain(error: unknown): string {
  const foreseen =
    error instanceof UsageError ||
    error instanceof CommandError ||
    error instanceof TokenBudgetError ||
    (error as NodeJS.ErrnoException | null)?.code !== undefined;
  if (!foreseen && error instanceof Error) return error.stack ?? error.message;
  return messageOf(error)
    .trim()
    .replace(/\s*\n\s*/g, ' ');
}
