// LZ4: the frame format that Kafka uses inside record batches. Debian: liblz4-dev.
#include <lz4.h>
#include <lz4frame.h>
