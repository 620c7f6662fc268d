#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * launch FILE PROGRAM ARGUMENT...: runs the program and writes "wall CPU memory status" to FILE:
 * microseconds, microseconds, KiB at the peak, the wait status. A program of its own because Linux
 * counts the peak memory of whoever forked the child into the child's: a script interpreter's 10
 * MiB would hide what is measured.
 */
static long long micros(const struct timeval *t)
{
    return t->tv_sec * 1000000LL + t->tv_usec;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage usage;
    int status = 0;

    if (argc < 3)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child < 0)
        return 3;
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child)
        return 3;
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *out = fopen(argv[1], "w");
    if (out == NULL)
        return 3;
    fprintf(out, "%lld %lld %ld %d\n",
            (end.tv_sec - start.tv_sec) * 1000000LL + (end.tv_nsec - start.tv_nsec) / 1000,
            micros(&usage.ru_utime) + micros(&usage.ru_stime), usage.ru_maxrss, status);
    return fclose(out) == 0 ? 0 : 3;
}
