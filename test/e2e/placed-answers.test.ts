/**
 * Large answers are sent from the memory that the model wrote: whatever their clients do, nobody gets bytes of another
 * answer. Every element of an answer has the value of its request, so a byte from elsewhere is seen.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  data,
  errorCode,
  frameFlag,
  frameType,
  grpcMessage,
  headers,
  requestBlock,
  resetStream,
  setting,
  windowUpdate,
} from '../http2/frame-bytes.ts';
import { RawConnection } from '../http2/raw-connection.ts';
import { placeWideModel, wideInfer } from '../models/wide-model.ts';
import { frontendThreadCounts, frontendThreads } from './frontend-thread-counts.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const inferBlock = requestBlock('/inference.GRPCInferenceService/ModelInfer');

/** Answers of 16 KB to 2 MiB: below and above the sizes that are copied. */
const models = [4_000, 20_000, 65_536, 524_288].map((columns) => ({ name: `wide${columns}`, columns }));
type Model = (typeof models)[number];
const modelOf = (i: number): Model => models[i % models.length] as Model;

const largeWindow = 2 ** 30;
/** For an answer that has to come; a busy machine takes its time. */
const patienceMs = 30_000;

/** One client: its connection, and calls on it one after the other. */
class Client {
  readonly #connection: RawConnection;
  readonly #windowBytes: number;
  #nextId = 1;

  private constructor(connection: RawConnection, windowBytes: number) {
    this.#connection = connection;
    this.#windowBytes = windowBytes;
  }

  static async open(port: number, windowBytes = largeWindow): Promise<Client> {
    const connection = await RawConnection.open(port, [setting.initialWindowSize, windowBytes]);
    connection.write(windowUpdate(0, largeWindow));
    return new Client(connection, windowBytes);
  }

  /** Asks; the id of the stream. */
  ask(model: Model, value: number): number {
    const id = this.#nextId;
    this.#nextId += 2;
    const message = grpcMessage(wideInfer(model.name, value));
    this.#connection.write(headers(id, inferBlock), data(id, message, frameFlag.endStream));
    return id;
  }

  /** Waits for the answer, opening the window by `step` bytes after each pause where it is small. */
  async answer(id: number, { columns }: Model, value: number, pauseMs = 0): Promise<void> {
    const bytes = columns * 4;
    await this.#until(
      () => {
        if (this.#hasEnded(id)) return true;
        if (this.#windowBytes < largeWindow) this.#connection.write(windowUpdate(id, this.#windowBytes));
        return false;
      },
      `the end of the answer ${value}`,
      pauseMs,
    );
    const message = Buffer.concat(this.#take(id));
    expect(message.length, `bytes of the answer ${value}`).toBeGreaterThan(bytes);
    const numbers = new Float32Array(new Uint8Array(message.subarray(message.length - bytes)).buffer);
    expect(
      numbers.findIndex((each) => each !== value),
      `the first wrong element of the answer ${value}`,
    ).toBe(-1);
  }

  async begun(id: number): Promise<void> {
    const isBegun = () =>
      this.#connection.frames.some(({ type, streamId }) => type === frameType.data && streamId === id);
    await this.#until(isBegun, `the beginning of stream ${id}`, 1);
  }

  reset(id: number): void {
    this.#connection.write(resetStream(id, errorCode.cancel));
    this.#take(id);
  }

  leave(): void {
    this.#connection.destroy();
  }

  /**
   * Looks again and again. A server that gives wrong bytes may also break connections: the wait ends then, so that the
   * test fails for what it saw first instead of at its time limit.
   */
  async #until(isThere: () => boolean, what: string, pauseMs: number): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!isThere()) {
      if (this.#connection.isClosed) throw new Error(`the connection was closed before ${what}`);
      if (performance.now() > untilMs) throw new Error(`waited ${patienceMs} ms for ${what}`);
      await sleep(pauseMs);
    }
  }

  #hasEnded(id: number): boolean {
    return this.#connection.frames.some(
      ({ type, streamId, flags }) =>
        streamId === id && type === frameType.headers && (flags & frameFlag.endStream) !== 0,
    );
  }

  /** The contents of the frames of a stream, which are forgotten. */
  #take(id: number): Buffer[] {
    const { frames } = this.#connection;
    const own = frames.filter(({ streamId, type }) => streamId === id && type === frameType.data);
    const others = frames.filter(({ streamId }) => streamId !== id);
    frames.splice(0, frames.length, ...others);
    return own.map(({ content }) => content);
  }
}

describe.each(frontendThreadCounts('1,2'))('large answers, with %d frontend threads', (threads) => {
  let server: ServerProcess;
  let dispose: () => Promise<void>;

  beforeAll(async () => {
    const folder = await temporaryFolder();
    ({ dispose } = folder);
    for (const { name, columns } of models) await placeWideModel(folder.path, name, columns);
    const flags = ['--model-control-mode=explicit', '--load-model=*'];
    server = await ServerProcess.start(folder.path, [frontendThreads(threads), ...flags]);
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  const inflightBytes = async (): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return Number(/^nereid_inflight_bytes (\S+)/m.exec(text)?.[1]);
  };

  const control = async (model: string, what: 'load' | 'unload'): Promise<void> => {
    const answer = await fetch(`${server.url}/v2/repository/models/${model}/${what}`, { method: 'POST' });
    await answer.arrayBuffer();
    expect(answer.status).toBe(200);
  };

  let lastValue = 0;
  const nextValue = (): number => ++lastValue;

  /** Several requests at once on one connection, round by round. */
  async function readWell(rounds: number): Promise<void> {
    const client = await Client.open(server.ports.grpc);
    for (let round = 0; round < rounds; round++) {
      const asked = Array.from({ length: 6 }, (_, i) => {
        const [model, value] = [modelOf(i + round), nextValue()];
        return { model, value, id: client.ask(model, value) };
      });
      for (const { id, model, value } of asked) await client.answer(id, model, value);
    }
    client.leave();
  }

  /** Takes its answers in small steps, while others use all memory that becomes free. */
  async function readSlowly(rounds: number): Promise<void> {
    const client = await Client.open(server.ports.grpc, 30_000);
    for (let round = 0; round < rounds; round++) {
      const [model, value] = [modelOf(round + 1), nextValue()];
      await client.answer(client.ask(model, value), model, value, 2);
    }
    client.leave();
  }

  /** Resets streams in the middle of their answers, and reads the next one well. */
  async function resetInTheMiddle(rounds: number): Promise<void> {
    const client = await Client.open(server.ports.grpc, 100_000);
    for (let round = 0; round < rounds; round++) {
      const id = client.ask(modelOf(3), nextValue());
      await client.begun(id);
      client.reset(id);
      const [model, value] = [modelOf(round), nextValue()];
      await client.answer(client.ask(model, value), model, value);
    }
    client.leave();
  }

  /** Leaves in the middle of an answer, again and again. */
  async function leaveInTheMiddle(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const client = await Client.open(server.ports.grpc, 200_000);
      const id = client.ask(modelOf(3), nextValue());
      client.ask(modelOf(2), nextValue());
      if (round % 2 === 0) await client.begun(id);
      client.leave();
    }
  }

  it('are their own, whatever other clients do', async () => {
    await Promise.all([
      ...Array.from({ length: 4 }, () => readWell(12)),
      ...Array.from({ length: 3 }, () => readSlowly(5)),
      resetInTheMiddle(15),
      leaveInTheMiddle(15),
    ]);
    await expect.poll(inflightBytes).toBe(0);
  });

  it('are their own while models are loaded again, and while they wait for clients of a model that is gone', async () => {
    const model = modelOf(3);
    const waiting = await Client.open(server.ports.grpc, 50_000);
    const asked = Array.from({ length: 3 }, () => {
      const value = nextValue();
      return { value, id: waiting.ask(model, value) };
    });
    for (const { id } of asked) await waiting.begun(id);
    await control(model.name, 'load');
    await Promise.all([
      readWell(6),
      (async () => {
        for (let i = 0; i < 4; i++) for (const { name } of models) await control(name, 'load');
      })(),
    ]);
    await control(model.name, 'unload');
    for (const { id, value } of asked) await waiting.answer(id, model, value);
    waiting.leave();
    await control(model.name, 'load');
    await readWell(2);
    await expect.poll(inflightBytes).toBe(0);
  });
});
