/**
 * Classifiers from scikit-learn, LightGBM and XGBoost end by default in a ZipMap, which turns the matrix of
 * probabilities into a sequence of maps – a type that no inference protocol carries. Here such a model is rewritten in
 * memory to give the matrix itself; the keys of the maps become the labels of the output. The file is not touched.
 */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileThreads } from '../../file-threads.ts';
import { type ByteSource, bytesSource, fileError } from './byte-source.ts';
import { inMainGraph, isZipMap } from './onnx-facts.ts';
import {
  attributeFields,
  dimensionFields,
  graphFields,
  keyValueFields,
  labelledNodeRule,
  modelFields,
  modelRule,
  nodeFields,
  nodeRule,
  operatorSetFields,
  shapeFields,
  tensorFields,
  tensorRule,
  tensorTypeFields,
  typeFields,
  valueInfoFields,
  valueInfoRule,
} from './onnx-schema.ts';
import { readOnnxFile } from './read-onnx-file.ts';
import { type Edit, edited } from './wire-edit.ts';
import type { WireMessage } from './wire-message.ts';
import { scanMessage } from './wire-scanner.ts';
import { bytesField, integerField, joined } from './wire-writer.ts';

/** A model without its ZipMaps. */
interface RewrittenModel {
  /** A whole ONNX model, owned by the caller. */
  readonly bytes: Uint8Array;
  /** Class labels of each output that was rewritten, in the order of its columns; integer labels as decimal text. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

const float32 = 1;
/** Imported where a model has no ONNX operators at all; Identity exists in every version. */
const opsetForIdentity = 13;

/** New locations of external data by the old ones. */
export type MovedLocations = ReadonlyMap<string, string>;

const noMoves: MovedLocations = new Map();

/**
 * The model at `path` with every graph output that a ZipMap writes turned into an FP32 tensor [rows, classes] of the
 * same name; null when there is none. A ZipMap stays when something else reads its result or when it names
 * no classes. External data is referred to by its new locations. Rejects as `readOnnxFile` does.
 */
export async function withoutZipMap(path: string, moved: MovedLocations = noMoves): Promise<RewrittenModel | null> {
  const facts = await readOnnxFile(path);
  if (facts === null || facts.zipMapOutputs.length === 0) return null;
  let bytes: Uint8Array;
  try {
    bytes = await fileThreads.contents(() => readFile(path));
  } catch (error) {
    throw fileError(basename(path), error);
  }
  return rewriteZipMaps(facts.fileName, bytes, moved);
}

/** The same for a model in memory; `bytes` are not changed. */
export async function rewriteZipMaps(
  name: string,
  bytes: Uint8Array,
  moved: MovedLocations = noMoves,
): Promise<RewrittenModel | null> {
  const source = bytesSource(name, bytes);
  const places = new GraphPlaces(moved);
  const root = await scanMessage(source, modelRule, places.visit);
  const edits: Edit[] = [];
  const labels = new Map<string, readonly string[]>();
  for (const zipMap of places.zipMaps) {
    const output = zipMap.text(nodeFields.outputs);
    const declarations = places.values.filter((value) => value.text(valueInfoFields.name) === output);
    if (places.readNames.has(output) || !declarations.some(isOutput)) continue;
    const classes = await classLabels(source, zipMap);
    if (classes.length === 0) continue;
    edits.push({ of: zipMap, bytes: identity(zipMap, output) });
    // Two nodes that write one output are for ONNX Runtime to refuse; its declaration changes once.
    if (labels.has(output)) continue;
    labels.set(output, classes);
    for (const value of declarations)
      edits.push({ of: value, bytes: matrixDeclaration(value, output, classes.length) });
  }
  if (labels.size === 0) return null;
  for (const entry of places.movedLocations) edits.push({ of: entry, bytes: newLocation(entry, moved) });
  const parts = [...edited(bytes, root, edits)];
  if (!importsOnnx(root)) {
    parts.push(bytesField(modelFields.operatorSets, integerField(operatorSetFields.version, opsetForIdentity)));
  }
  return { bytes: joined(parts), labels };
}

/** The places of the parts that a rewrite changes, and every name that some node reads. */
class GraphPlaces {
  readonly zipMaps: WireMessage[] = [];
  /** Declarations of inner values and outputs. */
  readonly values: WireMessage[] = [];
  readonly readNames = new Set<string>();
  /** Entries of external data, anywhere in the model, whose location has changed. */
  readonly movedLocations: WireMessage[] = [];
  readonly #moved: MovedLocations;

  constructor(moved: MovedLocations) {
    this.#moved = moved;
  }

  readonly visit = (message: WireMessage): void => {
    if (message.rule === tensorRule && this.#moved.size > 0) {
      for (const entry of message.children(tensorFields.externalData)) {
        const isLocation = entry.text(keyValueFields.key) === 'location';
        if (isLocation && this.#moved.has(entry.text(keyValueFields.value))) this.movedLocations.push(entry);
      }
    }
    if (message.rule === nodeRule) {
      for (const name of message.texts(nodeFields.inputs)) this.readNames.add(name);
      if (inMainGraph(message) && isZipMap(message)) this.zipMaps.push(message);
    }
    if (message.rule === valueInfoRule && inMainGraph(message) && message.field !== graphFields.inputs) {
      this.values.push(message);
    }
  };
}

const isOutput = (value: WireMessage): boolean => value.field === graphFields.outputs;

async function classLabels(source: ByteSource, zipMap: WireMessage): Promise<readonly string[]> {
  const range = { start: zipMap.contentStart, end: zipMap.end };
  const node = await scanMessage(source, labelledNodeRule, () => {}, range);
  const attribute = (name: string): WireMessage | undefined =>
    node.children(nodeFields.attributes).find((candidate) => candidate.text(attributeFields.name) === name);
  const strings = attribute('classlabels_strings')?.texts(attributeFields.strings) ?? [];
  return strings.length > 0 ? strings : (attribute('classlabels_int64s')?.texts(attributeFields.ints) ?? []);
}

function newLocation(entry: WireMessage, moved: MovedLocations): Uint8Array {
  const location = moved.get(entry.text(keyValueFields.value)) ?? '';
  return bytesField(
    entry.field,
    bytesField(keyValueFields.key, 'location'),
    bytesField(keyValueFields.value, location),
  );
}

function identity(zipMap: WireMessage, output: string): Uint8Array {
  return bytesField(
    graphFields.nodes,
    bytesField(nodeFields.inputs, zipMap.text(nodeFields.inputs)),
    bytesField(nodeFields.outputs, output),
    bytesField(nodeFields.name, zipMap.text(nodeFields.name)),
    bytesField(nodeFields.operator, 'Identity'),
  );
}

function matrixDeclaration(value: WireMessage, output: string, classes: number): Uint8Array {
  const openDim = bytesField(shapeFields.dimensions);
  const classDim = bytesField(shapeFields.dimensions, integerField(dimensionFields.value, classes));
  const tensor = bytesField(
    typeFields.tensor,
    integerField(tensorTypeFields.elementType, float32),
    bytesField(tensorTypeFields.shape, openDim, classDim),
  );
  return bytesField(value.field, bytesField(valueInfoFields.name, output), bytesField(valueInfoFields.type, tensor));
}

const importsOnnx = (root: WireMessage): boolean =>
  root.children(modelFields.operatorSets).some((set) => ['', 'ai.onnx'].includes(set.text(operatorSetFields.domain)));
