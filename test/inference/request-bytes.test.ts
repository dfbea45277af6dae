import { describe, expect, it } from 'vitest';
import { RequestDraft } from '../../src/inference/request.ts';
import { countHeldBytes, isViewedBy } from '../../src/inference/request-bytes.ts';
import { inferenceRequest } from '../fakes/make-request.ts';

const message = new ArrayBuffer(1_000_000);
const tensor = (data: Uint8Array) => ({ name: 'IN', datatype: 'UINT8', shape: [data.length], data }) as const;
/** Bytes that are held besides the message. */
function bytesOf(rest: Parameters<typeof inferenceRequest>[0]): number {
  const draft = Object.assign(new RequestDraft(), inferenceRequest({ inputs: [], ...rest }));
  countHeldBytes(draft, Buffer.from(message));
  return draft.heldBytes - message.byteLength;
}

describe('memory of a request besides its message', () => {
  it('counts no tensor that lies in the message', () => {
    const view = tensor(new Uint8Array(message, 10, 900_000));
    expect(bytesOf({ inputs: [view] })).toBeLessThan(1000);
    expect(isViewedBy(inferenceRequest({ inputs: [view] }), message)).toBe(true);
  });

  it('counts tensors that were decoded, with all of the buffer that they keep', () => {
    const own = tensor(new Uint8Array(500_000));
    const small = tensor(new Uint8Array(new ArrayBuffer(500_000), 0, 10));
    expect(bytesOf({ inputs: [own] })).toBeGreaterThanOrEqual(500_000);
    expect(bytesOf({ inputs: [small] })).toBeGreaterThanOrEqual(500_000);
    expect(isViewedBy(inferenceRequest({ inputs: [own] }), message)).toBe(false);
  });

  it('does not ask tensors that are known to be views', () => {
    const draft = Object.assign(new RequestDraft(), inferenceRequest({ inputs: [tensor(new Uint8Array(500_000))] }));
    draft.hasOnlyViews = true;
    countHeldBytes(draft, Buffer.from(message));
    expect(draft.heldBytes).toBeLessThan(message.byteLength + 1000);
  });

  it('counts what the engine needs for each element of BYTES, and no more than the data can have', () => {
    const strings = (count: number, ...shape: number[]) =>
      ({ name: 'IN', datatype: 'BYTES', shape, data: new Uint8Array(message, 0, 4 * count) }) as const;
    expect(bytesOf({ inputs: [strings(1000, 10, 100)] })).toBeGreaterThanOrEqual(32_000);
    expect(bytesOf({ inputs: [strings(1000, 10)] })).toBeLessThan(2000);
    expect(bytesOf({ inputs: [strings(10, 2 ** 40, 2 ** 40)] })).toBeLessThan(2000);
  });

  it('counts the id, requested outputs and parameters', () => {
    const nothing = bytesOf({});
    expect(bytesOf({ id: 'x'.repeat(50_000) })).toBeGreaterThanOrEqual(nothing + 50_000);
    const outputs = Array.from({ length: 1000 }, (_, i) => ({ name: `OUT${i}`, classificationCount: 0 }));
    expect(bytesOf({ outputs })).toBeGreaterThanOrEqual(nothing + 64 * 1000);
    const parameters = new Map(Array.from({ length: 1000 }, (_, i) => [`p${i}`, i === 0 ? 'x'.repeat(9000) : i]));
    expect(bytesOf({ parameters })).toBeGreaterThanOrEqual(nothing + 64 * 1000 + 9000);
  });
});
