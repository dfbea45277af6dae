/** The metric families whose histogram buckets a configuration can set (`model_metrics`), by the names they are exposed under. */
export const histogramFamilies = [
  'nv_inference_request_duration_histogram_us',
  'nv_inference_queue_duration_histogram_us',
  'nv_inference_compute_input_duration_histogram_us',
  'nv_inference_compute_infer_duration_histogram_us',
  'nv_inference_compute_output_duration_histogram_us',
  'nv_inference_first_response_histogram_ms',
  'nereid_batch_size',
] as const;

export type HistogramFamily = (typeof histogramFamilies)[number];
