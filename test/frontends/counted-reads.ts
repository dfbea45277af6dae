/** Bytes that count their reads: the cost of a reader, measured without a clock. */

export interface CountedReads {
  readonly bytes: Buffer;
  readonly reads: () => number;
}

export function countedReads(source: Buffer): CountedReads {
  let count = 0;
  const bytes = new Proxy(source, {
    get(target, key) {
      if (typeof key === 'string' && key >= '0' && key <= ':') {
        count++;
        return target[Number(key)];
      }
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        // A call into native code looks at a part of the bytes: the whole part is counted.
        const [from, to] = key === 'subarray' ? given : given.slice(1);
        count += (typeof to === 'number' ? to : target.length) - (typeof from === 'number' ? from : 0);
        return Reflect.apply(value as () => unknown, target, given);
      };
    },
  });
  return { bytes, reads: () => count };
}
