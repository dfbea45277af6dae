import fc from 'fast-check';
import { expect, it } from 'vitest';

import { copyReceived } from '../../src/sockets/copy-received.ts';

it('copies what Node copies, from several buffers in turn', () => {
  const memory = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff));
  const sources = [memory.subarray(1000, 4000), memory, Buffer.from(memory)];
  const copies = fc.record({
    source: fc.constantFrom(...sources),
    from: fc.nat(200),
    length: fc.oneof(fc.nat(40), fc.nat(2500)),
    at: fc.nat(300),
  });
  fc.assert(
    fc.property(fc.array(copies, { maxLength: 5 }), (list) => {
      const [target, expected] = [Buffer.alloc(3000, 1), Buffer.alloc(3000, 1)];
      for (const { source, from, length, at } of list) {
        copyReceived(source, from, from + length, target, at);
        source.copy(expected, at, from, from + length);
      }
      expect(target.equals(expected)).toBe(true);
    }),
  );
});
