import { describe, expect, it } from 'vitest';
import { LineWriter, type WriterEnd } from '../../src/observability/line-writer.ts';
import { makeLogger, writeLine } from '../../src/observability/log.ts';

/** Takes `room` bytes, then says it is full; `fire` is the retry it was asked for. */
function pipe(room = Number.POSITIVE_INFINITY) {
  const state = { text: '', room, fires: [] as (() => void)[] };
  const end: WriterEnd = {
    write: (bytes) => {
      if (state.room <= 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
      const taken = Math.min(bytes.length, state.room);
      state.room -= taken;
      state.text += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
    later: (fire) => void state.fires.push(fire),
  };
  return { state, writer: new LineWriter(end) };
}

describe('a line writer', () => {
  it('writes a line at once', () => {
    const { state, writer } = pipe();
    writer.write('one\n');
    expect(state.text).toBe('one\n');
  });

  it('keeps lines that a full pipe does not take, and continues in order', () => {
    const { state, writer } = pipe(5);
    writer.write('one\n');
    writer.write('two\n');
    writer.write('three\n');
    expect(state.text).toBe('one\nt');
    expect(state.fires).toHaveLength(1);
    state.room = Number.POSITIVE_INFINITY;
    state.fires[0]();
    expect(state.text).toBe('one\ntwo\nthree\n');
  });

  it('drops and counts lines when the reader never comes back', () => {
    const { state, writer } = pipe(0);
    const line = `${'x'.repeat(1024 * 1024 - 1)}\n`;
    for (let i = 0; i < 7; i += 1) writer.write(line);
    expect(writer.takeDroppedLines()).toBe(3);
    expect(writer.takeDroppedLines()).toBe(0);
    expect(state.text).toBe('');
    state.room = Number.POSITIVE_INFINITY;
    writer.flush();
    expect(state.text).toHaveLength(4 * 1024 * 1024);
  });

  it('says how many lines were dropped as soon as there is room, and only then', () => {
    const { state, writer } = pipe(0);
    const logger = makeLogger('info', null, (line) => writeLine(writer, line, logger));
    const pad = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 9; i += 1) logger.info({ pad }, 'long');
    state.room = Number.POSITIVE_INFINITY;
    state.fires[0]();
    logger.info({}, 'room again');
    logger.info({}, 'as usual');
    const lines = state.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ msg }) => msg)).toEqual([
      'long',
      'long',
      'long',
      'room again',
      'the reader of the log was behind and lines were dropped',
      'as usual',
    ]);
    expect(lines[4].dropped).toBe(6);
  });

  it('drops lines that a failing descriptor does not take, and never throws', () => {
    const failures = ['EPIPE', 'ENOSPC'];
    let text = '';
    const writer = new LineWriter({
      write: (bytes) => {
        const code = failures.shift();
        if (code !== undefined) throw Object.assign(new Error(code), { code });
        text += Buffer.from(bytes).toString();
        return bytes.length;
      },
      later: () => undefined,
    });
    for (const line of ['a\n', 'b\n', 'c\n']) writer.write(line);
    expect(text).toBe('c\n');
  });
});
