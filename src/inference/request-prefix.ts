/**
 * The beginning of errors that concern one request of several; the words are Triton's, which clients and log readers
 * match.
 */

import { shownText } from '../shown-text.ts';

/** How errors name a request. */
export const requestPrefix = (id: string): string => `[request id: ${id === '' ? '<id_unknown>' : shownText(id)}] `;
