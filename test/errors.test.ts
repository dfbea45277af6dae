import { readdir, rename } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { causeField, InferenceError, internal, toInferenceError } from '../src/errors.ts';

const thrownBy = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );

describe('an unexpected error', () => {
  it.each([
    {
      name: 'with a path',
      work: () => readdir('/no such folder/of/a model'),
      text: "ENOENT: no such file or directory, scandir 'a model'",
    },
    {
      name: 'with two paths',
      work: () => rename('/nothing/here', '/nothing/there'),
      text: "ENOENT: no such file or directory, rename 'here' -> 'there'",
    },
    {
      name: 'with a path that ends in a slash',
      work: () => readdir('/nothing/here/'),
      text: "ENOENT: no such file or directory, scandir 'here/'",
    },
    {
      name: 'without a path',
      work: () => Promise.reject(new TypeError('x is no function')),
      text: 'x is no function',
    },
  ])('of the system $name is told without folders, which its cause keeps', async ({ work, text }) => {
    const thrown = await thrownBy(work());
    const error = toInferenceError(thrown);
    expect(error).toMatchObject({ code: 'internal', message: text, cause: thrown });
    expect(causeField(error)).toEqual(thrown.message === text ? {} : { cause: thrown.message });
  });

  it('shows the first of several causes in the log', () => {
    const error = new InferenceError('unavailable', 'the model', internal('a file', new Error('open /a/file')));
    expect(causeField(error)).toEqual({ cause: 'open /a/file' });
    expect(causeField(internal('alone'))).toEqual({});
    expect(causeField(internal('failed: disk full', new Error('disk full')))).toEqual({});
  });
});
