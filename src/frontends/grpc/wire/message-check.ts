/**
 * The checks that protobuf makes of a message and that the decoder of the control plane leaves out: lengths within the
 * message around them, texts in UTF-8, wire types as the schema has them. A message that is cut short would otherwise be
 * read as another, shorter request.
 */

import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { WireReader } from './reader.ts';

type DescribedMessage = MessageTypeDefinition<object, object>['type'];

/** The fields of google.protobuf.DescriptorProto that are used here. */
interface MessageDescription {
  readonly field: readonly { readonly number: number; readonly type: string; readonly typeName: string }[];
  readonly nestedType: readonly (MessageDescription & { readonly name: string })[];
}

interface FieldForm {
  readonly wireType: number;
  readonly isText: boolean;
  /** Of a nested message, else null. */
  readonly message: MessageForm | null;
}

type MessageForm = ReadonlyMap<number, FieldForm>;

const lengthDelimited = 2;

/** Types of other wire types than varint; all repeated scalars of control requests are texts. */
const wireTypes: ReadonlyMap<string, number> = new Map([
  ['TYPE_STRING', lengthDelimited],
  ['TYPE_BYTES', lengthDelimited],
  ['TYPE_MESSAGE', lengthDelimited],
  ['TYPE_DOUBLE', 1],
  ['TYPE_FIXED64', 1],
  ['TYPE_SFIXED64', 1],
  ['TYPE_FLOAT', 5],
  ['TYPE_FIXED32', 5],
  ['TYPE_SFIXED32', 5],
]);

type FindMessage = (name: string) => DescribedMessage | undefined;

/**
 * @param described a message that does not contain itself
 * @param find      finds a message of the same package that stands in no other
 */
export function messageForm(described: DescribedMessage, find: FindMessage): MessageForm {
  const { field } = described as MessageDescription;
  return new Map(
    field.map(({ number, type, typeName }) => {
      const message = type === 'TYPE_MESSAGE' ? messageForm(messageNamed(typeName, described, find), find) : null;
      return [number, { wireType: wireTypes.get(type) ?? 0, isText: type === 'TYPE_STRING', message }];
    }),
  );
}

/** The message that a field of `around` names: one inside it, or a path from one of the package. */
function messageNamed(typeName: string, around: DescribedMessage, find: FindMessage): DescribedMessage {
  const [first = '', ...path] = typeName.split('.');
  let found = nestedNamed(around, first) ?? find(first);
  for (const name of path) found = found && nestedNamed(found, name);
  if (found === undefined) throw new Error(`the schema has no message '${typeName}'`);
  return found;
}

const nestedNamed = (described: DescribedMessage, wanted: string): DescribedMessage | undefined =>
  (described as MessageDescription).nestedType.find(({ name }) => name === wanted);

/** @throws InferenceError `invalid_argument` */
export function checkMessage(reader: WireReader, form: MessageForm): void {
  while (reader.at < reader.limit) {
    reader.countField();
    const tag = reader.readTag();
    const field = form.get(tag >>> 3);
    if (field === undefined) reader.skipUnknown(tag, 0);
    else if ((tag & 7) !== field.wireType) reader.skipUnknown(tag, tag >>> 3);
    else if (field.isText) reader.passText();
    else if (field.message === null) reader.skipUnknown(tag, 0);
    else {
      const outer = reader.enter();
      checkMessage(reader, field.message);
      reader.leave(outer);
    }
  }
}
