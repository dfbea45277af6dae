import { describe, expect, it } from 'vitest';

import { ArrivalOrder } from '../../../../src/frontends/http/control/arrival-order.ts';

interface Held<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

function held<Value>(): Held<Value> {
  let resolve: Held<Value>['resolve'] = () => undefined;
  let reject: Held<Value>['reject'] = () => undefined;
  const promise = new Promise<Value>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('calls of one model', () => {
  it('begin in the order in which they came, however long each is read, and do not wait for each other to end', async () => {
    const order = new ArrivalOrder();
    const begun: string[] = [];
    const large = held<string>();
    const endless = order.run(
      'm',
      () => large.promise,
      (call) => {
        begun.push(call);
        return never();
      },
    );
    const small = order.run(
      'm',
      async () => 'small',
      async (call) => void begun.push(call),
    );
    await order.run(
      'other',
      async () => 'other',
      async (call) => void begun.push(call),
    );
    expect(begun).toEqual(['other']);
    large.resolve('large');
    await small;
    expect(begun).toEqual(['other', 'large', 'small']);
    await expect(Promise.race([endless, Promise.resolve('runs')])).resolves.toBe('runs');
  });

  it('go on after one that could not be read, whose failure is its own', async () => {
    const order = new ArrivalOrder();
    const broken = held<string>();
    const first = order.run('m', () => broken.promise, never);
    const second = order.run(
      'm',
      async () => 'b',
      async () => undefined,
    );
    broken.reject(new Error('no JSON'));
    await expect(first).rejects.toThrow('no JSON');
    await expect(second).resolves.toBeUndefined();
  });
});
