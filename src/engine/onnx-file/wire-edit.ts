/** Replaces nested messages of a scanned protobuf message; the lengths of all that enclose them follow. */

import type { WireMessage } from './wire-message.ts';
import { fieldHead } from './wire-writer.ts';

/** Bytes of the source, from one offset to the one after the last. */
export interface SourceRange {
  readonly from: number;
  readonly to: number;
}

/** A part of an edited message: new bytes, or bytes of the source. */
type EditedPart = Uint8Array | SourceRange;

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
export const edited = (bytes: Uint8Array, root: WireMessage, edits: readonly Edit[]): readonly Uint8Array[] =>
  editedParts(root, edits).map((part) => (part instanceof Uint8Array ? part : bytes.subarray(part.from, part.to)));

/** The same without the bytes of the source: their places in it. */
export function editedParts(root: WireMessage, edits: readonly Edit[]): readonly EditedPart[] {
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
  const contentOf = (message: WireMessage): EditedPart[] => {
    const parts: EditedPart[] = [];
    let at = message.contentStart;
    for (const child of (changedIn.get(message) ?? []).toSorted((one, other) => one.start - other.start)) {
      parts.push({ from: at, to: child.start }, ...changed(child));
      at = child.end;
    }
    parts.push({ from: at, to: message.end });
    return parts;
  };
  const changed = (message: WireMessage): EditedPart[] => {
    const replacement = changes.get(message);
    if (replacement !== undefined) return [replacement];
    const content = contentOf(message);
    return [fieldHead(message.field, lengthOf(content)), ...content];
  };
  return contentOf(root);
}

const lengthOf = (parts: readonly EditedPart[]): number =>
  parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.to - part.from), 0);
