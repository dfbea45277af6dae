/** The head of an answer: the status line, the given headers, and those of framing. */

import { STATUS_CODES } from 'node:http';
import { httpDate } from './http-date.ts';

export const continueText = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * @param headers   Names and values, alternating.
 * @param bodyBytes The size of the body; null when it comes in pieces.
 * @param idleTimeoutMs How long the connection is kept for the next request, or null when it ends with this answer.
 */
export function responseHead(
  status: number,
  headers: readonly string[],
  bodyBytes: number | null,
  idleTimeoutMs: number | null,
): string {
  let text = status === 200 ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  if (bodyBytes !== null) text += `Content-Length: ${bodyBytes}\r\n`;
  return text + headEnd(httpDate(), idleTimeoutMs);
}

/** The last end of a head, its date and its timeout: it is the same for a second, for most connections. */
let lastEnd = '';
let endDate = '';
let endTimeoutMs: number | null = null;

function headEnd(date: string, idleTimeoutMs: number | null): string {
  if (date !== endDate || idleTimeoutMs !== endTimeoutMs) {
    endDate = date;
    endTimeoutMs = idleTimeoutMs;
    // In one piece: joined strings are copied piece by piece each time they are written.
    lastEnd = Buffer.from(`Date: ${date}\r\n${connectionFields(idleTimeoutMs)}\r\n`).toString('latin1');
  }
  return lastEnd;
}

// Clients that know the timeout do not send a request into a connection that is just being closed.
const connectionFields = (idleTimeoutMs: number | null): string =>
  idleTimeoutMs === null
    ? 'Connection: close\r\n'
    : `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleTimeoutMs / 1000)}\r\n`;
