/** An answer of the control endpoints as a value. */

export interface Reply {
  readonly status: number;
  /** JSON text, or '' for an answer without a body. */
  readonly json: string;
}

export const emptyReply = (status: number): Reply => ({ status, json: '' });

export const jsonReply = (json: string): Reply => ({ status: 200, json });
