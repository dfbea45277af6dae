/** The kinds of servables that this server knows; the first one that matches a configuration loads it. */

import type { ServableKind } from '../servable.ts';
import { aliasKind } from './alias/alias-kind.ts';
import { onnxKind } from './onnx/onnx-kind.ts';

export const servableKinds: readonly ServableKind[] = [aliasKind, onnxKind];
