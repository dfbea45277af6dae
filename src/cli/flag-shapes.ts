/** What flags of the same shape share in the tables of flags that have an effect. */

import { honoured } from './flag.ts';

/** The largest value of Node's timers and of HTTP/2 settings. */
const maxMs = 2 ** 31 - 1;

export const port = { type: 'integer', min: 0, max: 65_535, placeholder: 'port', effect: honoured } as const;
export const yesNo = { type: 'boolean', effect: honoured } as const;
export const text = { type: 'text', effect: honoured } as const;
export const choice = { type: 'choice', effect: honoured } as const;
export const wholeNumber = { type: 'integer', effect: honoured } as const;
export const milliseconds = { type: 'integer', min: 0, max: maxMs, placeholder: 'ms', effect: honoured } as const;
