import { refused } from '../check';

/** A user, an organisation, a group or a workspace, as a part of a path. */
export function ownerPath(owner: unknown): string {
  if (typeof owner === 'string' && owner.trim() !== '' && owner.length <= 255)
    return encodeURIComponent(owner);
  throw refused('owner', 'a name of 1 to 255 characters', owner);
}
