// Makes proto/descriptors.binpb, which server reflection serves: the descriptors of all services, made by protoc from the
// files in proto/. Run it after each change of these files.
//
//     node scripts/make-descriptors.mjs [--check]
//
// With --check nothing is written: it exits with 1 when the file is not what protoc makes, and with 77 when there is no
// protoc. Uses `protoc` on the PATH, or the one of Python's grpcio-tools (`pip install grpcio-tools`); PROTOC names another.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const protoFolder = fileURLToPath(new URL('../proto/', import.meta.url));
const target = join(protoFolder, 'descriptors.binpb');

/** The files with services; what they import is included. */
const files = [
  'grpc_service.proto',
  'health.proto',
  'grpc/reflection/v1/reflection.proto',
  'grpc/reflection/v1alpha/reflection.proto',
];

const noCompiler = 77;

const compilers = process.env.PROTOC
  ? [process.env.PROTOC.split(' ')]
  : [['protoc'], ['python3', '-m', 'grpc_tools.protoc']];

function compiler() {
  return compilers.find(([command, ...args]) => spawnSync(command, [...args, '--version']).status === 0) ?? null;
}

function descriptors([command, ...args]) {
  const folder = mkdtempSync(join(tmpdir(), 'nereid-descriptors-'));
  try {
    const made = join(folder, 'set');
    const options = [`--proto_path=${protoFolder}`, '--include_imports', `--descriptor_set_out=${made}`];
    const { status, stderr } = spawnSync(command, [...args, ...options, ...files], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`protoc failed: ${stderr}`);
    return readFileSync(made);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const found = compiler();
if (found === null) {
  console.error('there is no protoc: install protobuf-compiler, or pip install grpcio-tools, or set PROTOC');
  process.exit(noCompiler);
}
const made = descriptors(found);
if (!process.argv.includes('--check')) writeFileSync(target, made);
else if (!made.equals(readFileSync(target))) {
  console.error('proto/descriptors.binpb is not what protoc makes of proto/: run node scripts/make-descriptors.mjs');
  process.exit(1);
}
