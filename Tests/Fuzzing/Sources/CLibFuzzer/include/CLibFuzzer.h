// libFuzzer as a library: the fuzzer's own loop, called with a target (llvm.org/docs/LibFuzzer.html).
#ifndef C_LIB_FUZZER_H
#define C_LIB_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));

#endif
