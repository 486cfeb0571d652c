import { CommandError, messageOf, UsageError } from '../exit';
import type { Target } from '../target';
import { scanOrchestrators } from './scan';

export interface Known {
  names: string[];
  /** What the reader should know of the list; `null`: it is complete. */
  note: string | null;
}

/**
 * Those who were named; else those of the configuration, and on a single Redis server those that have keys there. A
 * file and a cluster cannot be asked who is in them.
 */
export async function knownOrchestrators(
  target: Target,
  given: readonly string[],
  timeoutMs: number,
): Promise<Known> {
  if (given.length > 0) return { names: [...new Set(given)], note: null };
  const { config, configured, address } = target;
  let scanned = null;
  if (config.redis !== undefined) {
    try {
      scanned = await scanOrchestrators(config.redis, timeoutMs);
    } catch (error) {
      throw new CommandError(`cannot list the orchestrators at ${address}: ${messageOf(error)}`);
    }
  }
  if (scanned === null) {
    if (configured.length === 0) {
      const where = config.redis === undefined ? 'a file' : 'a cluster, or a server behind Sentinel,';
      throw new UsageError(
        `${where} cannot be asked who is in it: name orchestrators, or --config with them`,
      );
    }
    return { names: [...configured].sort(), note: 'those of the configuration' };
  }
  const names = [...new Set([...scanned.names, ...configured])].sort();
  return { names, note: scanned.complete ? null : 'there are more orchestrators than are listed' };
}
