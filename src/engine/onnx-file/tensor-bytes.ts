/** How many bytes a stored tensor takes by its dimensions and ONNX element type. */

/** Bits per element by TensorProto.DataType of the ONNX specification; strings cannot be stored outside. */
const bitsOfElement: ReadonlyMap<number, number> = new Map([
  [1, 32],
  [2, 8],
  [3, 8],
  [4, 16],
  [5, 16],
  [6, 32],
  [7, 64],
  [9, 8],
  [10, 16],
  [11, 64],
  [12, 32],
  [13, 64],
  [14, 64],
  [15, 128],
  [16, 16],
  [17, 8],
  [18, 8],
  [19, 8],
  [20, 8],
  [21, 4],
  [22, 4],
  [23, 4],
  [24, 8],
  [25, 2],
  [26, 2],
]);

/** Null for an unknown element type, a negative dimension, or more bytes than a number holds exactly. */
export function tensorBytes(dims: readonly number[], elementType: number): number | null {
  const bits = bitsOfElement.get(elementType);
  if (bits === undefined || dims.some((dim) => dim < 0)) return null;
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const bytes = Math.ceil((elements * bits) / 8);
  return Number.isSafeInteger(elements) && Number.isSafeInteger(bytes) ? bytes : null;
}
