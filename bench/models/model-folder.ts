/** A temporary model repository that the benches fill and remove. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServedModel {
  readonly name: string;
  readonly onnx: Uint8Array;
  /** Text of config.pbtxt. */
  readonly config: string;
}

export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'nereid-bench-'));

  /** Writes version 1 of the model and returns the path of its file. */
  add(model: ServedModel): string {
    const folder = join(this.path, model.name, '1');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'model.onnx');
    writeFileSync(file, model.onnx);
    writeFileSync(join(this.path, model.name, 'config.pbtxt'), model.config);
    return file;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
