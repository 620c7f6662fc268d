#include "webhook/process.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define STATM_MAX 256 /* bytes of /proc/self/statm: seven numbers */

/* "TOTAL RESIDENT ...", in pages. */
static uint64_t resident(void)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(STATM_MAX);
    uint64_t pages = 0;

    if (file_read(&text, "/proc/self/statm", NULL) != 0 || text.len == 0)
        return 0;
    const uint8_t *begin = memchr(text.data, ' ', text.len);
    if (begin == NULL)
        return 0;
    begin++;
    const size_t left = text.len - (size_t)(begin - text.data);
    const uint8_t *end = memchr(begin, ' ', left);
    const struct bytes digits = { begin, end == NULL ? left : (size_t)(end - begin) };
    if (decimal_parse(&pages, digits, UINT64_MAX >> 20, NULL) != 0)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Without ".", ".." and the folder's own. */
static uint64_t open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n < 3 ? 0 : n - 3;
}

static uint64_t micros(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

void process_usage(struct process_usage *out)
{
    struct rlimit files = { 0 };
    struct rusage used = { 0 };

    *out = (struct process_usage) { .resident = resident(), .open_fds = open_fds() };
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        out->max_fds = files.rlim_cur;
    if (getrusage(RUSAGE_SELF, &used) == 0)
        out->cpu_micros = micros(&used.ru_utime) + micros(&used.ru_stime);
}

void process_allow_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    /* Where it is not allowed the limit stays, and the server copes. */
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
}
