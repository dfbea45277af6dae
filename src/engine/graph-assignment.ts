/** The words in which ONNX Runtime tells where the nodes of a session run. */

/** The entry with which a session must be opened that is to be asked. */
export const recordAssignment = [['session.record_ep_graph_assignment_info', '1']] as const;

/**
 * The copies between the memory of a GPU and that of the host which a line of the runtime's log tells of; 0 for any other
 * line. It warns of them for each graph of a model with CUDA (transformer_memcpy.cc); no function tells them.
 */
export const copiesIn = (message: string): number =>
  Number(/(\d+) Memcpy nodes are added to the graph/.exec(message)?.[1] ?? 0);
