// Counts what the measured part of kraken-bench allocates, and shows where the first allocations come from. To be
// preloaded; kraken-bench finds the two functions by name.
//
//   cc -O2 -shared -fPIC -o count_allocations.so count_allocations.c
//   LD_PRELOAD=./count_allocations.so kraken-bench normalize --channel book --steady
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

enum { SHOWN_MAX = 3, FRAMES_MAX = 12 };

// glibc's own names of the functions that are taken over here.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int is_counting;
static uint64_t allocations;

static void note(void) {
  if (!is_counting) return;
  if (allocations++ >= SHOWN_MAX) return;
  is_counting = 0;
  void *frames[FRAMES_MAX];
  backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
  (void)!write(STDERR_FILENO, "\n", 1);
  is_counting = 1;
}

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note();
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  note();
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *memory = memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

void count_allocations_begin(void) {
  // The first backtrace loads a library.
  void *frame;
  backtrace(&frame, 1);
  allocations = 0;
  is_counting = 1;
}

uint64_t count_allocations_end(void) {
  is_counting = 0;
  return allocations;
}
