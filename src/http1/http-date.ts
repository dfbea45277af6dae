/** The value of the header `Date`, made once a second. */

let second = 0;
let text = '';

export function httpDate(): string {
  const nowMs = Date.now();
  const now = Math.floor(nowMs / 1000);
  if (now !== second) {
    second = now;
    text = new Date(nowMs).toUTCString();
  }
  return text;
}
