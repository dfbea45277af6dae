/** The pages of the other thread's arena, by id. */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { internal } from '../../errors.ts';
import { asItIs, type OpenMemory, Page } from './page.ts';

interface PageAnnouncement {
  readonly id: number;
  readonly memory: SharedArrayBuffer;
}

export class PageTable {
  readonly #port: MessagePort;
  readonly #open: OpenMemory;
  readonly #pages = new Map<number, Page>();

  /** @param port where announcements arrive; read here only, when a page is not known yet. */
  constructor(port: MessagePort, open: OpenMemory = asItIs) {
    this.#port = port;
    this.#open = open;
  }

  get size(): number {
    return this.#pages.size;
  }

  /** All known pages. */
  get all(): Iterable<Page> {
    return this.#pages.values();
  }

  /** The page of this id. Announcements are posted before an id is used, so an unknown page is waiting at the port. */
  find(id: number): Page {
    const known = this.#pages.get(id);
    if (known !== undefined) return known;
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      const { id: announced, memory } = next.message as PageAnnouncement;
      this.#pages.set(announced, new Page(announced, memory, this.#open(memory)));
    }
    const found = this.#pages.get(id);
    if (found === undefined) throw internal(`a frontend thread's link mentions page ${id}, which was never announced`);
    return found;
  }
}
