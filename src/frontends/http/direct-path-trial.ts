/**
 * Tries whether this Node lets bodies and answers go the short way (`received-request.ts`, `exchange.ts`), which rests on
 * more than Node promises. Three requests over a connection in memory, the first two pipelined, are answered as the frontend
 * answers; when not exactly these answers come, the frontend takes the documented way.
 */

import { createServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../../time.ts';
import { MessagePool } from '../message-pool.ts';
import { ChunkGarbage } from './chunk-garbage.ts';
import { Exchange } from './exchange.ts';
import { OpenExchanges } from './open-exchanges.ts';
import { DirectRequest } from './received-request.ts';
import { receiveBody } from './request-body.ts';

/** Turns of the event loop after which no answer is expected any more; it takes four. */
const patience = 100;

const request = (body: string): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const answer = /HTTP\/1\.1 200 OK\r\n(?:[\w-]+: [^\r]+\r\n)+\r\n(first|second|third)/g;

export async function directPathWorks(clock: Clock): Promise<boolean> {
  const client = new MemorySocket();
  const open = new OpenExchanges(clock, true);
  const surroundings = { memory: new MessagePool(), garbage: new ChunkGarbage() };
  let finished = 0;
  const http = createServer({ IncomingMessage: DirectRequest, ServerResponse }, (received, response) => {
    const exchange = new Exchange(received, response, open, 0);
    open.open(exchange);
    response.once('close', () => finished++);
    receiveBody(received, surroundings, Number.MAX_SAFE_INTEGER, {
      onBody(body) {
        exchange.bodyReceived();
        const text = String(body);
        queueMicrotask(() => exchange.answerBytes(['Content-Length', String(text.length)], text));
      },
    });
  });
  try {
    open.connect(client as unknown as Socket);
    http.emit('connection', client);
    const two = request('first') + request('second');
    client.push(two.slice(0, -3));
    await turn(clock);
    client.push(two.slice(-3));
    if (!(await becomes(clock, () => client.received.endsWith('second') && finished === 2))) return false;
    client.push(request('third'));
    if (!(await becomes(clock, () => client.received.endsWith('third') && finished === 3))) return false;
    const bodies = [...client.received.matchAll(answer)].map((match) => match[1]);
    return bodies.join() === 'first,second,third' && client.received.replaceAll(answer, '') === '';
  } catch {
    return false;
  } finally {
    client.destroy();
    http.close();
  }
}

const turn = (clock: Clock): Promise<void> => new Promise((resolve) => void clock.soon(resolve));

async function becomes(clock: Clock, condition: () => boolean): Promise<boolean> {
  for (let turns = 0; turns < patience; turns++) {
    if (condition()) return true;
    await turn(clock);
  }
  return false;
}

/** What the server takes for a connection: `push` is what the client sends. */
class MemorySocket extends Duplex {
  received = '';

  override _read(): void {
    // Everything is pushed from outside.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.received += chunk.toString('latin1');
    done();
  }

  /** Node arms it for idle connections. */
  setTimeout(): this {
    return this;
  }
}
