/**
 * Lets a step of a load end as soon as the load is cancelled, even if the operation that it waits for cannot be
 * interrupted.
 */

/**
 * The outcome of `work`, or `signal.reason` as soon as that is aborted. A late result goes to `discard`, which must not
 * throw: the runtime while it opens a model, or a file system that hangs, cannot be interrupted and must not be waited
 * for.
 */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  discard: (late: T) => unknown = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const abort = (): void => {
      isOver = true;
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener('abort', abort);
        if (isOver) discard(value);
        else resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
  });
}
