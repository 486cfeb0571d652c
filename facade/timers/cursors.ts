/** Where a list goes on: in which shard, after which id. */
import { invalid } from '../validate';

export interface Place {
  shard: number;
  after: string;
}

export function cursorOf({ shard, after }: Place): string {
  return Buffer.from(JSON.stringify([shard, after])).toString('base64url');
}

/** Throws `INVALID_ARGUMENT` for what is none of ours. */
export function placeOf(cursor: string, shards: number, at: string): Place {
  try {
    const [shard, after, more] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isShard = Number.isSafeInteger(shard) && (shard as number) >= 0 && (shard as number) < shards;
    if (isShard && typeof after === 'string' && more === undefined) return { shard: shard as number, after };
  } catch {
    // Refused below.
  }
  throw invalid(at, 'the cursor of another page', cursor);
}
