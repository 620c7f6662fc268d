#ifndef BULLA_WEBHOOK_PROCESS_H
#define BULLA_WEBHOOK_PROCESS_H

#include <stdint.h>

/** What the process uses of the machine. What cannot be found out is 0. */
struct process_usage {
    uint64_t resident; /* bytes */
    uint64_t open_fds, max_fds;
    uint64_t cpu_micros;
};
void process_usage(struct process_usage *out);

/** As many open files as the system allows: each connection and each registry needs one. */
void process_allow_files(void);

#endif
