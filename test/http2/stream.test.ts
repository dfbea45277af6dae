import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCode, frameFlag, frameType, resetStream, setting, settings, windowUpdate } from './frame-bytes.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';
import { okHead, Scene, someTrailers, told } from './scene.ts';

const end = frameFlag.endStream;
const bytes = (count: number, fill = 7) => Buffer.alloc(count, fill);

/** Callbacks of writes come in the next tick. */
const nextTick = () => new Promise<void>((resolve) => process.nextTick(resolve));

/** A scene whose peer opens no window for streams, and a request that has asked for its answer. */
function closedWindow(windowBytes = 0) {
  const scene = new Scene({ settings: [[setting.initialWindowSize, windowBytes]] });
  const { stream, calls } = scene.ask(1, end);
  stream.sendHeaders(okHead, false);
  scene.heard();
  return { scene, stream, calls, table: scene.connection.streams };
}

describe('a body that the windows do not let through', () => {
  it('is held and leaves as its window opens, then the trailers', () => {
    const { scene, stream, table } = closedWindow();
    stream.sendData(bytes(100), null);
    stream.sendTrailers(someTrailers);
    expect(scene.hears()).toEqual([]);
    expect(table.heldBytes).toBe(100);
    scene.say(windowUpdate(1, 30));
    expect(scene.hears()).toEqual(['data 1 30']);
    expect(table.heldBytes).toBe(70);
    scene.say(windowUpdate(1, 70));
    expect(scene.hears()).toEqual(['data 1 70', 'headers 1 end']);
    expect([table.heldBytes, table.size, stream.isClosed]).toEqual([0, 0, true]);
  });

  it('keeps the order of bodies, and ends with the last of them where there are no trailers', () => {
    const { scene, stream, table } = closedWindow();
    stream.sendData(bytes(3, 1), null);
    stream.sendLastData(bytes(4, 2));
    scene.say(windowUpdate(1, 100));
    expect(scene.hears()).toEqual(['data 1 3', 'data 1 4 end']);
    expect([table.heldBytes, table.size]).toEqual([0, 0]);
  });

  it('lets nothing overtake it, however small', () => {
    const { scene, stream } = closedWindow(50);
    stream.sendData(bytes(100), null);
    expect(stream.beginData(1)).toBe(-1);
    scene.say(windowUpdate(1, 100));
    expect(stream.beginData(1)).toBeGreaterThan(0);
    expect(scene.hears()).toEqual(['data 1 50', 'data 1 50', 'data 1 1']);
  });

  it('tells when it has left', async () => {
    const { scene, stream } = closedWindow();
    const left: string[] = [];
    stream.sendData(bytes(10), () => left.push('first'));
    stream.sendData(bytes(10), () => left.push('second'));
    scene.heard();
    expect(left).toEqual([]);
    scene.say(windowUpdate(1, 15));
    scene.heard();
    await nextTick();
    expect(left).toEqual(['first']);
    scene.say(windowUpdate(1, 5));
    scene.heard();
    await nextTick();
    expect(left).toEqual(['first', 'second']);
  });

  it('leaves when SETTINGS open the windows of all streams', () => {
    const { scene, stream } = closedWindow();
    stream.sendData(bytes(10), null);
    scene.say(settings([setting.initialWindowSize, 8]));
    expect(scene.hears()).toEqual(['settings ack', 'data 1 8']);
  });

  it('waits below zero after SETTINGS shrank its window, until updates bring it above', () => {
    const { scene, stream, table } = closedWindow(100);
    stream.sendData(bytes(150), null);
    scene.say(settings([setting.initialWindowSize, 20]));
    expect(stream.sendWindow).toBe(-80);
    expect(stream.beginData(1)).toBe(-1);
    scene.say(windowUpdate(1, 80));
    expect(scene.hears()).toEqual(['data 1 100', 'settings ack']);
    scene.say(windowUpdate(1, 1));
    expect(scene.hears()).toEqual(['data 1 1']);
    expect(table.heldBytes).toBe(49);
    scene.say(resetStream(1, errorCode.cancel));
    expect(table.heldBytes).toBe(0);
  });

  it('shares the window of the connection in turns', () => {
    const scene = new Scene({ settings: [[setting.initialWindowSize, 2 ** 30]] });
    for (const id of [1, 3, 5]) {
      const { stream } = scene.ask(id, end);
      stream.sendHeaders(okHead, false);
      stream.sendData(bytes(65_535), null);
    }
    scene.heard();
    const turns: string[] = [];
    for (let i = 0; i < 6; i++) {
      scene.say(windowUpdate(0, 1000));
      turns.push(...scene.hears());
    }
    expect(turns).toEqual(['data 3 1000', 'data 5 1000', 'data 3 1000', 'data 5 1000', 'data 3 1000', 'data 5 1000']);
  });

  it('of one stream does not hold up another whose window is open', () => {
    const { scene, stream } = closedWindow();
    stream.sendData(bytes(1000), null);
    const { stream: other } = scene.ask(3, end);
    scene.say(windowUpdate(3, 10));
    other.sendHeaders(okHead, false);
    other.sendLastData(bytes(10));
    expect(scene.hears()).toEqual(['headers 3', 'data 3 10 end']);
  });

  it.each(['WINDOW_UPDATE', 'SETTINGS'])('is dropped when %s opens its window beyond the largest', (by) => {
    const { scene, stream, table } = closedWindow(1);
    stream.sendData(bytes(10), null);
    scene.heard();
    scene.say(windowUpdate(1, 2 ** 31 - 1));
    if (by === 'SETTINGS') {
      scene.heard();
      scene.say(settings([setting.initialWindowSize, 2 ** 31 - 1]));
      expect(scene.hears().at(-1)).toMatch(`goAway last 1 code ${errorCode.flowControl}`);
    }
    expect(table.heldBytes).toBe(0);
  });
});

describe('a peer that opens no window for held bytes', () => {
  it('is cut after a while in which nothing left, and only then', () => {
    const { scene, stream } = closedWindow();
    stream.sendData(bytes(100), null);
    scene.wait(100_000);
    scene.say(windowUpdate(1, 1));
    scene.wait(100_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(30_000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('may take as long as it likes when nothing is held', () => {
    const { scene } = closedWindow();
    scene.wait(1_000_000);
    expect(scene.socket.destroyed).toBe(false);
  });
});

describe('held bytes are dropped', () => {
  const paths: readonly (readonly [string, (held: ReturnType<typeof closedWindow>) => void])[] = [
    ['the peer resets the stream', ({ scene }) => scene.say(resetStream(1, errorCode.cancel))],
    ['we reset the stream', ({ stream }) => stream.reset(errorCode.internal)],
    ['the stream breaks a rule', ({ scene }) => scene.say(windowUpdate(1, 0))],
    ['the socket closes', ({ scene }) => scene.connection.lost()],
    ['the connection breaks a rule', ({ scene }) => scene.say(windowUpdate(0, 0))],
  ];

  it.each(paths)('when %s', (event, happen) => {
    for (const isAnswered of [false, true]) {
      const held = closedWindow(5);
      const { scene, stream, table, calls } = held;
      const left: number[] = [];
      stream.sendData(bytes(100), () => left.push(1));
      stream.sendData(bytes(100), () => left.push(2));
      if (isAnswered) stream.sendTrailers(someTrailers);
      expect([table.heldBytes, scene.waitingBytes]).toEqual([195, 195]);
      happen(held);
      expect(scene.waitingBytes).toBe(0);
      expect(scene.closedAccounts, 'the account stays open until the socket closes').toBe(
        event === 'the socket closes' ? 1 : 0,
      );
      expect([table.heldBytes, table.size, stream.hasHeld, stream.isClosed]).toEqual([0, 0, false, true]);
      scene.heard();
      scene.say(windowUpdate(1, 1000), windowUpdate(0, 1000));
      expect(scene.heard().filter(({ type }) => type === frameType.data)).toEqual([]);
      expect(left).toEqual([]);
      const isTold = !isAnswered && !stream.isClosed;
      expect(calls.filter((call) => call === 'closed').length).toBeLessThanOrEqual(isTold ? 1 : Number(!isAnswered));
    }
  });

  it('and nothing is held any more on a stream that is over', () => {
    const { scene, stream, table } = closedWindow();
    scene.say(resetStream(1, errorCode.cancel));
    stream.sendData(bytes(10), null);
    stream.sendLastData(bytes(10));
    stream.sendTrailers(someTrailers);
    stream.sendHeaders(okHead, true);
    stream.grant(2 ** 30);
    stream.replenish(0);
    stream.reset(errorCode.cancel);
    expect(stream.beginData(1)).toBe(-1);
    expect(table.heldBytes).toBe(0);
    expect(scene.hears()).toEqual([]);
  });

  it('also when the close of one stream makes its handler write to another', () => {
    const scene = new Scene({ settings: [[setting.initialWindowSize, 0]] });
    const first = scene.ask(1, end);
    const { stream: second } = scene.ask(3, end);
    first.onClosed = () => second.sendData(bytes(10), null);
    scene.connection.lost();
    expect(scene.connection.streams.heldBytes).toBe(0);
  });
});

describe('a receiver', () => {
  it('gets onClosed once, if the answer had not ended', () => {
    const { scene, calls } = closedWindow();
    scene.say(resetStream(1, errorCode.cancel));
    scene.connection.lost();
    expect(calls).toEqual(['end', 'closed']);
  });

  it('gets no event after it has reset the stream itself', () => {
    const { scene, stream, calls } = closedWindow();
    stream.reset(errorCode.cancel);
    scene.connection.lost();
    expect(calls).toEqual(['end']);
  });
});

describe('answers of many streams', () => {
  const action = fc.record({
    kind: fc.constantFrom('send', 'send', 'begin', 'trailers', 'last', 'update', 'updateAll', 'settings', 'reset'),
    stream: fc.nat(3),
    amount: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 40_000 })),
  });

  it('never exceed a window, and the held bytes are those given and not sent', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(action, { maxLength: 60 }), (initial, actions) => {
        const scene = new Scene({ settings: [[setting.initialWindowSize, initial]] });
        const requests = [1, 3, 5, 7].map((id) => scene.ask(id, end));
        const windows = [initial, initial, initial, initial];
        const given = [0, 0, 0, 0];
        const got = [0, 0, 0, 0];
        let connectionWindow = 65_535;
        let currentInitial = initial;
        for (const { stream } of requests) stream.sendHeaders(okHead, false);
        for (const { kind, stream: i, amount } of actions) {
          const { stream } = requests[i];
          const isOpen = !stream.isLocalEnded;
          if (kind === 'send' || kind === 'last') {
            if (kind === 'send') stream.sendData(bytes(amount), null);
            else stream.sendLastData(bytes(amount));
            if (isOpen) given[i] += amount;
          } else if (kind === 'begin') {
            const at = stream.beginData(amount);
            if (at >= 0) given[i] += amount;
            if (at >= 0) stream.target.fill(7, at, at + amount);
          } else if (kind === 'trailers') stream.sendTrailers(someTrailers);
          else if (kind === 'update') {
            windows[i] += amount;
            scene.say(windowUpdate(2 * i + 1, amount));
          } else if (kind === 'updateAll') {
            connectionWindow += amount;
            scene.say(windowUpdate(0, amount));
          } else if (kind === 'settings') {
            for (let each = 0; each < 4; each++) windows[each] += (amount % 2000) - currentInitial;
            currentInitial = amount % 2000;
            scene.say(settings([setting.initialWindowSize, currentInitial]));
          } else {
            stream.reset(errorCode.cancel);
            given[i] = Number.NaN;
          }
          for (const { type, streamId, content, ...rest } of scene.heard()) {
            if (type !== frameType.data) continue;
            const from = (streamId - 1) / 2;
            windows[from] -= content.length;
            connectionWindow -= content.length;
            got[from] += content.length;
            if (kind !== 'settings')
              expect(windows[from], told({ type, streamId, content, ...rest })).toBeGreaterThanOrEqual(0);
            expect(connectionWindow).toBeGreaterThanOrEqual(0);
            expect(content.every((byte) => byte === 7)).toBe(true);
          }
          let held = 0;
          for (let each = 0; each < 4; each++) if (!Number.isNaN(given[each])) held += given[each] - got[each];
          expect(scene.connection.streams.heldBytes).toBe(held);
        }
        scene.connection.lost();
        expect(scene.connection.streams.heldBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a body in pieces that are given back', () => {
  /** Two pieces, and how often they were given back. */
  function placed(scene: Scene, stream: { sendPieces: Http2Stream['sendPieces'] }, sizes = [6000, 5000]) {
    const pieces = sizes.map((size, i) => bytes(size, i + 1));
    const released = { count: 0 };
    const total = sizes.reduce((sum, size) => sum + size, 0);
    stream.sendPieces(pieces, total, null, () => {
      released.count++;
      // Used for something else at once.
      for (const piece of pieces) piece.fill(0xee);
    });
    return { released, scene };
  }

  const contents = (scene: Scene): Buffer =>
    Buffer.concat(scene.frames.filter(({ type }) => type === frameType.data).map(({ content }) => content));

  it('leaves in its order, and is given back once the socket has taken all of it', async () => {
    const { scene, stream } = closedWindow(20_000);
    scene.socket.isSlow = true;
    const { released } = placed(scene, stream);
    stream.sendTrailers(someTrailers);
    scene.heard();
    await nextTick();
    expect(released.count).toBe(0);
    scene.socket.takeAll();
    await nextTick();
    expect(released.count).toBe(1);
    scene.heard();
    expect(contents(scene)).toEqual(Buffer.concat([bytes(6000, 1), bytes(5000, 2)]));
    expect(scene.connection.streams.heldBytes).toBe(0);
  });

  it('ends its stream only with the last piece, however the windows cut it', async () => {
    const { scene, stream } = closedWindow();
    const { released } = placed(scene, stream);
    stream.sendTrailers(someTrailers);
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      scene.say(windowUpdate(1, 3500));
      seen.push(...scene.hears());
    }
    expect(seen).toEqual(['data 1 3500', 'data 1 2500', 'data 1 1000', 'data 1 3500', 'data 1 500', 'headers 1 end']);
    expect(contents(scene)).toEqual(Buffer.concat([bytes(6000, 1), bytes(5000, 2)]));
    await nextTick();
    expect(released.count).toBe(1);
  });

  it('is given back at once when its stream is reset before a byte of it was sent', () => {
    const { scene, stream } = closedWindow();
    const { released } = placed(scene, stream);
    scene.say(resetStream(1, errorCode.cancel));
    expect([released.count, scene.connection.streams.heldBytes]).toEqual([1, 0]);
  });

  it('is given back after what was sent of it has left when its stream is reset in the middle', async () => {
    const { scene, stream } = closedWindow(7000);
    scene.socket.isSlow = true;
    const { released } = placed(scene, stream);
    scene.heard();
    scene.say(resetStream(1, errorCode.cancel));
    await nextTick();
    expect(released.count).toBe(0);
    scene.turn.end();
    scene.socket.takeAll();
    await nextTick();
    expect(released.count).toBe(1);
    scene.heard();
    expect(contents(scene)).toEqual(Buffer.concat([bytes(6000, 1), bytes(1000, 2)]));
  });

  it('is given back when the connection is lost, and when its stream has ended before', () => {
    const { scene, stream } = closedWindow(7000);
    scene.socket.isSlow = true;
    const { released } = placed(scene, stream);
    scene.turn.end();
    scene.connection.lost();
    expect(released.count).toBe(1);
    expect(placed(scene, stream).released.count).toBe(1);
  });

  it('is given back only when the socket is closed where the connection has failed', () => {
    const { scene, stream } = closedWindow(7000);
    scene.socket.isSlow = true;
    const { released } = placed(scene, stream);
    scene.turn.end();
    scene.say(windowUpdate(0, 0));
    expect(scene.connection.lifecycle.isFailed).toBe(true);
    expect(released.count).toBe(0);
    scene.connection.lost();
    expect(released.count).toBe(1);
  });
});
