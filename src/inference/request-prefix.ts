/** The words by which errors begin that are about one request of several; Triton's, which clients and logs match. */

import { shownName } from './request-limits.ts';

/** How errors name a request. */
export const requestPrefix = (id: string): string => `[request id: ${id === '' ? '<id_unknown>' : shownName(id)}] `;
