import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerSource } from '../../src/http1/answer-source.ts';
import { get, post, type RecordedRequest, Scene } from './scene.ts';

type Piece = Uint8Array | 'later' | 'end';

/** A source that gives these pieces and counts how often it was asked and told that it is over. */
class ListedSource implements AnswerSource {
  readonly #pieces: Piece[];
  asked = 0;
  dones = 0;

  constructor(...pieces: readonly (Piece | string)[]) {
    this.#pieces = pieces.map((piece) =>
      typeof piece === 'string' && piece !== 'later' && piece !== 'end' ? Buffer.from(piece) : (piece as Piece),
    );
  }

  add(...pieces: readonly Piece[]): void {
    this.#pieces.push(...pieces);
  }

  next(): Piece {
    this.asked++;
    return this.#pieces.shift() ?? 'end';
  }

  done(): void {
    this.dones++;
  }
}

/** The body of an answer in chunks, and what follows it. */
function unchunked(text: string): { body: string; rest: string } {
  let at = text.indexOf('\r\n\r\n') + 4;
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
    if (!(size > 0)) return { body, rest: text.slice(at) };
  }
}

/** Lets sockets tell that they have taken what was written. */
const taken = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const begin = (recorded: RecordedRequest, source: AnswerSource): void =>
  recorded.request.respondInPieces(200, ['Content-Type', 'text/plain'], source);

describe('an answer in pieces', () => {
  it('leaves in chunks, and the connection goes on', async () => {
    const scene = new Scene();
    scene.say(get('/a'));
    const source = new ListedSource('one ', '', 'two ', 'three');
    begin(scene.requests[0], source);
    const text = scene.heard();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain\r\nTransfer-Encoding: chunked\r\nDate: /);
    expect(text).not.toContain('Content-Length');
    expect(unchunked(text)).toEqual({ body: 'one two three', rest: '' });
    await taken();
    expect(source.dones).toBe(1);
    scene.say(get('/b'));
    scene.requests[1].answer('next');
    expect(scene.hears()).toEqual(['200 next']);
  });

  it('waits for the answers before it and holds up those behind it', async () => {
    const scene = new Scene();
    scene.say(get('/a') + get('/b') + get('/c'));
    const source = new ListedSource('b', 'later');
    begin(scene.requests[1], source);
    scene.requests[2].answer('c');
    expect([scene.heard(), source.asked]).toEqual(['', 0]);
    scene.requests[0].answer('a');
    const first = scene.heard();
    expect(first).toContain('\r\n\r\na');
    expect(first).toMatch(/1\r\nb\r\n$/);
    source.add(Buffer.from('B'));
    scene.requests[1].request.continueAnswer();
    expect(scene.heard()).toMatch(/^1\r\nB\r\n0\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*\r\n\r\nc$/);
    await taken();
    expect(source.dones).toBe(1);
  });

  it('is made no faster than the client reads', async () => {
    const scene = new Scene();
    scene.socket.isSlow = true;
    scene.say(get('/a'));
    const piece = Buffer.alloc(100_000, 'x');
    const source = new ListedSource(...new Array<Uint8Array>(40).fill(piece));
    begin(scene.requests[0], source);
    expect(source.asked).toBeLessThan(5);
    for (let looks = 0; source.dones === 0 && looks < 100; looks++) {
      scene.socket.takeAll();
      await taken();
      scene.clock.turn();
      scene.turn.end();
    }
    expect(unchunked(scene.socket.written.toString('latin1')).body).toHaveLength(4_000_000);
  });

  it('leaves others their turn of the event loop, however fast the client reads', () => {
    const scene = new Scene();
    scene.say(get('/a'));
    const source = new ListedSource(...new Array<Uint8Array>(100).fill(Buffer.alloc(100_000, 'x')));
    begin(scene.requests[0], source);
    const askedInOneTurn = source.asked;
    expect(askedInOneTurn).toBeLessThan(15);
    scene.clock.turn();
    expect(source.asked).toBe(askedInOneTurn * 2);
  });

  it('ends with the connection for clients of HTTP/1.0, without chunks', () => {
    const scene = new Scene();
    scene.say(get('/a', 'Connection: keep-alive\r\n').replace('HTTP/1.1', 'HTTP/1.0'));
    begin(scene.requests[0], new ListedSource('one ', 'two'));
    const text = scene.heard();
    expect(text).toMatch(/Connection: close\r\n\r\none two$/);
    expect(text).not.toContain('chunked');
    expect(scene.socket.isEnded).toBe(true);
  });

  it('has no body for HEAD', () => {
    const scene = new Scene();
    scene.say(get('/a').replace('GET', 'HEAD'));
    const source = new ListedSource('one');
    begin(scene.requests[0], source);
    expect(scene.heard()).toMatch(/\r\n\r\n$/);
    expect([source.asked, source.dones]).toEqual([0, 1]);
  });

  it('that fails half way cuts the connection, and the server gets the error', () => {
    const scene = new Scene();
    scene.say(get('/a'));
    let dones = 0;
    const failure = new Error('no more');
    const pieces: Piece[] = [Buffer.from('one')];
    begin(scene.requests[0], {
      next: () => {
        const piece = pieces.shift();
        if (piece === undefined) throw failure;
        return piece;
      },
      done: () => {
        dones++;
      },
    });
    expect(scene.unexpected).toEqual([failure]);
    expect(scene.socket.destroyed).toBe(true);
    scene.connection.lost();
    expect(dones).toBe(1);
    expect(scene.heard()).not.toContain('0\r\n\r\n');
  });

  it('is not asked for more when the client has left', async () => {
    const scene = new Scene();
    scene.say(get('/a') + post('/b', 'x'));
    const source = new ListedSource('one', 'later');
    begin(scene.requests[0], source);
    scene.socket.destroy();
    await new Promise(setImmediate);
    expect([source.asked, source.dones]).toEqual([2, 1]);
    scene.requests[0].request.continueAnswer();
    scene.clock.turn();
    expect(source.asked).toBe(2);
  });

  it('is not wanted after another one', () => {
    const scene = new Scene();
    scene.say(get('/a'));
    scene.requests[0].answer('first');
    const source = new ListedSource('second');
    begin(scene.requests[0], source);
    expect([scene.hears(), source.asked, source.dones]).toEqual([['200 first'], 0, 1]);
  });

  it('lets a connection that drains end behind it', async () => {
    const scene = new Scene();
    scene.say(get('/a'));
    const source = new ListedSource('one', 'later');
    let written = 0;
    scene.connection.drain(() => written++);
    begin(scene.requests[0], source);
    scene.turn.end();
    expect([scene.connection.isIdle, scene.socket.isEnded]).toEqual([false, false]);
    scene.requests[0].request.continueAnswer();
    expect(unchunked(scene.heard()).body).toBe('one');
    await taken();
    expect([scene.connection.isIdle, scene.socket.isEnded, written > 0]).toEqual([true, true, true]);
  });

  it('is the same bytes however it is cut and however fast it is read', async () => {
    const piece = fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constant<Piece>('later'));
    const speeds = fc.array(fc.boolean(), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), speeds, async (pieces, slow) => {
        const scene = new Scene();
        scene.say(get('/a') + get('/b'));
        const source = new ListedSource(...pieces);
        scene.socket.isSlow = true;
        begin(scene.requests[0], source);
        scene.requests[1].answer('behind');
        for (let step = 0; source.dones === 0 && step < 100; step++) {
          scene.socket.isSlow = slow[step] ?? false;
          scene.socket.takeAll();
          scene.requests[0].request.continueAnswer();
          scene.clock.turn();
          scene.turn.end();
          await taken();
        }
        scene.socket.takeAll();
        const { body, rest } = unchunked(scene.socket.written.toString('latin1'));
        const bytes = pieces.filter((one) => one instanceof Uint8Array);
        expect(body).toBe(Buffer.concat(bytes).toString('latin1'));
        expect(rest).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nbehind$/);
        expect(source.dones).toBe(1);
      }),
    );
  });
});
