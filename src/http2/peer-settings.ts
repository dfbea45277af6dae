/** The settings that the peer has sent (RFC 9113, section 6.5), with their defaults until then. */

import { ConnectionError, errorCode, protocolError } from './error-code.ts';
import { defaultFrameBytes, defaultWindowBytes, maxWindowBytes, readUint32 } from './frame-format.ts';

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Larger frames than this gain nothing (measured) and take a longer turn. */
const largestSentFrameBytes = 65_536;

export class PeerSettings {
  headerTableBytes = 4096;
  /** The smallest size in the latest SETTINGS; the last one in them is in force (RFC 7541, section 4.2). */
  smallestTableBytes = 4096;
  initialWindowBytes = defaultWindowBytes;
  /** The largest frame that we may send. */
  maxFrameBytes = defaultFrameBytes;

  /**
   * Takes the content of a SETTINGS frame; its length is a multiple of six.
   *
   * @throws ConnectionError for values that the RFC forbids. Unknown settings are ignored.
   */
  apply(bytes: Uint8Array, start: number, end: number): void {
    this.smallestTableBytes = this.headerTableBytes;
    for (let at = start; at < end; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const value = readUint32(bytes, at + 2);
      switch (id) {
        case settingId.headerTableSize:
          this.headerTableBytes = value;
          this.smallestTableBytes = Math.min(this.smallestTableBytes, value);
          break;
        case settingId.enablePush:
          if (value > 1) throw protocolError(`SETTINGS_ENABLE_PUSH is ${value}, expected 0 or 1`);
          break;
        case settingId.initialWindowSize:
          if (value > maxWindowBytes) {
            throw new ConnectionError(errorCode.flowControlError, `SETTINGS_INITIAL_WINDOW_SIZE is ${value}`);
          }
          this.initialWindowBytes = value;
          break;
        case settingId.maxFrameSize:
          if (value < defaultFrameBytes || value > 2 ** 24 - 1) {
            throw protocolError(`SETTINGS_MAX_FRAME_SIZE is ${value}, expected 16384 to 16777215`);
          }
          this.maxFrameBytes = Math.min(value, largestSentFrameBytes);
          break;
        default:
      }
    }
  }
}
