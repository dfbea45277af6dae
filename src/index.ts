/** The entry point for programs that embed the server: settings in, a running server out. */

export { parseServeArguments } from './cli/serve-arguments.ts';
export { createServer, type ServerParts, StartEndedError, StartupError } from './create-server.ts';
export { type ErrorCode, InferenceError } from './errors.ts';
export type { Logger } from './logger.ts';
export type { RunningServer } from './running-server.ts';
export type { ServerConfig } from './server/server-config.ts';
