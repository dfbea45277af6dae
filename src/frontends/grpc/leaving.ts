/** The error for calls that arrive while the server shuts down. */

import { type InferenceError, unavailable } from '../../errors.ts';

/** True from the moment the server decided to leave: no new work is taken, what was taken is finished. */
export type IsLeaving = () => boolean;

/** Text of reference behaviour.md §9. */
export const leavingText = 'GRPC server is shutting down and has stopped accepting new requests.';

export const leavingError = (): InferenceError => unavailable(leavingText);
