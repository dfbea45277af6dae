/** What rooms log through. The writer lives in `observability/log.ts`; tests pass `silentLogger` or record the lines. */

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
