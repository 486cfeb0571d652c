import { join } from 'node:path';

/**
 * better-sqlite3 with a file in `folder`: write-ahead log, synced at each commit. It is compiled when it is installed
 * and may be missing: `undefined` then. All its calls hold up the thread; `insert` is one transaction, `insertAll` one for all.
 */
export async function openSqlite(folder) {
  let Database;
  try {
    ({ default: Database } = await import('better-sqlite3'));
  } catch {
    return undefined;
  }
  const database = new Database(join(folder, 'peer.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE log (seq INTEGER PRIMARY KEY, entry TEXT NOT NULL)');
  const statement = database.prepare('INSERT INTO log (entry) VALUES (?)');
  const insert = entry => statement.run(entry);
  return {
    insert,
    insertAll: database.transaction(entries => {
      for (const entry of entries) insert(entry);
    }),
    close: () => database.close(),
  };
}
