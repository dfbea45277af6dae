/**
 * Converts octets to strings of one character per octet. Short ones, which header values mostly are, are made without
 * leaving JavaScript: `toString` costs 100 ns and more whatever the length, one call of `String.fromCharCode` 40.
 */

const text = String.fromCharCode;

/** Above this, strings would be joined lazily, or need so many calls that the native function is quicker. */
const longestShort = 12;

/** The octets from `start` to before `end`, which are in range. The string keeps nothing of `bytes` alive. */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= 8) return shortText(bytes, start, length);
  if (length <= longestShort) return shortText(bytes, start, 8) + shortText(bytes, start + 8, length - 8);
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1', start, end);
}

function shortText(b: Uint8Array, i: number, length: number): string {
  switch (length) {
    case 0:
      return '';
    case 1:
      return text(b[i]!);
    case 2:
      return text(b[i]!, b[i + 1]!);
    case 3:
      return text(b[i]!, b[i + 1]!, b[i + 2]!);
    case 4:
      return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!);
    case 5:
      return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!);
    case 6:
      return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!);
    case 7:
      return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!);
    default:
      return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!);
  }
}
