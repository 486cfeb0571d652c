import { hasLoneSurrogate } from '../../text';
import { refused } from '../check';

/** A user, an organisation, a group or a workspace, as a part of a path. */
export function ownerPath(owner: unknown): string {
  // An address takes dots for a way to another path, encoded ones as well.
  const isName =
    typeof owner === 'string' &&
    owner.length <= 255 &&
    !/^(?:\s*|\.{1,2})$/.test(owner) &&
    !hasLoneSurrogate(owner);
  if (isName) return encodeURIComponent(owner);
  throw refused('owner', 'a name of 1 to 255 characters of well-formed Unicode, neither . nor ..', owner);
}
