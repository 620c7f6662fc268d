/*
 * What the transport thread waits for: the sockets and the timer of the multi handle, and callers
 * with new requests, in one epoll set. Only sockets on which something happened are looked at, so a
 * wake-up costs the same however many connections are open.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/http_private.h"

#define EVENTS_MAX 64 /* taken in one go; more wait for the next */

static uint32_t epoll_mask(int what)
{
    uint32_t mask = 0;

    if ((what & CURL_POLL_IN) != 0)
        mask |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        mask |= EPOLLOUT;
    return mask;
}

/* CURLMOPT_SOCKETFUNCTION: what curl wants to know of a socket. A closed one has left the set. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct http *http = context;
    struct epoll_event event = { .events = epoll_mask(what), .data = { .fd = fd } };

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(http->events.set, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    int failed =
        epoll_ctl(http->events.set, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    if (failed != 0 && errno == EEXIST)
        failed = epoll_ctl(http->events.set, EPOLL_CTL_MOD, fd, &event);
    if (failed == 0 && known == NULL)
        curl_multi_assign(http->multi, fd, http);
    return failed == 0 ? 0 : -1; /* -1: curl ends every transfer with an error */
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long ms, void *context)
{
    struct http *http = context;

    (void)multi;
    http->events.due = ms < 0 ? INT64_MAX : clock_millis() + ms;
    return 0;
}

int http_events_open(struct http *http, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN };

    http->events.due = INT64_MAX;
    http->events.set = epoll_create1(EPOLL_CLOEXEC);
    http->events.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event.data.fd = http->events.wake;
    if (http->events.set < 0 || http->events.wake < 0 ||
        epoll_ctl(http->events.set, EPOLL_CTL_ADD, http->events.wake, &event) != 0) {
        int sys = errno;
        http_events_close(http);
        return err_sys(err, ERR_IO, sys, "no HTTP transport");
    }
    if (curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
        curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK)
        return 0;
    http_events_close(http);
    return err_set(err, ERR_NOMEM, "no HTTP transport: out of memory");
}

void http_events_close(struct http *http)
{
    file_closep(&http->events.set);
    file_closep(&http->events.wake);
}

void http_events_wake(struct http *http)
{
    const uint64_t one = 1;

    /* A counter that is full wakes as well as one that is not. */
    if (write(http->events.wake, &one, sizeof(one)) < 0)
        return;
}

static bool handle(struct http *http, const struct epoll_event *event)
{
    const uint32_t happened = event->events;
    uint64_t count = 0;
    int running = 0;
    int what = 0;

    if (event->data.fd == http->events.wake) {
        if (read(http->events.wake, &count, sizeof(count)) < 0)
            return true; /* somebody else's wake-up was taken already */
        return true;
    }
    if ((happened & EPOLLIN) != 0)
        what |= CURL_CSELECT_IN;
    if ((happened & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((happened & (EPOLLERR | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_ERR;
    return curl_multi_socket_action(http->multi, event->data.fd, what, &running) == CURLM_OK;
}

bool http_events_run(struct http *http, int pause_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t left = http->events.due - clock_millis();
    int running = 0;
    bool fine = true;

    if (http->events.due != INT64_MAX && left < pause_ms)
        pause_ms = left > 0 ? (int)left : 0;
    int n = epoll_wait(http->events.set, events, EVENTS_MAX, pause_ms);
    for (int i = 0; i < n; i++)
        fine = handle(http, &events[i]) && fine;
    if (http->events.due == INT64_MAX || clock_millis() < http->events.due)
        return fine;
    http->events.due = INT64_MAX;
    return curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running) == CURLM_OK &&
           fine;
}
