#ifndef BULLA_WEBHOOK_SERVE_H
#define BULLA_WEBHOOK_SERVE_H

#include "webhook/options.h"

/**
 * Serve until SIGTERM or SIGINT. 0 when that came, or -1 with ERR_USAGE, ERR_CONFIG, ERR_IO,
 * ERR_LIMIT, ERR_NOMEM when it could not begin. When work hangs past the time for draining the
 * process ends here, with status 0: what was not answered is not allowed.
 */
int serve(const struct options *options, struct err *err) MUST_CHECK;

#endif
