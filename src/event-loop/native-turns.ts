/** The function of the addon that measures turns of an event loop; the interface of `native/binding/turn_watch.cc`. */

export interface NativeTurns {
  /**
   * Counts each turn of the calling thread's event loop by how long it held the loop: from the end of one wait for events
   * to the begin of the next. Costs a reading of the clock for each turn. Does not keep the thread alive.
   *
   * @param boundsMs Upper bounds, inclusive, ascending.
   * @param longMs   Turns that took so long are told.
   * @param cells    A count for each bound and one for longer turns, then the cells of `TurnRow`. May be in memory that
   *                 other threads read.
   * @param onLong   Called in a later turn, once for any number of long ones. An exception of it is uncaught.
   * @returns a function that ends the counting.
   */
  watchTurns(boundsMs: Float64Array, longMs: number, cells: Float64Array, onLong: () => void): () => void;
}
