// OpenSSL libcrypto: SHA-1 for the WebSocket handshake, SHA-256 for state hashes. Debian: libssl-dev.
#include <openssl/evp.h>
#include <openssl/sha.h>
