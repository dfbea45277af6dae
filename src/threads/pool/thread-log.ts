/** Log lines of a frontend thread, which the main thread writes. */

import type { LogFields, Logger } from '../../logger.ts';
import type { LogLevel, ThreadReport } from './thread-messages.ts';

export function reportingLogger(report: (message: ThreadReport) => void): Logger {
  const line =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void => {
      try {
        report({ kind: 'log', level, fields, message });
      } catch {
        // A field that cannot be sent to another thread is sent as text.
        const words = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
        report({ kind: 'log', level, fields: words, message });
      }
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
