import { describe, expect, it } from 'vitest';
import { statisticsMessage } from '../../../src/frontends/v2/statistics-message.ts';

const duration = (count: number) => ({ count, ns: count * 10 });

describe('statisticsMessage', () => {
  it('has the protocol’s members in their order, cache counters at zero', () => {
    const message = statisticsMessage({
      name: 'm',
      version: '2',
      lastInferenceMs: 1234,
      inferenceCount: 8,
      executionCount: 2,
      success: duration(1),
      fail: duration(2),
      queue: duration(3),
      computeInput: duration(4),
      computeInfer: duration(5),
      computeOutput: duration(6),
      batches: [{ batchSize: 4, computeInput: duration(7), computeInfer: duration(8), computeOutput: duration(9) }],
      memoryUsage: [{ type: 'GPU', id: 1, byteSize: 64 }],
    });
    expect(JSON.stringify(message)).toBe(
      '{"name":"m","version":"2","last_inference":1234,"inference_count":8,"execution_count":2,' +
        '"inference_stats":{"success":{"count":1,"ns":10},"fail":{"count":2,"ns":20},"queue":{"count":3,"ns":30},' +
        '"compute_input":{"count":4,"ns":40},"compute_infer":{"count":5,"ns":50},"compute_output":{"count":6,"ns":60},' +
        '"cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},"response_stats":{},' +
        '"batch_stats":[{"batch_size":4,"compute_input":{"count":7,"ns":70},"compute_infer":{"count":8,"ns":80},' +
        '"compute_output":{"count":9,"ns":90}}],"memory_usage":[{"type":"GPU","id":1,"byte_size":64}]}',
    );
  });
});
