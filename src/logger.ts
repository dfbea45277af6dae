/**
 * The log interface of the rooms. `observability/log.ts` implements it; tests use `silentLogger` or record the lines.
 */

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured lines: the fields say about what, the message says what happened in one sentence. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

const ignore = (): void => undefined;

export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
