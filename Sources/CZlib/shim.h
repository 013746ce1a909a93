// zlib: gzip frames of exchanges. Debian: zlib1g-dev.
#include <zlib.h>
