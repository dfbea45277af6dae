/** Checks the fields of a request (RFC 9113, sections 8.2 and 8.3). */

import { type HeaderField, pseudoHeader } from './header-field.ts';

const { method, scheme, path, authority, other } = pseudoHeader;
const needed = method | scheme | path;

/** A result of `checkRequest`: there is no `content-length`. */
export const noLength = -1;

/** A result of `checkRequest`: the fields are no request. */
export const malformed = -2;

/** Returns the `content-length`, `noLength` or `malformed`. */
export function checkRequest(fields: readonly HeaderField[]): number {
  let seen = 0;
  let isRegular = false;
  let length = noLength;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as HeaderField;
    if (field.fault !== null) return malformed;
    const { pseudo } = field;
    if (pseudo === pseudoHeader.none) {
      isRegular = true;
      if (field.name === 'content-length') {
        const announced = lengthIn(field.value);
        if (announced === malformed || (length !== noLength && length !== announced)) return malformed;
        length = announced;
      }
      continue;
    }
    if (isRegular || (seen & pseudo) !== 0 || pseudo === other) return malformed;
    if (pseudo !== authority && field.value === '') return malformed;
    seen |= pseudo;
  }
  return (seen & needed) === needed ? length : malformed;
}

/** Whether fields may follow a body: none of them is a pseudo field. */
export function areTrailers(fields: readonly HeaderField[]): boolean {
  for (const { fault, pseudo } of fields) if (fault !== null || pseudo !== pseudoHeader.none) return false;
  return true;
}

const lengthIn = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : malformed);
