import { asConfig } from '../config/store';
import { Ledger } from '../native';
import type { UsageStorage } from '../types/reports';
import { invalid, object, onlyNames, own } from '../validate';
import type { CostSource } from './cost-source';
import { KeptNames } from './kept-names';
import { LedgerSource } from './ledger-source';
import { newSourceOf, PostgresUsageStorage } from './postgres/storage';
import type { UsageSource } from './source';
import { StorageSource } from './storage-source';

const METHODS = ['saveUsageRecord', 'getUsageRecords', 'deleteOldRecords'] as const;
const PATH_NAMES: ReadonlySet<string> = new Set(['path']);

/** Where records are kept: a path, `{ path }`, a storage, or this process's memory. Throws `INVALID_CONFIG`. */
export function openSource(storage: unknown, costs: CostSource): UsageSource {
  return asConfig(() => {
    if (storage === undefined || storage === null) return ledgerAt(null);
    if (typeof storage === 'string') return ledgerAt(pathAt(storage, 'storage'));
    const given = object(storage, 'storage');
    if (given instanceof PostgresUsageStorage) return newSourceOf(given);
    if (METHODS.every(name => typeof (given as UsageStorage)[name] === 'function')) {
      return new StorageSource(given as UsageStorage, costs);
    }
    const path = own(given, 'path', 'storage');
    if (path !== undefined) {
      onlyNames(given, 'storage', PATH_NAMES);
      return ledgerAt(pathAt(path, 'storage.path'));
    }
    throw invalid('storage', `a path, { path } or an object with ${METHODS.join(', ')}`, storage);
  });
}

function ledgerAt(path: string | null): UsageSource {
  return new KeptNames(new LedgerSource(new Ledger(path)));
}

function pathAt(value: unknown, at: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalid(at, 'the path of a file', value);
}
