/**
 * The families of histograms by their short names. A configuration sets the buckets of one (`model_metrics`) by the name
 * that it is exposed under.
 */
export const histogramFamilyNames = {
  request: 'nv_inference_request_duration_histogram_us',
  queue: 'nv_inference_queue_duration_histogram_us',
  compute_input: 'nv_inference_compute_input_duration_histogram_us',
  compute_infer: 'nv_inference_compute_infer_duration_histogram_us',
  compute_output: 'nv_inference_compute_output_duration_histogram_us',
  first_response: 'nv_inference_first_response_histogram_ms',
  batch_size: 'nereid_batch_size',
} as const;

export type HistogramName = keyof typeof histogramFamilyNames;
export type HistogramFamily = (typeof histogramFamilyNames)[HistogramName];

export const histogramFamilies: readonly HistogramFamily[] = Object.values(histogramFamilyNames);
