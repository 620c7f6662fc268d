#ifndef BULLA_TESTS_UNIT_REGISTRY_SERVER_H
#define BULLA_TESTS_UNIT_REGISTRY_SERVER_H

/* A real registry on loopback for one test program: docker-registry of the distribution. Where it
 * is not installed, the tests fail and say so. Included once, after cmocka.h. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct registry_server {
    char dir[64];
    char host[32];
    int port;
    pid_t pid;
};

static inline int registry_free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    close(fd);
    return ntohs(a.sin_port);
}

static inline bool registry_is_up(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

    close(fd);
    return up;
}

static inline void registry_run(const char *config, const char *log)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(fd, 1);
    dup2(fd, 2);
    execlp("docker-registry", "docker-registry", "serve", config, (char *)NULL);
    _exit(127);
}

static inline int registry_folder(struct registry_server *s)
{
    snprintf(s->dir, sizeof(s->dir), "/tmp/bulla-registry-XXXXXX");
    return mkdtemp(s->dir) == NULL ? -1 : 0;
}

/** Start in s->dir. `more` ends the configuration, inside `http:` to begin with. */
static inline int registry_start(struct registry_server *s, const char *more)
{
    char config[100], log[100];

    s->port = registry_free_port();
    snprintf(s->host, sizeof(s->host), "127.0.0.1:%d", s->port);
    snprintf(config, sizeof(config), "%s/config.yml", s->dir);
    snprintf(log, sizeof(log), "%s/log", s->dir);
    FILE *f = fopen(config, "w");
    if (f == NULL)
        return -1;
    fprintf(f,
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            "storage:\n  cache: {blobdescriptor: inmemory}\n"
            "  filesystem: {rootdirectory: %s/data}\n  delete: {enabled: true}\n"
            "http:\n  addr: %s\n%s",
            s->dir, s->host, more);
    fclose(f);
    s->pid = fork();
    if (s->pid == 0)
        registry_run(config, log);
    for (int i = 0; i < 500 && !registry_is_up(s->port); i++) {
        int status;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            fprintf(stderr, "docker-registry could not be run (package docker-registry)\n");
            return -1;
        }
        usleep(20000);
    }
    return 0;
}

static inline void registry_stop(struct registry_server *s)
{
    int status;

    kill(s->pid, SIGTERM);
    waitpid(s->pid, &status, 0);
    pid_t rm = fork();
    if (rm == 0) {
        execlp("rm", "rm", "-rf", s->dir, (char *)NULL);
        _exit(127);
    }
    waitpid(rm, &status, 0);
}

#endif
