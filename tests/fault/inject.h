#ifndef BULLA_TESTS_FAULT_INJECT_H
#define BULLA_TESTS_FAULT_INJECT_H

#include <stdbool.h>

/*
 * Fails one chosen allocation. The fault programs are linked with --wrap for malloc, calloc,
 * realloc and strdup, so every call in our own objects is counted; the libraries' calls are counted
 * after inject_libraries(). Guarded memory of libsodium comes from mmap and is not counted.
 *
 * The loop of every fault test:
 *
 *     for (long n = 1; ; n++) {
 *         inject_arm(n);
 *         int status = what_is_tested(...);
 *         if (!inject_disarm())
 *             break;                    // ran to the end without meeting the n-th allocation
 *         ... assert on status ...
 *     }
 */

/** Route the allocations of OpenSSL and jansson through the counted functions. First thing in
 * main(): OpenSSL refuses after its first allocation. 0, or -1 when it did. */
int inject_libraries(void);

/** From now on count allocations of all threads; the n-th (from 1) fails, the others do not. */
void inject_arm(long n);

/** Stop counting. Did the failure happen? */
bool inject_disarm(void);

#endif
