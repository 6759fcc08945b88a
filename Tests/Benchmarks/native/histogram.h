// Nanoseconds counted in buckets of HdrHistogram's layout: 64 steps to each power of two, so that every value is known to
// 1.6 percent, from one nanosecond to hours, in a fixed table and without allocating while measuring.

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HISTOGRAM_STEP_BITS = 6, HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS, HISTOGRAM_BUCKETS = 48 * HISTOGRAM_STEPS };

struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS], total, max;
};

static inline void histogram_reset(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
  int shift = value < HISTOGRAM_STEPS ? 0 : 63 - __builtin_clzll(value) - HISTOGRAM_STEP_BITS;
  uint64_t bucket = ((uint64_t)shift << HISTOGRAM_STEP_BITS) + (value >> shift);
  histogram->counts[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
  histogram->total++;
  if (value > histogram->max) histogram->max = value;
}

// The upper end of the bucket that holds the value with this rank.
static inline uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
  uint64_t rank = (uint64_t)((double)histogram->total * percent / 100.0 + 0.5), seen = 0;
  for (uint64_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen >= rank && seen > 0) {
      uint64_t shift = bucket < 2 * HISTOGRAM_STEPS ? 0 : (bucket >> HISTOGRAM_STEP_BITS) - 1;
      uint64_t upper = ((bucket - (shift << HISTOGRAM_STEP_BITS) + 1) << shift) - 1;
      return upper < histogram->max ? upper : histogram->max;
    }
  }
  return histogram->max;
}

// As a JSON object in microseconds.
static inline void histogram_print(const struct histogram *histogram, FILE *file) {
  static const double percents[] = {50, 90, 99, 99.9};
  fprintf(file, "{");
  for (unsigned at = 0; at < sizeof percents / sizeof *percents; at++)
    fprintf(file, "\"p%g\":%.3f,", percents[at], (double)histogram_percentile(histogram, percents[at]) * 1e-3);
  fprintf(file, "\"max\":%.3f,\"count\":%llu}", (double)histogram->max * 1e-3, (unsigned long long)histogram->total);
}

#endif
