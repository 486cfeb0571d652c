/** What the command ends with; `token-budget --help` lists them. */
export const EXIT = { fine: 0, failure: 1, usage: 2, reached: 3 } as const;

/** The command was called wrongly; nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something outside failed (a file, a store), in words for whoever called the command. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
