/**
 * The beginning of errors that concern one request of several; the words are Triton's, which clients and log readers
 * match.
 */

import { shownName } from './request-limits.ts';

/** How errors name a request. */
export const requestPrefix = (id: string): string => `[request id: ${id === '' ? '<id_unknown>' : shownName(id)}] `;
