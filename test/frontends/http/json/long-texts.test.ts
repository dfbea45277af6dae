/** Files in load calls: strings that are found and decoded in slices. */

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findLongTexts, type LongText } from '../../../../src/frontends/http/json/long-texts.ts';
import { readJsonObject } from '../../../../src/frontends/http/json/value.ts';
import { SliceQueue } from '../../../../src/frontends/slice-queue.ts';
import { requestLimits } from '../../../../src/inference/request-limits.ts';
import { systemClock } from '../../../../src/time.ts';
import { countedReads } from '../../counted-reads.ts';

const slices = (): SliceQueue => new SliceQueue(systemClock);
const find = (text: string | Buffer) => findLongTexts(Buffer.from(text as string), slices());
const long = 'x'.repeat(100_000);

describe('long strings of a JSON text', () => {
  it('are found by their place, whatever stands around them, and are members like others', async () => {
    const text = `{ "a\\"" : "${long}", "b": ["short", "${long}\\\\"], "c": "\\\\", "d": "é" }`;
    const found = await find(text);
    expect([...found.keys()].map((at) => text[at])).toEqual(['"', '"']);
    const object = readJsonObject(Buffer.from(text), found);
    expect([...object.keys()]).toEqual(['a"', 'b', 'c', 'd']);
    expect((object.get('a"') as LongText).text()).toBe(long);
    expect(((object.get('b') as LongText[])[1] as LongText).text()).toBe(`${long}\\`);
    expect(object.get('c')).toBe('\\');
  });

  it.each([
    ['that do not end', `{"a":"${long}`, /Missing a closing quotation mark/],
    ['that do not end because of an escape', `{"a":"${long}\\"}`, /Missing a closing quotation mark/],
    ['that are names', `{"${long}" : 1}`, /name in the request is longer/],
    [
      'of which there are too many',
      `{"a":[${new Array(1025).fill(`"${long.slice(0, 70_000)}"`).join()}]}`,
      /more than 1024/,
    ],
    ['with too much around them', `{"a":"${long}","b":[${'1,'.repeat(requestLimits.allTextBytes / 2)}1]}`, /besides/],
  ])('%s are refused', async (_what, text, reason) => {
    await expect(find(text)).rejects.toThrow(reason);
  });

  it('take a bounded number of steps in each turn', async () => {
    const counted = countedReads(Buffer.from(`{"a":[${'"yyyy",'.repeat(400_000)}1]}`));
    const queue = slices();
    let worst = 0;
    let before = 0;
    const turns = queue.turn.bind(queue);
    queue.turn = () => {
      worst = Math.max(worst, counted.reads() - before);
      before = counted.reads();
      return turns();
    };
    await findLongTexts(counted.bytes, queue);
    expect(worst).toBeLessThan(600_000);
  });
});

describe('base64 in a long string', () => {
  const decoded = async (literal: string): Promise<Buffer | null> => {
    const text = `{"f":"${literal}"}`;
    const object = readJsonObject(Buffer.from(text), await find(text));
    return (object.get('f') as LongText).base64(slices());
  };

  it.each([100_000, 100_001, 100_002, 1_000_000])('gives back %d bytes', async (length) => {
    const bytes = randomBytes(length);
    const base64 = bytes.toString('base64');
    expect((await decoded(base64))?.equals(bytes)).toBe(true);
    // Some writers of JSON escape the slash.
    expect((await decoded(base64.replaceAll('/', '\\/')))?.equals(bytes)).toBe(true);
    expect((await decoded(base64.replaceAll('A', '\\u0041')))?.equals(bytes)).toBe(true);
  });

  it.each([
    ['with padding within', `${'AAAA'.repeat(32_768 - 1)}AAA=${'AAAA'.repeat(50_000)}`],
    ['of a length that is no multiple of four', 'A'.repeat(200_001)],
    ['with another character', `${'A'.repeat(150_000)}*${'A'.repeat(49_999)}`],
    ['with a character beyond ASCII', `${'A'.repeat(150_000)}é${'A'.repeat(49_998)}`],
    ['with a broken escape', `${'A'.repeat(150_000)}\\x${'A'.repeat(49_999)}`],
    ['with white space', `${'A'.repeat(150_000)}\\n${'A'.repeat(49_999)}`],
  ])('is refused %s', async (_what, literal) => {
    expect(await decoded(literal)).toBeNull();
  });
});
