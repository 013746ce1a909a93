// A histogram of microseconds: 64 steps to each power of two, so that a percentile is off by at most 1.6 %.
#include <stdint.h>
#include <stdio.h>

enum { stepsLog2 = 6, stepCount = 1 << stepsLog2, bucketCount = 48 * stepCount };

typedef struct {
  uint64_t counts[bucketCount];
  uint64_t total;
  int64_t greatest;
} Histogram;

static inline void histogramAdd(Histogram *histogram, int64_t micros) {
  uint64_t value = micros < 0 ? 0 : (uint64_t)micros;
  int power = value < stepCount ? 0 : 63 - __builtin_clzll(value) - stepsLog2 + 1;
  // Above the first power, the leading bit is always set: a bucket row holds the upper half of its range.
  uint64_t index = power == 0 ? value : (uint64_t)power * stepCount + ((value >> (power - 1)) - stepCount);
  histogram->counts[index < bucketCount ? index : bucketCount - 1] += 1;
  histogram->total += 1;
  if ((int64_t)value > histogram->greatest) histogram->greatest = (int64_t)value;
}

static inline int64_t histogramValue(const Histogram *histogram, double part) {
  uint64_t wanted = (uint64_t)(part * (double)histogram->total), seen = 0;
  for (int index = 0; index < bucketCount; index++) {
    seen += histogram->counts[index];
    if (seen <= wanted) continue;
    int power = index / stepCount;
    return power == 0 ? index : (int64_t)(index % stepCount + stepCount) << (power - 1);
  }
  return histogram->greatest;
}

static inline void histogramPrint(const Histogram *histogram) {
  if (histogram->total == 0) {
    printf("null");
    return;
  }
  printf("{\"count\":%llu,\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld}",
    (unsigned long long)histogram->total, (long long)histogramValue(histogram, 0.5),
    (long long)histogramValue(histogram, 0.9), (long long)histogramValue(histogram, 0.99),
    (long long)histogramValue(histogram, 0.999), (long long)histogram->greatest);
}
