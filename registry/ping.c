#include "registry/ping.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "registry/call.h"

static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Index of the three letters at `at`, or n. */
static size_t word(struct bytes text, size_t at, const char *const *words, size_t n)
{
    size_t i = 0;

    while (i < n && !bytes_is(bytes_part(text, at, 3), words[i]))
        i++;
    return i;
}

/* As RFC 3339, which has a strict reader of its own. */
int http_date_parse(int64_t *seconds, struct bytes text, struct err *err)
{
    struct buf CLEANUP(buf_clear) form = BUF_INIT(TIME_TEXT_MAX);
    const size_t month = word(text, 8, months, ARRAY_LEN(months));
    const char *t = (const char *)text.data;

    *seconds = 0;
    if (text.len != sizeof("Tue, 24 Nov 2026 22:12:57 GMT") - 1 ||
        word(text, 0, days, ARRAY_LEN(days)) == ARRAY_LEN(days) || month == ARRAY_LEN(months) ||
        !bytes_is(bytes_part(text, 3, 2), ", ") || t[7] != ' ' || t[11] != ' ' || t[16] != ' ' ||
        !bytes_is(bytes_part(text, 25, 4), " GMT"))
        return err_set(err, ERR_MALFORMED, "not a date of HTTP");
    buf_addf(&form, "%.4s-%02zu-%.2sT%.8sZ", t + 12, month + 1, t + 5, t + 17);
    if (buf_check(&form, "date", err) != 0)
        return -1;
    return time_parse(seconds, buf_bytes(&form), err);
}

static void read_clock(struct registry_ping *out, const struct http_request *answer)
{
    int64_t theirs;

    out->clock_told = http_date_parse(&theirs, http_header(answer, "date", 0), NULL) == 0;
    if (out->clock_told)
        out->ahead = theirs - clock_seconds();
}

static int ask(struct registry_ping *out, struct endpoint *e, int64_t deadline, struct err *err)
{
    struct buf CLEANUP(buf_clear) url = BUF_INIT(URL_MAX);
    struct http_request CLEANUP(http_request_clear) request = { .method = HTTP_GET,
                                                                .follow = HTTP_FOLLOW_ORIGIN,
                                                                .max_body = ERROR_BODY_MAX,
                                                                .expect_length = -1 };
    struct http *http;
    const int64_t began = clock_millis();

    if (endpoint_url(&url, e, "", err) != 0 || registries_http(&http, e->registries, err) != 0)
        return -1;
    request.url = buf_text(&url);
    http_fetch(http, &request, 1, deadline);
    if (request.err.code != ERR_NONE && request.err.code != ERR_RATE_LIMITED) {
        if (err != NULL)
            *err = request.err;
        return -1;
    }
    out->status = request.status;
    out->plain = bytes_starts(buf_bytes(&url), "http:");
    out->took_ms = clock_millis() - began;
    read_clock(out, &request);
    return 0;
}

int registry_ping(struct registry_ping *out, struct registries *r, const char *host,
                  int64_t deadline, struct err *err)
{
    struct endpoint CLEANUP(endpoint_clear) e = { .registries = NULL };
    const struct credential *credential;

    *out = (struct registry_ping) { .status = 0 };
    if (endpoint_init(&e, r, host, "", err) != 0 ||
        registries_note(r, &r->opened, e.wire, err) != 0 ||
        endpoint_credential(&credential, &e, err) != 0)
        return -1;
    out->credentials = credential->kind != CREDENTIAL_NONE;
    return ask(out, &e, deadline, err);
}
