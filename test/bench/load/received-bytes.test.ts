import { describe, expect, it } from 'vitest';

import { ReceivedBytes } from '../../../bench/load/received-bytes.ts';

describe('ReceivedBytes', () => {
  it('joins its pieces in order, and is empty without any', () => {
    const bytes = new ReceivedBytes();
    expect(bytes.joined()).toEqual(Buffer.alloc(0));
    bytes.add(Buffer.from('ab'));
    bytes.add(Buffer.from('c'));
    expect(bytes.length).toBe(3);
    expect(bytes.joined().toString()).toBe('abc');
  });

  it('copies nothing of a single piece', () => {
    const bytes = new ReceivedBytes();
    const piece = Buffer.from('abc');
    bytes.add(piece);
    expect(bytes.joined()).toBe(piece);
  });
});
