/** Which store a command looks at, and with which budgets. */
import { existsSync, readFileSync } from 'node:fs';
import { TokenBudgetError } from '../errors';
import { TokenBudgetTracker } from '../tracker';
import type { BudgetConfig, RedisOptions } from '../types/config';
import type { BudgetPrices, Money } from '../types/money';
import type { GivenMoney } from './amount';
import { parseArguments, readBudgetList } from './arguments';
import { CommandError, messageOf, UsageError } from './exit';
import { readStore } from './replay/store-options';

/** Options of every command that looks into a store. */
export const TARGET_OPTIONS = {
  redis: { type: 'string' },
  ca: { type: 'string' },
  cluster: { type: 'boolean' },
  sentinel: { type: 'string' },
  prefix: { type: 'string' },
  storage: { type: 'string' },
  config: { type: 'string' },
  budget: { type: 'string', multiple: true },
  currency: { type: 'string' },
  'time-zone': { type: 'string' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** For the help of each. */
export const TARGET_HELP = `Store (one of them; the environment where no option names one):
  --redis <url>            redis://user:password@host:port/db, rediss:// for TLS
                           (TOKEN_BUDGET_REDIS)
  --ca <file>              PEM of who signed the server's certificate
                           (TOKEN_BUDGET_CA)
  --cluster                the address is a node of a Redis Cluster
  --sentinel <name>        the address is a Sentinel; the primary is called name
  --prefix <text>          begins every key (default orchestrator;
                           TOKEN_BUDGET_PREFIX)
  --storage <path>         the file of a store on disk, which one process at a
                           time can open (TOKEN_BUDGET_STORAGE)
  --timeout <duration>     how long to wait for it (default 5s)

Budgets (those that were set with setBudget are in the store):
  --config <file.json>     the configuration of the trackers: budgets, time
                           zone, thresholds, store (TOKEN_BUDGET_CONFIG)
  --budget <list>          of every orchestrator without its own, such as
                           hourly=5M,dailyCost=25.00USD
  --currency <code>        in which the store counts money (default that of the
                           configuration, of --budget, else USD)
  --time-zone <name>       where hours, days and months begin (default UTC)
`;

export interface TargetValues {
  redis?: string;
  ca?: string;
  cluster?: boolean;
  sentinel?: string;
  prefix?: string;
  storage?: string;
  config?: string;
  budget?: string[];
  currency?: string;
  'time-zone'?: string;
}

export interface Target {
  config: BudgetConfig;
  /** For people: without user and password. */
  address: string;
  /** Those that have budgets of their own in the configuration. */
  configured: string[];
}

/** Commands name amounts, never a model that has a price: no rate of the currency is needed. */
const NO_PRICES: BudgetPrices = { reserveMicros: () => null, usageMicros: () => null };

/**
 * `cost`: an amount that the command is given; where nothing else says so, the store counts in its currency. Throws
 * `UsageError`, naming the option or the variable.
 */
export function readTarget(
  values: TargetValues,
  env: NodeJS.ProcessEnv,
  timeoutMs = 5000,
  cost: GivenMoney | null = null,
): Target {
  const file = values.config ?? filled(env.TOKEN_BUDGET_CONFIG);
  const given = file === undefined ? {} : readConfigFile(file);
  const store = storeOf(values, env, given);
  const told = values.currency?.toUpperCase() ?? given.currency;
  const { budget, currency: known } = readBudgetList(values.budget ?? [], '--budget', told);
  const currency = known ?? cost?.currency ?? undefined;
  const config: BudgetConfig = {
    ...withoutStore(given),
    ...store.config,
    connectTimeout: timeoutMs,
    commandTimeout: Math.min(timeoutMs, given.commandTimeout ?? 2000),
    ...(values.budget !== undefined && { defaultBudget: budget }),
    ...(currency !== undefined && { currency, priceSource: NO_PRICES }),
    ...(values['time-zone'] !== undefined && { timeZone: values['time-zone'] }),
  };
  return { config, address: store.address, configured: namesIn(given) };
}

/** In the currency of the store, unless it names its own. */
export function moneyIn(given: GivenMoney | null, { config }: Target): Money | undefined {
  if (given === null) return undefined;
  return { amount: given.amount, currency: given.currency ?? config.currency ?? 'USD' };
}

/** Reads `args`, with the options of every command that looks into a store. */
export function parseTargetArguments<T extends Parameters<typeof parseArguments>[1]>(
  args: string[],
  options: T,
) {
  return parseArguments(args, { ...TARGET_OPTIONS, ...options });
}

/** Opens a tracker for `work`, waits for its store, and closes it whatever happens. */
export async function withTracker<T>(
  target: Target,
  work: (tracker: TokenBudgetTracker) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const tracker = new TokenBudgetTracker(target.config);
  try {
    await connect(tracker, target, signal);
    return await work(tracker);
  } finally {
    await tracker.close({ timeout: 1000 }).catch(() => {});
  }
}

async function connect(
  tracker: TokenBudgetTracker,
  { address }: Target,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await tracker.ready(signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted || (error instanceof TokenBudgetError && error.code === 'INVALID_CONFIG'))
      throw error;
    throw new CommandError(`cannot reach the store at ${address}: ${messageOf(error)}`);
  }
}

interface FoundStore {
  config: Pick<BudgetConfig, 'redis' | 'storage'>;
  address: string;
}

/** An option, else the configuration, else the environment. */
function storeOf(values: TargetValues, env: NodeJS.ProcessEnv, given: BudgetConfig): FoundStore {
  if (values.redis !== undefined && values.storage !== undefined) {
    throw new UsageError('--redis and --storage exclude each other');
  }
  if (values.redis !== undefined) return redisStore(values.redis, values, env);
  if (values.storage !== undefined) return fileStore(values.storage, '--storage');
  if (given.redis !== undefined) {
    const prefix = values.prefix ?? filled(env.TOKEN_BUDGET_PREFIX);
    const redis: RedisOptions = { ...given.redis, ...(prefix !== undefined && { keyPrefix: prefix }) };
    return { config: { redis }, address: 'the redis of the configuration' };
  }
  if (given.storage !== undefined) {
    const path = typeof given.storage === 'string' ? given.storage : given.storage?.path;
    return fileStore(String(path), '--config: storage');
  }
  const redis = filled(env.TOKEN_BUDGET_REDIS);
  if (redis !== undefined) {
    try {
      return redisStore(redis, values, env);
    } catch (error) {
      const named = error instanceof UsageError && error.message.startsWith('--redis');
      throw named ? new UsageError(error.message.replace('--redis', 'TOKEN_BUDGET_REDIS')) : error;
    }
  }
  const storage = filled(env.TOKEN_BUDGET_STORAGE);
  if (storage !== undefined) return fileStore(storage, 'TOKEN_BUDGET_STORAGE');
  throw new UsageError('name a store: --redis, --storage, or TOKEN_BUDGET_REDIS in the environment');
}

function redisStore(redis: string, values: TargetValues, env: NodeJS.ProcessEnv): FoundStore {
  const ca = values.ca ?? filled(env.TOKEN_BUDGET_CA);
  const store = readStore({
    redis,
    prefix: values.prefix ?? filled(env.TOKEN_BUDGET_PREFIX) ?? 'orchestrator',
    ...(values.cluster !== undefined && { cluster: values.cluster }),
    ...(values.sentinel !== undefined && { sentinel: values.sentinel }),
    ...(ca !== undefined && { ca }),
  });
  if (store === null) throw new UsageError('--redis: expected an address');
  return { config: { redis: store.redis }, address: store.address };
}

/** A file that is not there would be made, and tell that nothing was ever used. */
function fileStore(path: string, option: string): FoundStore {
  if (!existsSync(path)) throw new CommandError(`${option}: there is no file ${JSON.stringify(path)}`);
  return { config: { storage: path }, address: path };
}

function readConfigFile(path: string): BudgetConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`--config: ${messageOf(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the file, in which there may be a password.
    throw new UsageError(`--config: ${path} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`--config: ${path} is not a JSON object`);
  }
  return value as BudgetConfig;
}

function withoutStore({ redis: _redis, storage: _storage, memory: _memory, ...rest }: BudgetConfig) {
  return rest;
}

function namesIn({ orchestratorBudgets }: BudgetConfig): string[] {
  return typeof orchestratorBudgets === 'object' && orchestratorBudgets !== null
    ? Object.keys(orchestratorBudgets)
    : [];
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
