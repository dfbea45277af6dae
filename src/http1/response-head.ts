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
  text += `Date: ${httpDate()}\r\n`;
  if (idleTimeoutMs === null) return `${text}Connection: close\r\n\r\n`;
  // Clients that know the timeout do not send a request into a connection that is just being closed.
  return `${text}Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleTimeoutMs / 1000)}\r\n\r\n`;
}
