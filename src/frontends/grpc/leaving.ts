/** The error for calls that arrive while the server shuts down. */

import { type InferenceError, unavailable } from '../../errors.ts';

/** True once the shutdown has begun: new calls are refused, accepted ones are answered. */
export type IsLeaving = () => boolean;

/** Triton's text. */
export const leavingText = 'GRPC server is shutting down and has stopped accepting new requests.';

export const leavingError = (): InferenceError => unavailable(leavingText);
