import { describe, expect, it } from 'vitest';
import { PeerSettings } from '../../src/http2/peer-settings.ts';
import { errorCode, type SettingPair, setting, settings } from './frame-bytes.ts';

function apply(...pairs: readonly SettingPair[]): PeerSettings {
  const peer = new PeerSettings();
  const frame = settings(...pairs);
  peer.apply(frame, 9, frame.length);
  return peer;
}

describe('PeerSettings', () => {
  it('has the defaults of RFC 9113 before SETTINGS', () => {
    expect(apply()).toMatchObject({ headerTableBytes: 4096, initialWindowBytes: 65_535, maxFrameBytes: 16_384 });
  });

  it('takes the values of SETTINGS, the last of several', () => {
    const peer = apply(
      [setting.headerTableSize, 100],
      [setting.initialWindowSize, 1],
      [setting.initialWindowSize, 2 ** 31 - 1],
      [setting.maxFrameSize, 20_000],
    );
    expect(peer).toMatchObject({ headerTableBytes: 100, initialWindowBytes: 2 ** 31 - 1, maxFrameBytes: 20_000 });
  });

  it('uses no larger frames than are of use', () => {
    expect(apply([setting.maxFrameSize, 2 ** 24 - 1]).maxFrameBytes).toBe(65_536);
  });

  it('ignores unknown settings and those for servers only', () => {
    const ignored: SettingPair[] = [
      [0, 9],
      [7, 9],
      [0xffff, 2 ** 32 - 1],
      [setting.maxConcurrentStreams, 0],
      [setting.maxHeaderListSize, 1],
      [setting.enablePush, 0],
      [setting.enablePush, 1],
    ];
    expect(apply(...ignored)).toEqual(apply());
  });

  it.each<readonly [string, SettingPair, number]>([
    ['ENABLE_PUSH', [setting.enablePush, 2], errorCode.protocol],
    ['INITIAL_WINDOW_SIZE', [setting.initialWindowSize, 2 ** 31], errorCode.flowControl],
    ['MAX_FRAME_SIZE', [setting.maxFrameSize, 16_383], errorCode.protocol],
    ['MAX_FRAME_SIZE', [setting.maxFrameSize, 2 ** 24], errorCode.protocol],
  ])('refuses SETTINGS_%s out of its range: %j', (name, pair, code) => {
    expect(() => apply(pair)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(name) }));
  });
});
