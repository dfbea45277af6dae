/**
 * The declarations of an ONNX file, gathered in one pass over it: facts that ONNX Runtime's C interface does not give
 * (scalar or unknown rank, locations of external data, ZipMap), and facts that are needed before the runtime gets the
 * file.
 */

import { invalidArgument } from '../../errors.ts';
import { quoted } from '../../shown-text.ts';
import { CutOffError } from './cut-off-error.ts';
import { type DeclaredValue, declaredValue } from './declared-value.ts';
import {
  graphFields,
  graphRule,
  keyValueFields,
  modelFields,
  nodeFields,
  nodeRule,
  operatorSetFields,
  sparseTensorFields,
  sparseTensorRule,
  tensorFields,
  tensorRule,
  valueInfoRule,
} from './onnx-schema.ts';
import { tensorBytes } from './tensor-bytes.ts';
import type { WireMessage } from './wire-message.ts';

/** A tensor whose bytes lie in another file. Numbers are as written; `checkExternalFiles` checks them. */
export interface ExternalReference {
  /** Name of the tensor; '' where it has none. */
  readonly tensor: string;
  readonly location: string;
  /** Decimal text; null when absent. */
  readonly offset: string | null;
  readonly length: string | null;
  /** Bytes of the tensor by its dimensions and element type; null when unknown. */
  readonly tensorBytes: number | null;
}

export interface OnnxFileFacts {
  readonly fileName: string;
  readonly sizeBytes: number;
  /** 0 when the file does not say. */
  readonly irVersion: number;
  /** Operator set per domain; '' is the ONNX domain ('ai.onnx' is the same and appears as ''). */
  readonly opsets: ReadonlyMap<string, number>;
  /** Producer's name and version; '' when absent. */
  readonly producer: string;
  readonly metadataCount: number;
  readonly nodeCount: number;
  /** Operators of all nodes, also inside subgraphs and functions; `domain::name` outside the ONNX domain. */
  readonly operators: ReadonlySet<string>;
  /** In the order of the graph; inputs that are initialisers are among them. */
  readonly inputs: readonly DeclaredValue[];
  readonly outputs: readonly DeclaredValue[];
  /** Names of the main graph's initialisers, sparse ones included. */
  readonly initializers: ReadonlySet<string>;
  /** Also those inside subgraphs, attributes and functions. */
  readonly externalData: readonly ExternalReference[];
  /** Graph outputs that a ZipMap of ai.onnx.ml writes, in the order of the nodes. */
  readonly zipMapOutputs: readonly string[];
}

/** Most names that are kept of one file. */
const maxNames = 1_000_000;

/** Gathers facts: give `visit` to the scanner, then ask for `facts`. */
export class FactsCollector {
  readonly #fileName: string;
  readonly #sizeBytes: number;
  readonly #inputs: DeclaredValue[] = [];
  readonly #outputs: DeclaredValue[] = [];
  readonly #initializers = new Set<string>();
  readonly #externalData: ExternalReference[] = [];
  readonly #zipMapOutputs: string[] = [];
  readonly #operators = new Set<string>();
  #nodeCount = 0;
  #hasGraph = false;

  constructor(fileName: string, sizeBytes: number) {
    this.#fileName = fileName;
    this.#sizeBytes = sizeBytes;
  }

  readonly visit = (message: WireMessage): void => {
    const { rule } = message;
    if (rule === nodeRule) this.#addOperator(message);
    if (rule === tensorRule) this.#addTensor(message);
    else if (rule === graphRule) this.#hasGraph ||= message.depth === 1 && message.field === modelFields.graph;
    else if (!inMainGraph(message)) return;
    else if (rule === nodeRule) this.#addNode(message);
    else if (rule === valueInfoRule && message.field === graphFields.inputs) this.#inputs.push(declaredValue(message));
    else if (rule === valueInfoRule && message.field === graphFields.outputs)
      this.#outputs.push(declaredValue(message));
    if (this.#externalData.length + this.#inputs.length + this.#outputs.length > maxNames) throw this.#tooMany();
  };

  facts(root: WireMessage): OnnxFileFacts {
    if (!this.#hasGraph)
      throw new CutOffError('invalid_argument', `${quoted(this.#fileName)} is no ONNX model: it has no graph`);
    const outputNames = new Set(this.#outputs.map(({ name }) => name));
    return {
      fileName: this.#fileName,
      sizeBytes: this.#sizeBytes,
      irVersion: root.integer(modelFields.irVersion) ?? 0,
      opsets: operatorSets(root),
      producer: [root.text(modelFields.producerName), root.text(modelFields.producerVersion)]
        .filter((part) => part !== '')
        .join(' '),
      metadataCount: root.children(modelFields.metadata).length,
      nodeCount: this.#nodeCount,
      operators: this.#operators,
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: this.#initializers,
      externalData: this.#externalData,
      zipMapOutputs: this.#zipMapOutputs.filter((name) => outputNames.has(name)),
    };
  }

  #addTensor(message: WireMessage): void {
    const name = message.text(tensorFields.name);
    const entries = message.children(tensorFields.externalData);
    // Entries without the flag count as references too: to refuse a stray path is safer than to assume that it is
    // unused.
    const keys = entries.map((entry) => entry.text(keyValueFields.key));
    if (new Set(keys).size !== keys.length) {
      throw invalidArgument(
        `${quoted(this.#fileName)} gives the external data of tensor ${quoted(name)} the same key twice`,
      );
    }
    if (entries.length > 0 || message.integer(tensorFields.dataLocation) === 1) {
      const value = (key: string): string | null => entries[keys.indexOf(key)]?.text(keyValueFields.value) ?? null;
      this.#externalData.push({
        tensor: name,
        location: value('location') ?? '',
        offset: value('offset'),
        length: value('length'),
        tensorBytes: tensorBytes(message.integers(tensorFields.dims), message.integer(tensorFields.elementType) ?? 0),
      });
    }
    const owner = message.parent?.rule === sparseTensorRule ? message.parent : message;
    const isNamed = owner === message || message.field === sparseTensorFields.values;
    if (!isNamed || !inMainGraph(owner)) return;
    if (owner.field !== graphFields.initializers && owner.field !== graphFields.sparseInitializers) return;
    this.#initializers.add(name);
    if (this.#initializers.size > maxNames) throw this.#tooMany();
  }

  #addOperator(message: WireMessage): void {
    const domain = message.text(nodeFields.domain);
    const name = message.text(nodeFields.operator);
    this.#operators.add(domain === '' || domain === 'ai.onnx' ? name : `${domain}::${name}`);
    if (this.#operators.size > maxNames) throw this.#tooMany();
  }

  #addNode(message: WireMessage): void {
    this.#nodeCount += 1;
    if (!isZipMap(message)) return;
    this.#zipMapOutputs.push(message.text(nodeFields.outputs));
    if (this.#zipMapOutputs.length > maxNames) throw this.#tooMany();
  }

  #tooMany(): Error {
    return invalidArgument(`${quoted(this.#fileName)} declares more than ${maxNames} values`);
  }
}

/** Whether a message is a direct part of the model's graph. */
export const inMainGraph = (message: WireMessage): boolean =>
  message.depth === 2 && message.parent?.rule === graphRule && message.parent.field === modelFields.graph;

export const isZipMap = (message: WireMessage): boolean =>
  message.text(nodeFields.operator) === 'ZipMap' && message.text(nodeFields.domain) === 'ai.onnx.ml';

function operatorSets(root: WireMessage): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const set of root.children(modelFields.operatorSets)) {
    const domain = set.text(operatorSetFields.domain);
    versions.set(domain === 'ai.onnx' ? '' : domain, set.integer(operatorSetFields.version) ?? 0);
  }
  return versions;
}
