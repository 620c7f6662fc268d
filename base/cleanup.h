#ifndef BULLA_BASE_CLEANUP_H
#define BULLA_BASE_CLEANUP_H

/* Scope cleanup: the release is stated where the variable is born. Released in reverse order of
 * declaration. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hand an owned pointer out of the scope that would release it: always the last step before
 * success. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
