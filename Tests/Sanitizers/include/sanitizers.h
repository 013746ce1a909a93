// Nothing to import: what SeenMutex.c defines takes the place of entries of libswiftSynchronization.
