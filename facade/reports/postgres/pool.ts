/** What is asked of a pool of the package `pg`. */
export interface PostgresPool {
  // biome-ignore lint/suspicious/noExplicitAny: pools of every declaration of pg fit
  query(text: string, values?: any[]): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
}

export interface PostgresClient {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  query(text: string, values?: any[]): Promise<PostgresResult>;
  release(error?: Error | boolean): void;
}

export interface PostgresResult {
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the statement selects
  rows: any[];
  rowCount?: number | null;
}
