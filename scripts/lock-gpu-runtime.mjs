#!/usr/bin/env node
/**
 * Writes the wheels of one platform into gpu-runtime.lock.json, from a folder with the downloaded wheels; other platforms
 * stay as they are. All of a lock file must be of one release of ONNX Runtime and one major version of CUDA.
 *
 *   node scripts/lock-gpu-runtime.mjs PLATFORM FOLDER      PLATFORM as Node names it: linux-x64, linux-arm64
 *
 * The wheels: onnxruntime-gpu, nvidia-cuda-runtime, nvidia-cublas, nvidia-curand, nvidia-cufft, nvidia-cudnn-cu13,
 * nvidia-cuda-nvrtc, nvidia-nvjitlink, in the versions of the CUDA that ONNX Runtime was built for (decision 0040).
 */

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { openPromise } from 'yauzl';

const lockPath = fileURLToPath(new URL('../gpu-runtime.lock.json', import.meta.url));
/** Python's module, TensorRT's provider, wrappers for other interfaces, and code for compilers that are older. */
const unwanted = /pybind11|tensorrt|libnvblas|libcufftw|\.alt\.so/;
/** ONNX Runtime first, so that a reader sees what it is about. */
const order = [
  'onnxruntime-gpu',
  'nvidia-cuda-runtime',
  'nvidia-cublas',
  'nvidia-curand',
  'nvidia-cufft',
  'nvidia-cudnn',
  'nvidia-cuda-nvrtc',
];

const [platform, folder] = process.argv.slice(2);
if (platform === undefined || folder === undefined) {
  process.stderr.write('usage: lock-gpu-runtime.mjs PLATFORM FOLDER\n');
  process.exit(2);
}

/** The name by which other libraries ask for a library. */
const nameOf = (path) =>
  path.slice(path.lastIndexOf('/') + 1).replace(/^libonnxruntime\.so\.1\..*$/, 'libonnxruntime.so.1');

async function lockWheel(file) {
  const path = join(folder, file);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const archive = await openPromise(path, { autoClose: false });
  const libraries = [];
  const licences = [];
  for await (const { fileName, uncompressedSize } of archive.eachEntry()) {
    if (/\.so(\.\d+)*$/.test(fileName) && !unwanted.test(fileName))
      libraries.push({ path: fileName, name: nameOf(fileName), bytes: uncompressedSize });
    if (/licen[sc]e|notice|eula/i.test(fileName)) licences.push(fileName);
  }
  archive.close();
  const [project, version] = file.split('-');
  return {
    project: project.replaceAll('_', '-').toLowerCase(),
    version,
    file,
    bytes: statSync(path).size,
    sha256: hash.digest('hex'),
    libraries,
    licences,
  };
}

const place = ({ project }) => {
  const at = order.findIndex((name) => project.startsWith(name));
  return at < 0 ? order.length : at;
};
const files = readdirSync(folder).filter((file) => file.endsWith('.whl'));
const wheels = [];
for (const file of files) wheels.push(await lockWheel(file));
wheels.sort((a, b) => place(a) - place(b));
const lock = JSON.parse(readFileSync(lockPath, 'utf8'));
const release = wheels.find(({ project }) => project === 'onnxruntime-gpu')?.version ?? lock.release;
const platforms = { ...lock.platforms, [platform]: wheels };
writeFileSync(lockPath, `${JSON.stringify({ ...lock, release, platforms }, null, 2)}\n`);
process.stdout.write(
  `${platform}: ${wheels.length} wheels of ONNX Runtime ${release}; now npx biome format --write ${lockPath}\n`,
);
