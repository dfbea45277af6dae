import { describe, expect, it } from 'vitest';
import { InferAnswer } from '../../../../src/frontends/http/infer/response-codec.ts';
import { SlicedAnswer } from '../../../../src/frontends/http/infer/sliced-answer.ts';
import { SliceQueue } from '../../../../src/frontends/slice-queue.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeInferenceServer, output } from '../../../fakes/fake-inference-server.ts';
import { inferenceRequest } from '../../../fakes/make-request.ts';

const server = new FakeInferenceServer();
const count = 50_000;

/** A client that takes pieces while it can, as a connection asks for them. */
class Client {
  readonly pieces: Uint8Array[] = [];
  readonly source: SlicedAnswer;
  takes = true;
  ended = 0;
  released = 0;

  constructor(slices: SliceQueue) {
    const values = Float32Array.from({ length: count }, (_, i) => i);
    const data = new Uint8Array(values.buffer);
    const request = inferenceRequest();
    const response = server.respond(request, [output({ name: 'Y', datatype: 'FP32', shape: [count], data })]);
    const answer = new InferAnswer(response, { request, isBinaryByDefault: false, binaryNames: new Set() });
    this.source = new SlicedAnswer(
      answer,
      slices,
      () => this.ask(),
      () => this.released++,
    );
  }

  ask(): void {
    while (this.takes && this.ended === 0) {
      const piece = this.source.next();
      if (piece === 'later') return;
      if (piece === 'end') this.ended++;
      else this.pieces.push(piece);
    }
  }

  get values(): number[] {
    return JSON.parse(Buffer.concat(this.pieces).toString()).outputs[0].data;
  }
}

describe('a JSON answer that is made while it is sent', () => {
  it('makes one piece in each turn of the event loop, however many answers there are and however fast clients read', () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    const clients = [new Client(slices), new Client(slices), new Client(slices)];
    for (const client of clients) client.ask();
    const made = (): number => clients.reduce((sum, { pieces }) => sum + pieces.length, 0);
    expect(made()).toBe(0);
    for (let turns = 1; clients.some(({ ended }) => ended === 0); turns++) {
      clock.turn();
      for (const client of clients) client.ask();
      expect(made()).toBe(turns);
    }
    expect(clients[0].pieces.length).toBeGreaterThan(3);
    expect(clock.waitingCount).toBe(0);
    for (const { values, released } of clients) {
      expect(values).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(released).toBe(1);
    }
  });

  it('gives the slice of a client that takes nothing to others, and asks for another when it reads again', () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    const slow = new Client(slices);
    slow.ask();
    slow.takes = false;
    clock.turn();
    expect(clock.waitingCount).toBe(0);
    slow.takes = true;
    slow.ask();
    expect(slow.pieces).toHaveLength(0);
    clock.turn();
    expect(slow.pieces).toHaveLength(1);
  });
});
