/** The dialects of the HTTP frontend, in the order in which they are asked. A new one is a folder, and a line here. */

import type { HttpDialect } from './dialect.ts';
import { operationsDialect } from './operations/operations-dialect.ts';
import { v2Dialect } from './v2-dialect.ts';

export const httpDialects: readonly HttpDialect[] = [v2Dialect, operationsDialect];
