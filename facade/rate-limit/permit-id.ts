/** Ids of permits: `<client>-<number>`. Another process can end a permit by its id. */

const NOT_A_WORD = /[^A-Za-z0-9]/g;

/** What the ids of all permits of one client begin with. */
export function permitIdPrefix(clientId: string): string {
  return `${clientId.replace(NOT_A_WORD, '')}-`;
}

/** The addon writes the same where only a number crosses. */
export function permitId(prefix: string, number: number): string {
  return prefix + number.toString(36);
}
