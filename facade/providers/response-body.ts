import { isStatus } from './body';
import { isError, member, objectMember } from './members';

const BODY_MAX_BYTES = 65_536;
/** A body that comes more slowly is taken for as much as came. */
const READ_MAX_MS = 2000;

/**
 * The source with what the body of its `Response` says, for {@link readSignals}: some providers tell there alone why
 * they refuse, and for how long. A copy is read, so the body stays the caller's; one that was read already, or that
 * belongs to an answer of success, is left alone. Never rejects.
 */
export async function withBody(source: unknown): Promise<unknown> {
  const response = [source, objectMember(source, 'response')].find(isUnread);
  const status = member(response, 'status');
  if (response === undefined || !isStatus(status) || status < 400) return source;
  const body = await textOf(response);
  if (body === '') return source;
  const answer = { status, headers: member(response, 'headers'), url: member(response, 'url'), body };
  return isError(source) ? { ...answer, error: source } : answer;
}

function isUnread(source: unknown): boolean {
  return (
    member(source, 'bodyUsed') === false &&
    typeof member(source, 'clone') === 'function' &&
    objectMember(source, 'body') !== undefined
  );
}

async function textOf(response: unknown): Promise<string> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    reader = (response as Response).clone().body?.getReader() as typeof reader;
    const over = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), READ_MAX_MS);
    });
    const decoder = new TextDecoder();
    let text = '';
    for (let bytes = 0; reader !== undefined && bytes < BODY_MAX_BYTES; ) {
      const part = await Promise.race([reader.read(), over]);
      if (part === undefined || part.done) break;
      bytes += part.value.byteLength;
      text += decoder.decode(part.value, { stream: true });
    }
    return text;
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
    // It settles when the caller has read the body, too: nobody waits for that.
    reader?.cancel().catch(() => {});
  }
}
