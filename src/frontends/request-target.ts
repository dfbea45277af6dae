/** The target of an HTTP request: what stands between its method and its version. */

const absoluteForm = /^https?:\/\/[^/?]*/i;

/**
 * The target without the query, and without scheme and host of the absolute form, which a server must accept (RFC 9112
 * §3.2.2).
 */
export function pathOf(target: string): string {
  let path = target;
  if (!path.startsWith('/')) path = path.replace(absoluteForm, '');
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}
