/** The id of a request as lines of the log show it: ids come from callers, so longer ones are cut. */
export const loggedId = (id: string): string => id.slice(0, 200);
