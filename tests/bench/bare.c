#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * bare CERTIFICATE KEY ANSWER: the limit that the webhook is compared with. libmicrohttpd with TLS,
 * epoll and a thread for each processor reads a body and answers a constant, the bytes of the file
 * ANSWER. Prints its port and serves until it is told to end.
 */

#define FILE_MAX (64 * 1024)
#define THREADS_MAX 4 /* as the webhook's */
/* The webhook's, so that both do the same cryptography. */
#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD:"   \
    "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1"

struct text {
    char data[FILE_MAX];
    size_t len;
};

static int read_file(struct text *out, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return -1;
    out->len = fread(out->data, 1, sizeof(out->data) - 1, file);
    out->data[out->len] = 0;
    return fclose(file);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *size, void **state)
{
    static char begun;
    const struct text *answer = context;

    (void)path, (void)method, (void)version, (void)data;
    if (*state == NULL) {
        *state = &begun;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->len, (void *)(uintptr_t)answer->data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Daemon *start(const struct text *certificate, const struct text *key,
                                struct text *answer)
{
    long threads = sysconf(_SC_NPROCESSORS_ONLN);

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_request,
                            answer, MHD_OPTION_HTTPS_MEM_CERT, certificate->data,
                            MHD_OPTION_HTTPS_MEM_KEY, key->data, MHD_OPTION_HTTPS_PRIORITIES,
                            PRIORITIES, MHD_OPTION_THREAD_POOL_SIZE,
                            (unsigned)(threads < 2 ? 2 : threads), MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    static struct text certificate, key, answer;
    sigset_t ends;
    int got;

    if (argc != 4 || read_file(&certificate, argv[1]) != 0 || read_file(&key, argv[2]) != 0 ||
        read_file(&answer, argv[3]) != 0)
        return 2;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct MHD_Daemon *daemon = start(&certificate, &key, &answer);
    if (daemon == NULL)
        return 3;
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&ends, &got);
    MHD_stop_daemon(daemon);
    return 0;
}
