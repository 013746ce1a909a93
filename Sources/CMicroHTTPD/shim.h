// libmicrohttpd: HTTP/1.1 for the edge. Debian: libmicrohttpd-dev.
#include <microhttpd.h>
