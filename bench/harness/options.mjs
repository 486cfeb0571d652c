import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run bench -- [options]

  --only <figure>     only this one; repeatable. Figures: FIGURES
  --rounds <n>        measured turns of each side (default 15)
  --records <n>       of the figure reports (default 1,000,000)
  --quick             a tenth of the operations, 3 rounds: to see that it works, not for figures
  --peers             only the peers; needs no build of this package
  --assert            end with 1 when a figure misses its reach
  --unpinned          do not hold server and client to a core each where that matters
  --redis <path>      the server's executable (default redis-server; valkey-server works too)
  --node <flag>       a flag of node for the measuring process, as --node=--cpu-prof; repeatable
  --help`;

/** What the command line asks for. */
export function readOptions(argv, figureNames) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      records: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      assert: { type: 'boolean', default: false },
      unpinned: { type: 'boolean', default: false },
      redis: { type: 'string', default: 'redis-server' },
      node: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = values.only.find(name => !figureNames.includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: one of ${figureNames.join(', ')}`);
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 15));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds: a whole number from 1');
  const records = values.records === undefined ? undefined : Number(values.records);
  if (records !== undefined && !(Number.isInteger(records) && records >= 1)) {
    throw new Error('--records: a whole number from 1');
  }
  return { ...values, rounds, records, only: values.only.length > 0 ? values.only : figureNames };
}
