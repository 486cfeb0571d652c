import { isError, textMember } from './members';

/** Of version 43; it tries again by itself, and what it throws then keeps neither the response nor its status. */
const GAVE_UP =
  /^Could not successfully complete this request after \d{1,3} retries, last status code: (\d{3})\./;

/** The status of the last response that gitbeaker got before it gave up; `undefined` for any other error. */
export function retriedStatus(source: unknown): number | undefined {
  if (!isError(source) || textMember(source, 'name') !== 'GitbeakerRetryError') return undefined;
  const status = GAVE_UP.exec(textMember(source, 'message') ?? '')?.[1];
  return status === undefined ? undefined : Number(status);
}
