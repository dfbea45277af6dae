/** A logger that keeps its lines. */

import type { LogFields, Logger } from '../../src/logger.ts';

export interface LoggedLine {
  readonly level: keyof Logger;
  readonly fields: LogFields;
  readonly message: string;
}

export class RecordingLogger implements Logger {
  readonly lines: LoggedLine[] = [];

  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }

  info(fields: LogFields, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }

  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }

  error(fields: LogFields, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}
