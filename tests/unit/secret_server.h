#ifndef BULLA_TESTS_UNIT_SECRET_SERVER_H
#define BULLA_TESTS_UNIT_SECRET_SERVER_H

/* What an API server of Kubernetes says of Secrets, for routes of http_server.h. cmocka's headers
 * come first, in the including file. */

#include "base/limits.h"
#include "base/text.h"
#include "tests/unit/http_server.h"

#define PATH(namespace, name) "/api/v1/namespaces/" namespace "/secrets/" name

/** A Secret with this docker configuration. */
static inline bool send_secret(struct conn *conn, const char *config)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(2 * MIB);

    buf_add_text(&body,
                 "{\"kind\":\"Secret\",\"type\":\"kubernetes.io/dockerconfigjson\",\"data\":{"
                 "\".dockerconfigjson\":\"");
    base64_encode(&body, bytes_text(config), BASE64_STANDARD);
    buf_add_text(&body, "\"}}");
    buf_addf(&out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", body.len, buf_text(&body));
    conn_send(conn, out.data, out.len);
    return true;
}

/** Nothing, until the client or the test gives up. */
static inline bool hang(struct conn *conn)
{
    char c = 0;

    return conn_read(conn, &c, 1) == 1;
}

#endif
