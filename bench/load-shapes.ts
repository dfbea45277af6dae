/** The shapes of load that a whole build is compared over, and the models that they ask. */

import type { InferCase } from './load/infer-case.ts';
import type { Protocol } from './load/load-plan.ts';
import type { ServerLoad } from './load/server-load.ts';
import { imageCases, imageModel } from './models/image-model.ts';
import type { ServedModel } from './models/model-folder.ts';
import { smallCases, smallModel } from './models/small-model.ts';
import { tinyCases, tinyModel } from './models/tiny-model.ts';

const loads: readonly { readonly what: string; readonly cases: readonly InferCase[]; readonly isLarge: boolean }[] = [
  { what: 'tiny 64 B', cases: tinyCases, isLarge: false },
  { what: 'small 1 KB', cases: smallCases, isLarge: false },
  { what: 'image 602 KB', cases: imageCases, isLarge: true },
];

/** Connections x requests under way on each; HTTP/1.1 has one on each. */
const connectionsOf = (protocol: Protocol, isLarge: boolean): readonly (readonly [number, number])[] => {
  if (isLarge) return protocol === 'grpc' ? [[4, 4]] : [[16, 1]];
  const shared = [
    [1, 1],
    [64, 1],
  ] as const;
  return protocol === 'grpc' ? [...shared, [4, 16], [16, 4]] : [...shared, [4, 16]];
};

/** For example `grpc tiny 64 B 1x1`. */
export const loadShapes: readonly ServerLoad[] = (['grpc', 'http'] as const).flatMap((protocol) =>
  loads.flatMap(({ what, cases, isLarge }) =>
    connectionsOf(protocol, isLarge).map(([connections, outstanding]) => ({
      name: `${protocol} ${what} ${connections}x${outstanding}`,
      protocol,
      cases,
      connections,
      outstanding,
    })),
  ),
);

export const shapeModels: readonly ServedModel[] = [tinyModel, smallModel, imageModel];
