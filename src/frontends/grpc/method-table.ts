/** Every rpc of the server by full path, for whichever transport calls them. */

import { absentMethods } from './absent-methods.ts';
import { healthMethods } from './health-methods.ts';
import { type InferDependencies, inferMethod } from './infer-handler.ts';
import { metadataMethods } from './metadata-methods.ts';
import type { Protocol } from './protocol.ts';
import { reflectionMethods } from './reflection.ts';
import { repositoryMethods } from './repository-methods.ts';
import { streamInferMethod } from './stream-handler.ts';
import type { GrpcMethod } from './transport.ts';

export function methodTable(protocol: Protocol, dependencies: InferDependencies): readonly GrpcMethod[] {
  const methods = [
    inferMethod(dependencies),
    streamInferMethod(dependencies),
    ...healthMethods(protocol, dependencies),
    ...metadataMethods(protocol, dependencies.server),
    ...repositoryMethods(protocol, dependencies.server, dependencies.isLeaving),
    ...absentMethods(protocol),
  ];
  return [...methods, ...reflectionMethods(protocol, methods, dependencies.logger)];
}
