import { describe, expect, it } from 'vitest';
import { chunkedHead, get, post, type RecordedRequest, Scene } from './scene.ts';

const answers = (request: RecordedRequest): void => request.answer(request.request.head.target);
const answering = (): Scene => new Scene({ onRequest: answers });
const continued = 'HTTP/1.1 100 Continue\r\n\r\n';
const expecting = 'Expect: 100-continue\r\n';

describe('a request', () => {
  it('comes with its head and its body, and is answered', () => {
    const scene = new Scene();
    scene.say(post('/a', 'hello', 'X-A: b\r\n'));
    const [recorded] = scene.requests;
    expect(recorded.request.head.header('x-a')).toBe('b');
    expect([recorded.content, recorded.calls]).toEqual(['hello', ['data 5', 'end']]);
    recorded.answer('world');
    expect(scene.heard()).toMatch(
      /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\nDate: [^\r]+ GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\nworld$/,
    );
    expect([recorded.releases, recorded.request.isOpen, scene.connection.isIdle]).toEqual([1, false, true]);
  });

  it('is the same wherever it is cut', () => {
    const text = `${post('/a', 'hello', 'X-A: b\r\n')}${chunkedHead('/b')}5\r\nwor\r\n\r\n0\r\nT: t\r\n\r\n${get('/c')}`;
    for (let at = 1; at < text.length; at++) {
      const scene = new Scene();
      scene.say(text.slice(0, at));
      scene.say(text.slice(at));
      expect([scene.targets, scene.requests.map(({ content }) => content)], `cut at ${at}`).toEqual([
        ['/a', '/b', '/c'],
        ['hello', 'wor\r\n', ''],
      ]);
    }
    const scene = new Scene();
    scene.spell(text);
    expect(scene.requests.map(({ content }) => content)).toEqual(['hello', 'wor\r\n', '']);
  });

  it('may hold a body that looks like a request', () => {
    const scene = answering();
    scene.say(`${post('/a', get('/hidden'))}${chunkedHead('/b')}${get('/hidden').length.toString(16)}\r\n`);
    scene.say(`${get('/hidden')}\r\n0\r\n\r\n${get('/c')}`);
    expect(scene.hears()).toEqual(['200 /a', '200 /b', '200 /c']);
  });

  it('with HEAD gets the length of the body and not the body', () => {
    const scene = new Scene();
    scene.say(get('/a').replace('GET', 'HEAD') + get('/b'));
    for (const request of scene.requests) request.answer('text', [Buffer.from('part')]);
    const [first, second, ...more] = scene.heard().split('HTTP/1.1 200 OK').slice(1);
    expect(first).toMatch(/^\r\nContent-Length: 8\r\n[\s\S]*\r\n\r\n$/);
    expect(second).toMatch(/^\r\nContent-Length: 8\r\n[\s\S]*\r\n\r\ntextpart$/);
    expect(more).toEqual([]);
  });

  it('has its body dropped if no handler wants it', () => {
    const scene = new Scene({ collects: false });
    scene.say(`${post('/a', 'hello')}${chunkedHead('/b')}1\r\nx\r\n0\r\n\r\n${get('/c')}`);
    expect(scene.targets).toEqual(['/a', '/b', '/c']);
    expect(scene.requests.map(({ calls }) => calls)).toEqual([[], [], []]);
  });

  it('that is answered before its body is whole is read to its end', () => {
    const scene = new Scene();
    scene.say(post('/a', 'hello').slice(0, -3));
    const [recorded] = scene.requests;
    recorded.answer('early');
    expect(scene.hears()).toEqual(['200 early']);
    scene.say(`llo${get('/b')}`);
    expect([recorded.calls, scene.targets]).toEqual([['data 2'], ['/a', '/b']]);
  });

  it('that is answered in the middle of a chunk gets no more of it', () => {
    for (const isClosing of [false, true]) {
      const scene = new Scene({ collects: false });
      scene.say(chunkedHead('/a'));
      const [recorded] = scene.requests;
      recorded.request.collect({
        onData: (bytes, start, end) => {
          recorded.onData(bytes, start, end);
          recorded.request.mustClose = isClosing;
          recorded.answer('enough');
        },
        onEnd: () => recorded.onEnd(),
      });
      scene.say('2\r\nab\r\n3\r\ncde\r\n', `0\r\n\r\n${get('/b')}`);
      expect(recorded.calls).toEqual(['data 2']);
      expect([scene.targets, scene.hears(), scene.socket.isEnded]).toEqual(
        isClosing ? [['/a'], ['200 enough close'], true] : [['/a', '/b'], ['200 enough'], false],
      );
    }
  });

  it('is complete for a handler that answers at its last byte', () => {
    const scene = new Scene({ collects: false });
    scene.say(post('/a', 'hello', expecting).slice(0, -5));
    const [recorded] = scene.requests;
    recorded.request.collect({ onData: () => recorded.answer('whole'), onEnd: () => expect.unreachable() });
    scene.say(`hello${get('/b')}`);
    expect(scene.heard()).toMatch(/Connection: keep-alive/);
    expect(scene.targets).toEqual(['/a', '/b']);
  });

  it.each(['HTTP/1.0', 'HTTP/1.1'])('of %s may ask for the end, and nothing behind it is looked at', (version) => {
    const scene = answering();
    scene.say(`GET /a ${version}\r\nHost: x\r\nConnection: close\r\n\r\n${get('/b')}`, 'NONSENSE\n');
    scene.say(get('/c'));
    expect([scene.targets, scene.hears(), scene.socket.isEnded]).toEqual([['/a'], ['200 /a close'], true]);
    expect(scene.refusals).toEqual([]);
  });

  it('with a body that asks for the end is read to its own', () => {
    const scene = new Scene();
    scene.say(post('/a', 'hello', 'Connection: close\r\n').slice(0, -1));
    scene.say('oX');
    scene.requests[0].answer('done');
    expect([scene.requests[0].content, scene.hears()]).toEqual(['hello', ['200 done close']]);
  });
});

describe('answers that wait', () => {
  it('behind others are counted until they leave or their client does', () => {
    for (const leaves of [false, true]) {
      const scene = new Scene();
      scene.say(get('/1') + get('/2') + get('/3'));
      scene.requests[1].answer('two', [Buffer.alloc(100_000)]);
      scene.requests[2].answer('three');
      const headBytes = 3 * (get('/1').length - 2);
      expect(scene.waitingBytes).toBe(headBytes + 100_008);
      if (leaves) scene.connection.lost();
      else scene.requests[0].answer('one');
      scene.heard();
      expect(scene.waitingBytes).toBe(0);
    }
  });

  it('in the socket are counted until it has taken them', () => {
    const scene = new Scene();
    scene.socket.isSlow = true;
    scene.say(get('/1'));
    scene.requests[0].answer('', [Buffer.alloc(300_000)]);
    scene.heard();
    expect(scene.waitingBytes).toBeGreaterThan(300_000);
    scene.socket.takeAll();
    scene.connection.drained();
    expect(scene.waitingBytes).toBe(0);
  });

  it('are expected to be as large as the last ones, and no more are asked for than a client may leave unread', () => {
    const scene = new Scene({ limits: { maxUnsentBytes: 1000, expectedAnswerBytes: 250 } });
    scene.say(get('/').repeat(40));
    expect(scene.requests).toHaveLength(4);
    scene.requests[0].answer('', [Buffer.alloc(2000)]);
    scene.readTurn.endTurn();
    for (let i = 1; i < 4; i++) scene.requests[i].answer('');
    scene.readTurn.endTurn();
    expect(scene.requests).toHaveLength(5);
    for (let i = 4; i < 40; i++) {
      scene.requests[i].answer('');
      scene.heard();
    }
    expect(scene.requests).toHaveLength(40);
    expect(scene.hears()).toEqual([]);
    expect(scene.waitingBytes).toBe(0);
  });
});

describe('pipelined requests', () => {
  it('are answered in one write, and in their order whenever each is answered', () => {
    const scene = new Scene();
    scene.say(get('/a') + get('/b'), get('/c') + post('/d', 'x'));
    const [a, b, c, d] = scene.requests;
    d.answer('d');
    b.answer('b');
    expect(scene.hears()).toEqual([]);
    a.answer('a');
    expect(scene.hears()).toEqual(['200 a', '200 b']);
    c.answer('c');
    expect(scene.hears()).toEqual(['200 c', '200 d']);
    expect([scene.socket.writes.length, scene.connection.isIdle]).toEqual([2, true]);
  });

  it('beyond the limit wait until one is answered, with all that is behind them', () => {
    const scene = new Scene({ limits: { maxPipelined: 2 } });
    const rest = post('/d', 'hello') + get('/e') + post('/f', 'half').slice(0, -2);
    scene.say(get('/a') + get('/b') + get('/c') + rest);
    expect([scene.targets, scene.socket.isPaused()]).toEqual([['/a', '/b'], true]);
    scene.requests[1].answer('b');
    expect(scene.targets).toEqual(['/a', '/b']);
    scene.requests[0].answer('a');
    scene.readTurn.endTurn();
    expect(scene.targets).toEqual(['/a', '/b', '/c', '/d']);
    scene.say('l');
    scene.requests[2].answer('c');
    scene.requests[3].answer('d');
    scene.readTurn.endTurn();
    expect([scene.targets, scene.socket.isPaused()]).toEqual([['/a', '/b', '/c', '/d', '/e', '/f'], false]);
    scene.say('f');
    expect(scene.requests.map(({ content }) => content)).toEqual(['', '', '', 'hello', '', 'half']);
    scene.requests[4].answer('e');
    scene.requests[5].answer('f');
    expect(scene.hears()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].map((text) => `200 ${text}`));
  });

  it('beyond the limit are served however they are cut', () => {
    const text = Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? post(`/${i}`, 'body') : get(`/${i}`))).join('');
    for (const cut of [1, 7, 50, 1000]) {
      const scene = new Scene({ limits: { maxPipelined: 3 } });
      for (const piece of text.match(new RegExp(`[\\s\\S]{1,${cut}}`, 'g')) ?? []) scene.say(piece);
      for (let i = 0; i < 12; i++) {
        scene.requests[i].answer(`${i}`);
        scene.readTurn.endTurn();
      }
      expect(scene.hears()).toEqual(Array.from({ length: 12 }, (_, i) => `200 ${i}`));
      expect([scene.connection.isIdle, scene.socket.isPaused()]).toEqual([true, false]);
    }
  });

  it('wait while too much waits for the client to read', () => {
    const scene = new Scene({ limits: { maxUnsentBytes: 1000 }, onRequest: (each) => each.answer('x'.repeat(600)) });
    scene.socket.isSlow = true;
    for (let i = 0; i < 10; i++) {
      scene.say(get('/a'));
      scene.turn.end();
    }
    expect([scene.requests.length, scene.socket.isPaused()]).toEqual([2, true]);
    scene.socket.isSlow = false;
    scene.socket.takeAll();
    scene.connection.drained();
    scene.readTurn.endTurn();
    expect([scene.requests.length, scene.socket.isPaused()]).toEqual([10, false]);
    expect(scene.hears()).toEqual(Array(10).fill('200 600 bytes'));
  });

  it('that are answered at once wait as well, though all came in one read', async () => {
    const scene = new Scene({
      limits: { maxUnsentBytes: 1_000_000 },
      onRequest: (each) => each.answer('x'.repeat(100_000)),
    });
    scene.socket.isSlow = true;
    scene.say(get('/a').repeat(1000));
    expect(scene.requests.length).toBeLessThan(20);
    expect(scene.socket.isPaused()).toBe(true);
    scene.socket.isSlow = false;
    scene.socket.takeAll();
    while (scene.requests.length < 1000) {
      scene.connection.drained();
      scene.endTurn();
    }
    expect(scene.hears()).toEqual(Array(1000).fill('200 100000 bytes'));
    await new Promise(setImmediate);
    expect(scene.requests.every(({ releases }) => releases === 1)).toBe(true);
  });

  it('after one that ends the connection are dropped', () => {
    const scene = new Scene();
    scene.say(get('/a') + get('/b'), post('/c', 'hello').slice(0, -1));
    const [a, b, c] = scene.requests;
    b.answer('never');
    a.request.mustClose = true;
    a.answer('last');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 last close'], true]);
    expect([a, b, c].map(({ calls, releases }) => [...calls, releases])).toEqual([[1], [1], ['data 4', 'gone', 0]]);
    c.answer('too late');
    expect([c.releases, scene.heard()]).toEqual([1, '']);
  });
});

describe('an answer', () => {
  const large = Buffer.alloc(40_000, 'x');

  it('gives its memory back when its last byte has left, small ones at once', () => {
    const scene = new Scene();
    scene.socket.isSlow = true;
    scene.say(get('/a') + get('/b'));
    scene.requests[0].answer('', [Buffer.from('small')]);
    scene.requests[1].answer('', [large, Buffer.from('end')]);
    expect(scene.requests.map(({ releases }) => releases)).toEqual([1, 0]);
    scene.turn.end();
    expect(scene.requests[1].releases).toBe(0);
    scene.socket.takeAll();
    expect(scene.requests[1].releases).toBe(1);
    expect(scene.hears()).toEqual(['200 small', '200 40003 bytes']);
  });

  it.each([
    ['waits for its turn', 0, false],
    ['has been given to the writer', 1, false],
    ['is under way', 1, true],
  ])('gives its memory back once when the connection is lost while it %s', async (_, index, isSent) => {
    const scene = new Scene();
    scene.socket.isSlow = true;
    if (index === 0) scene.say(get('/before'));
    scene.say(get('/a'));
    const recorded = scene.requests.at(-1) as RecordedRequest;
    recorded.answer('', [large]);
    if (isSent) scene.turn.end();
    expect(recorded.releases).toBe(0);
    scene.socket.destroy();
    await new Promise(setImmediate);
    expect(recorded.releases).toBe(1);
    scene.turn.end();
    scene.socket.takeAll();
    expect(recorded.releases).toBe(1);
  });

  it('to HEAD gives its memory back though nothing of it is sent', () => {
    const scene = new Scene();
    scene.say(get('/a').replace('GET', 'HEAD'));
    scene.requests[0].answer('', [large]);
    expect([scene.requests[0].releases, scene.heard().length < 300]).toEqual([1, true]);
  });

  it('is given once; a second one is ignored', () => {
    const scene = new Scene();
    scene.say(get('/a'));
    scene.requests[0].answer('first');
    scene.requests[0].answer('second');
    expect([scene.hears(), scene.requests[0].releases]).toEqual([['200 first'], 2]);
  });

  it('after the connection is lost only gives its memory back', async () => {
    const scene = new Scene();
    scene.say(get('/a') + post('/b', 'hello').slice(0, -1));
    scene.socket.destroy();
    await new Promise(setImmediate);
    expect(scene.requests.map(({ calls }) => calls)).toEqual([['gone'], ['data 4', 'gone']]);
    for (const each of scene.requests) each.answer('too late', [large]);
    expect(scene.requests.map(({ releases }) => releases)).toEqual([1, 1]);
    expect(scene.heard()).toBe('');
  });
});

describe('a client that waits for leave to send the body', () => {
  const head = post('/a', 'hello', expecting).slice(0, -5);

  it('gets `100 Continue` once, when the body is wanted', () => {
    const scene = new Scene();
    scene.say(head);
    expect(scene.heard()).toBe(continued);
    scene.say('he');
    scene.say('llo');
    scene.requests[0].answer('done');
    expect([scene.hears(), scene.requests[0].content]).toEqual([['200 done'], 'hello']);
  });

  it('gets it for a body in chunks too', () => {
    const scene = new Scene();
    scene.say(chunkedHead('/a', expecting));
    expect(scene.heard()).toBe(continued);
  });

  it('gets none while the body is not wanted, and the answer ends the connection', () => {
    const scene = new Scene({ collects: false });
    scene.say(head);
    expect(scene.heard()).toBe('');
    scene.requests[0].answer('no');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 no close'], true]);
    scene.say(get('/b'));
    expect(scene.targets).toEqual(['/a']);
  });

  it('gets none when it did not wait', () => {
    const scene = new Scene({ collects: false });
    scene.say(`${head}he`);
    scene.requests[0].request.collect(scene.requests[0]);
    scene.say('llo');
    scene.requests[0].answer('done');
    expect(scene.hears()).toEqual(['200 done']);
  });

  it('gets it behind the answers that are due, and only then', () => {
    const scene = new Scene();
    scene.say(get('/before') + head);
    expect(scene.heard()).toBe('');
    scene.requests[0].answer('before');
    expect(scene.heard()).toMatch(/\r\n\r\nbeforeHTTP\/1\.1 100 Continue\r\n\r\n$/);
    scene.say('hello');
    scene.requests[1].answer('done');
    expect(scene.hears()).toEqual(['200 done']);
  });

  it('gets none when it is not its turn before the body comes', () => {
    const scene = new Scene();
    scene.say(get('/before') + head);
    scene.say('h');
    scene.requests[0].answer('before');
    scene.say('ello');
    scene.requests[1].answer('done');
    expect(scene.hears()).toEqual(['200 before', '200 done']);
  });

  it('is read on after an early answer when it has got its leave', () => {
    const scene = new Scene();
    scene.say(head);
    scene.requests[0].answer('early');
    expect(scene.heard()).toMatch(/Connection: keep-alive/);
    scene.say(`hello${get('/b')}`);
    expect(scene.targets).toEqual(['/a', '/b']);
  });
});

describe('an invalid request', () => {
  it('is refused behind the answers that are due, and nothing behind it is looked at', () => {
    const scene = new Scene();
    scene.say(`${get('/a')}NONSENSE\r\n\r\n${get('/b')}`);
    scene.say(get('/c'));
    expect([scene.targets, scene.refusals.length, scene.hears()]).toEqual([['/a'], 1, []]);
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 a', '400 refused close'], true]);
  });

  it('in a body is refused in place of its answer', () => {
    const scene = new Scene();
    scene.say(`${chunkedHead('/a')}2\r\nab\r\nX`);
    expect(scene.hears()).toEqual(['400 refused close']);
    expect([scene.requests[0].calls, scene.requests[0].request.isOpen]).toEqual([['data 2'], false]);
    scene.requests[0].answer('too late');
    expect([scene.heard(), scene.requests[0].releases]).toEqual(['', 1]);
  });

  it('in a body that was answered ends the connection', () => {
    const scene = new Scene();
    scene.say(`${chunkedHead('/a')}2\r\nab\r\n`);
    scene.requests[0].answer('early');
    expect(scene.hears()).toEqual(['200 early']);
    scene.say(`X${get('/b')}`);
    expect([scene.heard(), scene.socket.isEnded, scene.targets]).toEqual(['', true, ['/a']]);
  });

  it('in a body whose answer waits ends the connection with that', () => {
    const scene = new Scene();
    scene.say(get('/a') + chunkedHead('/b'));
    scene.requests[1].answer('b');
    scene.say(`X${get('/c')}`);
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.refusals, scene.socket.isEnded]).toEqual([['200 a', '200 b close'], [], true]);
  });

  it('in the body of HEAD is refused without a body', () => {
    const scene = new Scene();
    scene.say(`${chunkedHead('/a').replace('POST', 'HEAD')}X`);
    expect(scene.heard()).toMatch(/^HTTP\/1\.1 400 [\s\S]*Content-Length: 7\r\n[\s\S]*\r\n\r\n$/);
  });

  it('is refused beyond the limit of requests as well', () => {
    const scene = new Scene({ limits: { maxPipelined: 1 } });
    scene.say(`${get('/a')}NONSENSE\n`);
    expect(scene.refusals).toEqual([]);
    scene.requests[0].answer('a');
    expect(scene.hears()).toEqual(['200 a', '400 refused close']);
  });
});

describe('a handler that throws', () => {
  it.each([
    ['for a request', false],
    ['for a body', true],
  ])('%s costs only its connection', async (_, isLater) => {
    const failure = new TypeError('tripped');
    const fail = (): never => {
      throw failure;
    };
    const scene = new Scene({
      collects: false,
      onRequest: ({ request }) => {
        if (request.head.target === '/a') return;
        if (!isLater) fail();
        request.collect({ onData: fail, onEnd: fail });
      },
    });
    scene.say(get('/a') + post('/b', 'hello') + get('/c'));
    expect([scene.unexpected, scene.socket.destroyed]).toEqual([[failure], true]);
    await new Promise(setImmediate);
    expect([scene.requests[0].calls, scene.targets]).toEqual([['gone'], ['/a', '/b']]);
  });
});

describe('a connection that drains', () => {
  it('ends with the answer of its newest request, and tells when that has left', async () => {
    let looks = 0;
    const scene = new Scene();
    scene.say(get('/a') + get('/b'));
    scene.connection.drain(() => looks++);
    scene.requests[0].answer('a');
    scene.say(get('/c'));
    scene.requests[1].answer('b');
    expect(scene.hears()).toEqual(['200 a', '200 b']);
    await new Promise(setImmediate);
    expect([looks > 0, scene.socket.isEnded]).toEqual([true, false]);
    looks = 0;
    scene.requests[2].answer('c');
    const heard = scene.hears();
    await new Promise(setImmediate);
    expect([heard, looks, scene.socket.isEnded]).toEqual([['200 c close'], 1, true]);
  });

  it('without a request ends with the next one', () => {
    const scene = answering();
    scene.connection.drain(() => undefined);
    scene.say(get('/a') + get('/b'));
    expect([scene.hears(), scene.targets, scene.socket.isEnded]).toEqual([['200 /a close'], ['/a'], true]);
  });

  it('tells when an answer has left that was under way', () => {
    let looks = 0;
    const scene = answering();
    scene.socket.isSlow = true;
    scene.say(get('/a'));
    scene.turn.end();
    scene.connection.drain(() => looks++);
    scene.turn.end();
    expect([looks, scene.connection.isIdle]).toEqual([0, false]);
    scene.socket.takeAll();
    expect([looks, scene.connection.isIdle]).toEqual([1, true]);
  });
});
