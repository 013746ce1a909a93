// libFuzzer as a library, which is part of Clang's runtime: it calls back with one input after another.

#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *_Nonnull argc, char *_Nullable *_Nonnull *_Nonnull argv,
                        int (*_Nonnull target)(const uint8_t *_Nonnull bytes, size_t count));
