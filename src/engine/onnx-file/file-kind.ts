/** Recognises by the first bytes a file that is no ONNX model, so that each kind of wrong file gets its own error. */

/** Enough for every signature below and for a look at the text. */
export const kindPrefixBytes = 64;

const signatures: readonly { readonly at: number; readonly bytes: readonly number[]; readonly what: string }[] = [
  { at: 0, bytes: [0x1f, 0x8b], what: 'is gzip-compressed' },
  { at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'is zstd-compressed' },
  { at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], what: 'is xz-compressed' },
  { at: 0, bytes: [0x42, 0x5a, 0x68], what: 'is bzip2-compressed' },
  { at: 0, bytes: [0x50, 0x4b, 0x03, 0x04], what: 'is a zip archive (as PyTorch and Keras write)' },
  { at: 0, bytes: [0x89, 0x48, 0x44, 0x46], what: 'is an HDF5 file (as Keras writes)' },
  { at: 0, bytes: [0x89, 0x50, 0x4e, 0x47], what: 'is a PNG image' },
  { at: 0, bytes: [0xff, 0xd8, 0xff], what: 'is a JPEG image' },
  { at: 0, bytes: [0x47, 0x47, 0x55, 0x46], what: 'is a GGUF file' },
  { at: 4, bytes: [0x54, 0x46, 0x4c, 0x33], what: 'is a TensorFlow Lite model' },
  { at: 8, bytes: [0x7b, 0x22], what: 'is a safetensors file' },
  { at: 0, bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'is an ELF binary' },
];

const startsAt = (prefix: Uint8Array, at: number, bytes: readonly number[]): boolean =>
  prefix.length >= at + bytes.length && bytes.every((byte, index) => prefix[at + index] === byte);

/** Printable ASCII, tabs and line ends only. An ONNX file begins with the byte 8 and another small number. */
const isText = (prefix: Uint8Array): boolean =>
  prefix.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13);

/** True for ONNX Runtime's own flatbuffer format (.ort), which is loaded as it is. */
export const isOrtFormat = (prefix: Uint8Array): boolean => startsAt(prefix, 4, [0x4f, 0x52, 0x54, 0x4d]);

/** The kind of a file that certainly is no ONNX protobuf, as the rest of a sentence; null when it may be one. */
export function foreignKind(prefix: Uint8Array): string | null {
  if (prefix.length === 0) return 'is empty';
  const known = signatures.find(({ at, bytes }) => startsAt(prefix, at, bytes));
  // A protobuf may by chance have a brace and a quote at byte 8; only with a length below 2^32 in front it is a
  // safetensors file.
  if (known !== undefined && (known.at !== 8 || startsAt(prefix, 4, [0, 0, 0, 0]))) return known.what;
  if (!isText(prefix)) return null;
  const text = Buffer.from(prefix).toString('latin1');
  if (text.startsWith('version https://git-lfs')) return 'is a Git LFS pointer (fetch the model with git lfs pull)';
  return 'is a text file';
}
