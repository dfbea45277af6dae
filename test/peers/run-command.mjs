// Runs a program and collects its output.

import { spawn } from 'node:child_process';

const timeoutMs = 30_000;

/** Runs a program to its end and gives its output, one character a byte. @param text what it reads. */
export function run(command, args, text = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', reject);
    child.stdin.end(text);
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const output = [];
    let complaint = '';
    child.stdout.on('data', (part) => output.push(part));
    child.stderr.on('data', (part) => {
      complaint += part;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(late);
      const text = Buffer.concat(output).toString('latin1');
      if (code === 0) resolve(text);
      else reject(new Error(`${command} ended with ${code ?? signal}: ${`${complaint}${text}`.slice(-600)}`));
    });
  });
}
