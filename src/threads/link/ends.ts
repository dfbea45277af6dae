/** Makes the two ends of a link. */

import { MessageChannel } from 'node:worker_threads';
import type { LinkEnd } from './link.ts';
import { makeRing } from './ring.ts';

export interface LinkEnds {
  readonly frontend: LinkEnd;
  readonly scheduling: LinkEnd;
}

export function makeLinkEnds(): LinkEnds {
  const requests = makeRing();
  const answers = makeRing();
  const pages = new MessageChannel();
  const control = new MessageChannel();
  return {
    frontend: { outgoing: requests, incoming: answers, pages: pages.port1, control: control.port1 },
    scheduling: { outgoing: answers, incoming: requests, pages: pages.port2, control: control.port2 },
  };
}
