/**
 * The account of one call in the memory budget, the same for both transports. The state lies in the call itself: an object
 * of its own would be garbage for each call. `CallContext` says what each of these is for.
 */

import type { MemoryBudget } from '../../../inference/memory-budget.ts';
import type { OutgoingMessage, UnaryCall } from './transport.ts';

export interface BudgetedCall {
  readonly budget: MemoryBudget;
  /** What the call has of the budget; released when it ends. */
  reservedBytes: number;
  readonly isEnded: boolean;
}

/** @throws InferenceError `resource_exhausted` when there is not enough. */
export function reserveFor(call: BudgetedCall, bytes: number, decodedBytes: number): void {
  if (call.isEnded) return;
  call.budget.reserveOrThrow(bytes, call.reservedBytes, decodedBytes);
  call.reservedBytes += bytes;
}

export function holdFor(call: BudgetedCall, bytes: number): void {
  if (call.isEnded) return;
  call.reservedBytes += bytes;
  call.budget.add(bytes);
}

export function releaseFor(call: BudgetedCall, bytes: number): void {
  if (call.isEnded) return;
  call.reservedBytes -= bytes;
  call.budget.release(bytes);
}

/** From now on the call releases what was reserved elsewhere. */
export function adoptFor(call: BudgetedCall, bytes: number): void {
  if (call.isEnded) call.budget.release(bytes);
  else call.reservedBytes += bytes;
}

/** Whether there is room to keep the answer until the caller takes it; else the call has failed. */
export function hasRoomFor(call: BudgetedCall & UnaryCall, message: OutgoingMessage): boolean {
  try {
    if (!call.isEnded) call.checkAnswer(message.byteLength, call.reservedBytes);
    return true;
  } catch (error) {
    message.discard?.();
    call.fail(error);
    return false;
  }
}

/** The call has ended. */
export function releaseAllOf(call: BudgetedCall): void {
  call.budget.release(call.reservedBytes);
  call.reservedBytes = 0;
}
