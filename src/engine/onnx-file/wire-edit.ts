/** Replaces nested messages of a scanned protobuf message; the lengths of all that enclose them follow. */

import type { WireMessage } from './wire-message.ts';
import { fieldHead, lengthOf } from './wire-writer.ts';

/** Replaces one message, tag included, by complete fields. */
export interface Edit {
  readonly of: WireMessage;
  readonly bytes: Uint8Array;
}

/**
 * The content of `root` with the edits in place, as parts in their order; unchanged parts are views of `bytes`.
 *
 * @param edits of messages below `root`; none is inside another, and none is given twice
 */
export function edited(bytes: Uint8Array, root: WireMessage, edits: readonly Edit[]): readonly Uint8Array[] {
  const changes = new Map<WireMessage, Uint8Array>();
  const changedIn = new Map<WireMessage, WireMessage[]>();
  for (const { of, bytes: replacement } of edits) {
    changes.set(of, replacement);
    for (let child = of; child !== root && child.parent !== null; child = child.parent) {
      const siblings = changedIn.get(child.parent);
      siblings?.push(child);
      if (siblings !== undefined) break;
      changedIn.set(child.parent, [child]);
    }
  }
  const contentOf = (message: WireMessage): Uint8Array[] => {
    const parts: Uint8Array[] = [];
    let at = message.contentStart;
    for (const child of (changedIn.get(message) ?? []).toSorted((one, other) => one.start - other.start)) {
      parts.push(bytes.subarray(at, child.start), ...changed(child));
      at = child.end;
    }
    parts.push(bytes.subarray(at, message.end));
    return parts;
  };
  const changed = (message: WireMessage): Uint8Array[] => {
    const replacement = changes.get(message);
    if (replacement !== undefined) return [replacement];
    const content = contentOf(message);
    return [fieldHead(message.field, lengthOf(content)), ...content];
  };
  return contentOf(root);
}
