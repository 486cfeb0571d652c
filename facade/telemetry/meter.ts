/** The part of `@opentelemetry/api` that is used, so that types do not need the package. */
export type MetricAttributes = Record<string, string | number | boolean>;

export interface MetricOptions {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

export interface MetricHistogram {
  record(value: number, attributes?: MetricAttributes): void;
}

export interface MetricCounter {
  add(value: number, attributes?: MetricAttributes): void;
}

/** A `Meter` of `@opentelemetry/api`. */
export interface TelemetryMeter {
  createHistogram(name: string, options?: MetricOptions): MetricHistogram;
  createCounter(name: string, options?: MetricOptions): MetricCounter;
  // biome-ignore lint/suspicious/noExplicitAny: an opaque handle of the SDK
  createObservableGauge(name: string, options?: MetricOptions): any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  addBatchObservableCallback(callback: (result: any) => void | Promise<void>, instruments: any[]): void;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  removeBatchObservableCallback(callback: (result: any) => void | Promise<void>, instruments: any[]): void;
}
