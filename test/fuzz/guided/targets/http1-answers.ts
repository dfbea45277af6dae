/** What a server wrote, read as strictly as a client could: each answer framed, in order, and nothing behind the last. */

import { must } from '../target.ts';

const heads = /^HTTP\/1\.1 (\d{3}) [ -~]*\r\n((?:[!-9;-~]+: [ -~\x80-\xff]*\r\n)*)\r\n/;

/** @param methods Of the requests, in the order in which they are to be answered; '' where one could not be read. */
export function checkAnswers(written: string, methods: readonly string[]): void {
  let at = 0;
  let isOver = false;
  let hasLeave = false;
  for (let i = 0; at < written.length; ) {
    must(!isOver, 'an answer behind the last');
    const match = heads.exec(written.slice(at));
    must(match !== null, `no head of an answer at ${at}`);
    const [whole, status, lines] = match;
    at += whole.length;
    if (status === '100') {
      must(!hasLeave && lines === '', 'leave to go on, twice or with headers');
      hasLeave = true;
      continue;
    }
    hasLeave = false;
    must(i < methods.length, 'more answers than requests');
    const length = /Content-Length: (\d+)\r\n/.exec(lines);
    must(length !== null, 'an answer without a length');
    if (methods[i] !== 'HEAD') at += Number(length[1]);
    must(at <= written.length, 'an answer that is cut off');
    isOver = lines.includes('Connection: close\r\n');
    must(isOver || lines.includes('Connection: keep-alive\r\n'), 'an answer that does not say how it goes on');
    i++;
  }
}
