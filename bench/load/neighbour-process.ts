/**
 * A neighbour: the process of clients that ask for the same large thing again and again, each when its last answer is
 * complete, and look at nothing but its status. Its priority is low, because it stands for clients on other machines.
 */

import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';

import type { NeighbourPlan, NeighbourResult } from './neighbour.ts';

const lowPriority = 10;

setPriority(lowPriority);

/** Resolves to the bytes of the answer's body. */
function ask({ port, method, path, headers, body }: NeighbourPlan, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers, agent }, (answer) => {
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        bytes += part.length;
      });
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(bytes);
        else reject(new Error(`${path}: expected status 200, got ${answer.statusCode}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

let isAsking = false;

async function run(plan: NeighbourPlan): Promise<NeighbourResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: plan.clients });
  let answers = 0;
  let bytes = 0;
  const client = async (): Promise<void> => {
    while (isAsking) {
      const answerBytes = await ask(plan, agent);
      bytes += answerBytes;
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: plan.clients }, client));
  agent.destroy();
  return { answers, bytes, failure: null };
}

process.on('message', (plan: NeighbourPlan | 'stop') => {
  if (plan === 'stop') {
    isAsking = false;
    return;
  }
  isAsking = true;
  run(plan).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ answers: 0, bytes: 0, failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
