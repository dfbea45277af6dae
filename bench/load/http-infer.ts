/** An inference as HTTP/1.1 bytes, tensors in the binary extension both ways. */

import { datatypeOf, type InferCase, inputName, outputName } from './infer-case.ts';

/** The whole request, ready to be written as often as wanted. */
export function httpRequest(inferCase: InferCase, host: string): Buffer {
  const json = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: inputName,
          shape: inferCase.shape,
          datatype: datatypeOf(inferCase),
          parameters: { binary_data_size: inferCase.input.byteLength },
        },
      ],
      outputs: [{ name: outputName, parameters: { binary_data: true } }],
    }),
  );
  const head = [
    `POST /v2/models/${inferCase.model}/infer HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/octet-stream',
    `Inference-Header-Content-Length: ${json.length}`,
    `Content-Length: ${json.length + inferCase.input.byteLength}`,
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), json, inferCase.input]);
}
