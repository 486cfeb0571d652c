import { createDashboard } from '../../serve/dashboard';
import { isLoopback } from '../../serve/options';
import type { DashboardOptions } from '../../serve/types';
import { readInteger } from '../amount';
import { readDuration } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { type Known, knownOrchestrators } from '../known/names';
import { write } from '../output';
import { Interrupt } from '../replay/interrupt';
import { openReporter } from '../report/reporter';
import { parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';

export const help = `Usage: token-budget serve [options] [orchestrator...]

A page about budgets: windows, thresholds, reservations, and with a ledger cost
over time and anomalies. Also /metrics for Prometheus, /api/snapshot and
/api/report as JSON, /events as server-sent events. It only reads, and needs
nothing from the internet. Writes its address, and runs until it is ended.

Server:
  --port <n>               default 0: any free port
  --host <address>         default 127.0.0.1; any but a loopback address needs
                           a token
  --token <text>           must be told by whoever looks, 16 characters at
                           least: http://host:port/?token=..., or the header
                           Authorization: Bearer ... (TOKEN_BUDGET_TOKEN keeps
                           it out of the list of processes)
  --allow-host <name>      a name by which browsers may call it, beside
                           localhost; may be repeated
  --ledger <path>          of a UsageReporter (TOKEN_BUDGET_LEDGER)

${TARGET_HELP}
  -h, --help               this page

Example:
  token-budget serve --redis redis://localhost --budget hourly=100k --port 7070
`;

export const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  token: { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  ledger: { type: 'string' },
} as const;

const PORT_MAX = 65_535;
/** Listing walks over the keys of the server. */
const NAMES_LAST_MS = 5000;
const ALIVE_MS = 2 ** 30;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const port = readInteger(values.port ?? '0', '--port', 0, PORT_MAX);
  const host = values.host ?? '127.0.0.1';
  const token = values.token ?? (process.env.TOKEN_BUDGET_TOKEN || undefined);
  if (token === undefined && !isLoopback(host)) {
    throw new UsageError('--host: any but a loopback address needs --token or TOKEN_BUDGET_TOKEN');
  }
  const timeoutMs = readDuration(values.timeout ?? '5s', '--timeout');
  const target = readTarget(values, process.env, timeoutMs);
  const interrupt = new Interrupt();
  try {
    return await withTracker(
      target,
      async tracker => {
        const names = lasting(() => knownOrchestrators(target, positionals, timeoutMs));
        await names();
        const ledger = values.ledger ?? (process.env.TOKEN_BUDGET_LEDGER || undefined);
        const reporter = ledger === undefined ? undefined : openReporter(ledger);
        try {
          const options: DashboardOptions = {
            tracker,
            orchestrators: names,
            ...(token !== undefined && { token }),
            ...(values['allow-host'] !== undefined && { allowedHosts: values['allow-host'] }),
            ...(reporter !== undefined && { reporter }),
          };
          await serveUntil(options, { port, host }, interrupt.signal);
        } finally {
          await reporter?.close();
        }
        return interrupt.exitCode ?? EXIT.fine;
      },
      interrupt.signal,
    );
  } catch (error) {
    // Ended while it still connected.
    if (interrupt.exitCode !== null && interrupt.signal.aborted) return interrupt.exitCode;
    throw error;
  } finally {
    interrupt.stopListening();
  }
}

async function serveUntil(
  options: DashboardOptions,
  listening: { port: number; host: string },
  signal: AbortSignal,
): Promise<void> {
  const dashboard = createDashboard(options);
  // Neither the server nor the tracker keeps a process alive.
  const alive = setInterval(() => {}, ALIVE_MS);
  try {
    const { url } = await dashboard.listen(listening).catch(error => {
      throw listenFailure(error, listening);
    });
    await write(process.stdout, `${url}\n`);
    if (!signal.aborted) {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
  } finally {
    clearInterval(alive);
    await dashboard.close();
  }
}

/** An address that is taken is no mistake in the arguments. */
function listenFailure(error: unknown, { host, port }: { port: number; host: string }): unknown {
  const { code } = ((error as { cause?: unknown } | null)?.cause ?? {}) as NodeJS.ErrnoException;
  return code === undefined ? error : new CommandError(`--port: cannot listen on ${host}:${port} (${code})`);
}

/** The names, looked up again after a while; an old list is better than none. */
function lasting(look: () => Promise<Known>): () => Promise<string[]> {
  let known: string[] | null = null;
  let atMs = 0;
  return async () => {
    if (known !== null && performance.now() - atMs < NAMES_LAST_MS) return known;
    try {
      known = (await look()).names;
    } catch (error) {
      if (known === null) throw error;
    }
    atMs = performance.now();
    return known as string[];
  };
}
