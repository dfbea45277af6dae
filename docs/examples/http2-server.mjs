// Serves something else than models over HTTP/2, with the server that Nereid's gRPC stands on.
//
//   node docs/examples/http2-server.mjs [port]
//   curl --http2-prior-knowledge -d 'hello' http://127.0.0.1:8080/
//
// Answers each request with its own body in upper case. SIGTERM or Ctrl-C: open requests are finished, then it ends.

import { createServer } from 'node:net';
import { createHttp2Server, HeaderField } from 'nereid/http2';

const ok = [
  new HeaderField(':status', '200'),
  // The same object in every answer: after the first it costs a byte or two.
  new HeaderField('content-type', 'text/plain; charset=utf-8', false, 'incremental'),
];

const server = createHttp2Server({
  onRequest(request) {
    const pieces = [];
    request.receiver = {
      onData(bytes, start, end) {
        pieces.push(Buffer.from(bytes.subarray(start, end)));
        request.take(end - start);
        request.replenish(0);
      },
      onEnd() {
        const answer = Buffer.from(Buffer.concat(pieces).toString().toUpperCase());
        request.sendHeaders(ok, answer.length === 0);
        if (answer.length > 0) request.sendLastData(answer);
      },
      onClosed() {
        pieces.length = 0;
      },
    };
  },
  onUnexpected(error) {
    console.error(error);
  },
});

const listener = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => server.accept(socket));
listener.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${listener.address().port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    listener.close();
    server.leave();
  });
}
