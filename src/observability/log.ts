/**
 * The log of the server: one JSON object per line by pino, or readable lines where a person looks at a terminal.
 * `line-writer.ts` writes the lines to their descriptor.
 */

import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, pino } from 'pino';
import type { LogFields, Logger } from '../logger.ts';
import type { LogConfig } from '../server/server-config.ts';
import { descriptorEnd, LineWriter } from './line-writer.ts';
import { printable } from './printable.ts';

const standardError = 2;

/** Fields that may carry a credential, at the top of a line and one level below. */
const secretFields = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey', 'accessKey', 'credential'];
const redactedPaths = [
  ...secretFields.flatMap((field) => [field, `*.${field}`]),
  // Keys of restricted APIs, in the settings that are logged at start.
  'config.http.restrictions[*].value',
  'config.grpc.restrictions[*].value',
];

interface Log {
  readonly logger: Logger;
  /** Writes lines that waited for a slow reader, as far as possible without waiting, and closes the file. */
  close(): void;
}

/** Converts one JSON line to one line of the log, line end included. */
type LineFormat = (line: string) => string;

/** The formatter for people is loaded only where it is used. */
async function readableFormat(colorize: boolean): Promise<LineFormat> {
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({ colorize, translateTime: "SYS:yyyy-mm-dd'T'HH:MM:ss.lo", singleLine: true });
}

/** JSON escapes control characters; in readable lines a message must not be able to look like another line. */
const readableMessage = (message: string): string => message.split('\n').map(printable).join('\n    ');

/** A logger that gives each line, formatted, to `write`. */
export function makeLogger(
  level: LogConfig['level'],
  format: LineFormat | null,
  write: (line: string) => void,
): Logger {
  const lines: DestinationStream = { write: format === null ? write : (line) => write(format(line)) };
  const writer = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: { paths: redactedPaths, censor: '[redacted]' },
    },
    lines,
  );
  const shown = format === null ? (message: string): string => message : readableMessage;
  return {
    debug: (fields: LogFields, message) => writer.debug(fields, shown(message)),
    info: (fields: LogFields, message) => writer.info(fields, shown(message)),
    warn: (fields: LogFields, message) => writer.warn(fields, shown(message)),
    error: (fields: LogFields, message) => writer.error(fields, shown(message)),
  };
}

/** Writes a line. After dropped lines, a line reports their number as soon as there is room. */
export function writeLine(writer: LineWriter, line: string, logger: Logger): void {
  if (!writer.write(line)) return;
  const dropped = writer.takeDroppedLines();
  if (dropped > 0) logger.warn({ dropped }, 'the reader of the log was behind and lines were dropped');
}

function openLogFile(file: string): number {
  try {
    return openSync(file, 'a', 0o640);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the log file '${file}' given by --log-file cannot be opened: ${reason}`, { cause: error });
  }
}

/**
 * Format `auto` is readable lines on a terminal and JSON elsewhere. Rejects with one sentence when the file cannot be
 * opened. The log also closes itself when the process exits.
 */
export async function openLog(config: LogConfig): Promise<Log> {
  const fd = config.file === null ? standardError : openLogFile(config.file);
  const onTerminal = isatty(fd);
  const isReadable = config.format === 'text' || (config.format === 'auto' && onTerminal);
  const end = descriptorEnd(fd);
  const writer = new LineWriter(end);
  let isOpen = true;
  const { NO_COLOR: noColor } = process.env;
  const colorize = onTerminal && !noColor;
  const format = isReadable ? await readableFormat(colorize) : null;
  const logger = makeLogger(config.level, format, (line) => {
    if (isOpen) writeLine(writer, line, logger);
  });
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    process.removeListener('exit', close);
    writer.flush();
    end.close();
    if (config.file !== null) closeSync(fd);
  };
  process.on('exit', close);
  return { logger, close };
}
