import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';

import { ProcessSignals } from '../../src/server/process-signals.ts';

describe('the signals of the process', () => {
  it('are those whose default would end the process or open the inspector', () => {
    const source = new EventEmitter();
    new ProcessSignals(source);
    expect(source.eventNames()).toEqual(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']);
  });

  it('are kept until there is a receiver, and delivered in order', () => {
    const source = new EventEmitter();
    const signals = new ProcessSignals(source);
    source.emit('SIGINT');
    source.emit('SIGTERM');
    const got: string[] = [];
    signals.deliver((signal) => got.push(signal));
    source.emit('SIGHUP');
    expect(got).toEqual(['SIGINT', 'SIGTERM', 'SIGHUP']);
  });

  it('are left to Node when released, with those that came', () => {
    const source = new EventEmitter();
    const signals = new ProcessSignals(source);
    source.emit('SIGUSR1');
    expect(signals.release()).toEqual(['SIGUSR1']);
    expect(source.eventNames()).toEqual([]);
  });
});
