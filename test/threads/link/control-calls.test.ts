/** The control plane over a link. */

import { EventEmitter, once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InferenceError, unavailable } from '../../../src/errors.ts';
import type { ModelStatistics } from '../../../src/lifecycle/version-statistics.ts';
import type { LoadOptions } from '../../../src/server/inference-server.ts';
import { answerControlCalls, ControlCaller } from '../../../src/threads/link/control-calls.ts';
import { type LinkFixture, linkFixture } from './link-fixture.ts';

/** A port whose messages stay where they were posted. */
class HeldPort extends EventEmitter {
  readonly sent: { readonly id: number }[] = [];
  postMessage(message: { readonly id: number }): void {
    this.sent.push(message);
  }
  ref(): void {}
  unref(): void {}
  close(): void {}
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** All promises that can settle now have settled then. */
const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(() => queueMicrotask(resolve)));

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture();
});
afterEach(() => link.close());

describe('the control plane over a link', () => {
  it('answers as the server does', async () => {
    const { fake, server } = link;
    fake.index = [{ name: 'echo', version: '1', state: 'READY', reason: '' }];
    expect(await server.isLive()).toBe(true);
    fake.ready = false;
    expect(await server.isReady()).toBe(false);
    expect(await server.isModelReady('echo', '1')).toBe(true);
    expect(await server.serverMetadata()).toEqual(fake.server);
    expect(await server.modelMetadata('echo', '')).toEqual(fake.metadata('echo', ''));
    expect(await server.modelConfig('echo', '')).toEqual(fake.config('echo', ''));
    expect(await server.indexNames()).toEqual(['echo']);
    expect(await server.indexOf(['echo'], true)).toEqual(fake.index);
    expect(fake.indexCalls).toEqual([true]);
    await server.unloadModel('echo', { unloadDependents: true });
    expect(fake.unloads).toEqual([{ name: 'echo', unloadDependents: true }]);
  });

  it('passes names and versions on', async () => {
    const asked: string[][] = [];
    link.fake.statistics = (name, version) => {
      asked.push([name, version]);
      return [];
    };
    await link.server.readyNames('');
    await link.server.modelStatistics('modèle', '3');
    expect(asked).toEqual([
      ['', ''],
      ['modèle', '3'],
    ]);
  });

  it('brings numbers, lists and big integers back', async () => {
    const some = { name: 'echo', version: '1', inferenceCount: 2 ** 53 - 1, deep: [{ ns: 2n ** 64n - 1n, at: 0.5 }] };
    link.fake.statistics = () => [some as unknown as ModelStatistics];
    expect(await link.server.modelStatistics('echo', '')).toEqual([some]);
  });

  it('brings a configuration and files to a load', async () => {
    const whole = Buffer.from('....model bytes....');
    const options: LoadOptions = {
      config: '{"max_batch_size":8}',
      files: new Map([
        ['1/model.onnx', whole.subarray(4, 15)],
        ['labels.txt', new Uint8Array(0)],
      ]),
    };
    await link.server.loadModel('echo', options);
    const { name, options: got } = link.fake.loads[0];
    expect([name, got.config, [...got.files.keys()]]).toEqual(['echo', options.config, ['1/model.onnx', 'labels.txt']]);
    const file = got.files.get('1/model.onnx') as Uint8Array;
    expect(file).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(file).toString()).toBe('model bytes');
    expect(got.files.get('labels.txt')?.length).toBe(0);
    expect(whole.toString()).toBe('....model bytes....');
  });

  it('loads without files and configuration', async () => {
    await link.server.loadModel('echo', { config: null, files: new Map() });
    expect(link.fake.loads).toEqual([{ name: 'echo', options: { config: null, files: new Map() } }]);
  });

  it('fails with the code and the text of the server', async () => {
    link.fake.loadFailure = new InferenceError('failed_precondition', 'the model is broken – völlig');
    const failed = link.server.loadModel('echo', { config: null, files: new Map() });
    await expect(failed).rejects.toBeInstanceOf(InferenceError);
    await expect(failed).rejects.toMatchObject({
      code: 'failed_precondition',
      message: 'the model is broken – völlig',
    });
    await expect(link.server.modelMetadata('nobody', '')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('fails as internal when the server fails in an unknown way', async () => {
    link.fake.config = () => {
      throw new RangeError('out of range');
    };
    await expect(link.server.modelConfig('echo', '')).rejects.toMatchObject({
      code: 'internal',
      message: 'out of range',
    });
  });

  it('is logged with its cause when the server fails in an unknown way', async () => {
    const cause = new TypeError('no such field');
    link.fake.isReady = () => Promise.reject(cause);
    await expect(link.server.isReady()).rejects.toMatchObject({ code: 'internal', message: 'no such field' });
    expect(link.logger.lines).toEqual([
      { level: 'error', fields: { err: cause, method: 'isReady' }, message: 'no such field' },
    ]);
  });

  it('asks for the health of the server once for all concurrent questions', async () => {
    let asked = 0;
    link.fake.isLive = async () => {
      asked++;
      return true;
    };
    const answers = await Promise.all(Array.from({ length: 100 }, () => link.server.isLive()));
    expect([asked, answers.every((isLive) => isLive)]).toEqual([1, true]);
    link.fake.isLive = async () => {
      asked++;
      throw unavailable('Server exiting');
    };
    const failures = await Promise.allSettled([link.server.isLive(), link.server.isLive()]);
    expect([asked, failures.map(({ status }) => status)]).toEqual([2, ['rejected', 'rejected']]);
  });

  it('is answered with an error when there is no such call', async () => {
    const answer = once(link.ends.frontend.control, 'message');
    link.ends.frontend.control.postMessage({ id: 77, method: 'noSuchCall', parameters: [] });
    expect(await answer).toMatchObject([{ id: 77, error: { code: 'internal' } }]);
    expect(await link.server.isLive()).toBe(true);
  });

  it('fails with a sentence when the answer cannot cross threads', async () => {
    link.fake.config = () => ({ name: () => 'a function' }) as never;
    await expect(link.server.modelConfig('echo', '')).rejects.toMatchObject({ code: 'internal' });
    expect(await link.server.isLive()).toBe(true);
  });

  it('brings a flood of queries a few at a time, and other calls at once', async () => {
    const asked: string[] = [];
    const waiting: (() => void)[] = [];
    let most = 0;
    link.fake.isModelReady = (name) => {
      asked.push(name);
      most = Math.max(most, asked.length - answered);
      return new Promise((resolve, reject) => {
        waiting.push(() => (Number(name) % 3 === 0 ? reject(unavailable(name)) : resolve(true)));
      });
    };
    let answered = 0;
    const names = Array.from({ length: 200 }, (_, i) => String(i));
    const settled = Promise.allSettled(names.map((name) => link.server.isModelReady(name, '')));
    expect(await link.server.isLive()).toBe(true);
    while (answered < names.length) {
      while (waiting.length === 0) await link.settle();
      for (const answer of waiting.splice(0)) {
        answered++;
        answer();
      }
    }
    expect((await settled).filter(({ status }) => status === 'rejected').length).toBe(67);
    expect(asked).toEqual(names);
    expect(most).toBeLessThanOrEqual(32);
  });

  it('sends no further query in the turn of the event loop in which others were answered', async () => {
    const port = new HeldPort();
    const caller = new ControlCaller(port as unknown as MessagePort);
    const ask = caller.query('isModelReady');
    const answers: Promise<boolean>[] = [];
    // As a client with pipelined requests: each answer brings the next question.
    const askOnAndOn = async (name: string): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        const answer = ask(name, '');
        answers.push(answer);
        await answer;
      }
    };
    const clients = Array.from({ length: 20 }, (_, i) => askOnAndOn(String(i)));
    const sentPerTurn: number[] = [];
    while (port.sent.length > 0) {
      const sent = port.sent.splice(0);
      sentPerTurn.push(sent.length);
      for (const { id } of sent) {
        port.emit('message', { id, value: true, error: null });
        await nextTick();
      }
      expect(port.sent).toEqual([]);
      await nextTurn();
    }
    await Promise.all(clients);
    expect([answers.length, Math.max(...sentPerTurn)]).toEqual([100, 16]);
    expect(sentPerTurn.reduce((sum, count) => sum + count, 0)).toBe(100);
  });

  it('begins some calls of a thread in each turn of the event loop, in order', async () => {
    const { fake } = link;
    const asked: string[] = [];
    fake.isModelReady = async (name) => {
      asked.push(name);
      return true;
    };
    const names = Array.from({ length: 10 }, (_, i) => String(i));
    const port = new HeldPort();
    const stop = answerControlCalls(port as unknown as MessagePort, fake, link.logger);
    const askedPerTurn: number[] = [];
    for (const [id, name] of names.entries()) {
      port.emit('message', { id, method: 'isModelReady', parameters: [name, ''] });
      await nextTick();
    }
    while (asked.length < names.length) {
      askedPerTurn.push(asked.length);
      await nextTurn();
    }
    expect([askedPerTurn, asked]).toEqual([[4, 8], names]);
    expect(port.sent.map(({ id }) => id)).toEqual(names.map(Number));
    stop();
  });

  it('gives each call its own answer, in any order', async () => {
    const waiting: (() => void)[] = [];
    link.fake.isModelReady = (name) =>
      new Promise((resolve, reject) => {
        waiting.push(() => (name === 'gone' ? reject(unavailable(name)) : resolve(name === 'yes')));
      });
    const calls = ['yes', 'no', 'gone', 'yes'].map((name) => link.server.isModelReady(name, ''));
    const settled = Promise.allSettled(calls);
    while (waiting.length < 4) await link.settle();
    for (const answer of waiting.reverse()) answer();
    expect((await settled).map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message))).toEqual([
      true,
      false,
      'gone',
      true,
    ]);
  });

  it('is not answered any more when the link has ended', async () => {
    let answers = 0;
    link.fake.isReady = async () => {
      answers++;
      return true;
    };
    await link.server.isReady();
    link.host.close();
    void link.server.isReady();
    for (let i = 0; i < 5; i++) await link.settle();
    expect(answers).toBe(1);
  });
});
