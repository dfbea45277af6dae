/** Both transports side by side: clients get the same answers. */

import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpFixture, startHttp, tensor } from '../../../fakes/http-client.ts';

const post = (value: number, more = ''): string => {
  const body = JSON.stringify({ id: `r${value}`, ...tensor('INT32', [value]) });
  return `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
};

const withoutDate = (text: string): string => text.replaceAll(/Date: [^\r]+/g, 'Date: then');
const heads = (text: string): number => [...text.matchAll(/HTTP\/1\.1 \d/g)].length;
const ids = (text: string): string[] => [...text.matchAll(/"id":"(\w+)"/g)].map((match) => match[1] as string);

/** What a client gets that sends the pieces one after the other and waits for the last answer. */
async function received(http: HttpFixture, pieces: readonly string[], isWhole: (text: string) => boolean) {
  const socket = connect(http.listening.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  for (const piece of pieces) socket.write(piece);
  await expect.poll(() => isWhole(text)).toBe(true);
  socket.destroy();
  return withoutDate(text);
}

describe('both transports', () => {
  const started: HttpFixture[] = [];
  const both = async (): Promise<HttpFixture[]> => {
    started.push(await startHttp({ transport: 'nereid' }), await startHttp({ transport: 'node' }));
    return started;
  };
  afterEach(() => {
    for (const { listening } of started.splice(0)) listening.close();
  });

  it.each([
    ['one', [post(1)], 1],
    ['pipelined', [post(1) + post(2) + post(3)], 3],
    ['pipelined with one of another kind', [`${post(1)}GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n${post(2)}`], 3],
    ['cut anywhere', [...post(1), ...post(2)], 2],
    ['asked to close', [post(1, 'Connection: close\r\n')], 1],
    ['of HTTP/1.0', [post(1).replace('HTTP/1.1', 'HTTP/1.0')], 1],
    ['of HTTP/1.0 that is kept', [post(1, 'Connection: keep-alive\r\n').replace('HTTP/1.1', 'HTTP/1.0')], 1],
    ['that fails', [post(1).replace('"INT32"', '"INT33"') + post(2)], 2],
  ])('answer the same bytes to requests %s', async (_name, pieces, answers) => {
    const texts: string[] = [];
    for (const http of await both()) {
      texts.push(await received(http, pieces, (text) => heads(text) === answers && /(\}|\r\n\r\n)$/.test(text)));
    }
    expect(texts[0]).toBe(texts[1]);
  });

  it.each([
    ['that expect to be told', post(1) + post(2, 'Expect: 100-continue\r\n') + post(3), [200, 200, 200]],
    ['that expect what is unknown', post(1) + post(2, 'Expect: x\r\n'), [200, 417]],
    ['without a host', `${post(1)}${post(2).replace('Host: x\r\n', '')}`, [200, 400]],
    ['followed by nonsense', `${post(1)}NONSENSE\r\n\r\n`, [200, 400]],
  ])('give the same statuses to requests %s', async (_name, bytes, statuses) => {
    const given = (text: string): number[] =>
      [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1])).filter((status) => status !== 100);
    for (const http of await both()) {
      expect(given(await received(http, [bytes], (text) => given(text).length === statuses.length))).toEqual(statuses);
    }
  });

  it('keep the order when a later request is answered first', async () => {
    for (const http of await both()) {
      const { server } = http;
      const answer = server.answer;
      const finish: (() => void)[] = [];
      server.answer = (request, context) =>
        new Promise((resolve) => finish.push(() => void answer(request, context).then(resolve)));
      const text = received(http, [post(1) + post(2) + post(3)], (got) => ids(got).length === 3);
      await expect.poll(() => finish.length).toBe(3);
      for (const at of [1, 2, 0]) {
        finish[at]?.();
        await new Promise(setImmediate);
      }
      expect(ids(await text)).toEqual(['r1', 'r2', 'r3']);
    }
  });

  it('end a drain only when the kernel has the last answer', async () => {
    for (const http of await both()) {
      const { server } = http;
      const answer = server.answer;
      let finish = (): void => undefined;
      server.answer = (request, context) =>
        new Promise((resolve) => {
          finish = () => void answer(request, context).then(resolve);
        });
      const text = received(http, [post(1)], (got) => got.endsWith('}'));
      await expect.poll(() => server.seen.length).toBe(1);
      finish();
      await http.listening.drain();
      expect(ids(await text)).toEqual(['r1']);
    }
  });
});
