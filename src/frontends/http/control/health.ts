/** Whether the server lives, whether it is ready, and whether a model is. */

import { unavailable } from '../../../errors.ts';
import { reasonNotReady } from '../../v2/model-readiness.ts';
import type { HttpContext } from '../http-context.ts';
import { emptyReply, type Reply } from '../reply.ts';
import { errorText } from '../transport/transport.ts';

export async function healthReply({ server, isExiting }: HttpContext, question: 'live' | 'ready'): Promise<Reply> {
  if (isExiting()) throw unavailable('Server exiting');
  const isGood = await (question === 'live' ? server.isLive() : server.isReady());
  return emptyReply(isGood ? 200 : 400);
}

export async function modelReadyReply(
  { server, isExiting }: HttpContext,
  model: string,
  version: string,
): Promise<Reply> {
  if (isExiting()) throw unavailable('Server exiting');
  const reason = await reasonNotReady(server, model, version);
  if (reason === null) return emptyReply(200);
  const error = `Model version not ready${reason === '' ? '' : `: ${reason}`}`;
  return { status: 400, json: errorText(error) };
}
