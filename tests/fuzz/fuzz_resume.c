/* Aims at audit_resume_lines() in verify/audit_resume.c: whole lines only are taken, each stands
 * for an answer that an audit gives and never for one that is unknown, and of what is refused the
 * file and line are told. */
#include <stdlib.h>
#include <string.h>

#include "verify/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 1000

static void hold(bool property)
{
    if (!property)
        abort();
}

static void check_answer(uint32_t number)
{
    const struct audit_finished answer = audit_finished_of(number);

    hold(number != AUDIT_TAKEN);
    hold(answer.verdict == VERDICT_DENY || answer.verdict == VERDICT_ALLOW);
    hold(answer.mode <= MODE_AUDIT && answer.reason < REASON_CODES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_map CLEANUP(audit_map_clear) finished = AUDIT_MAP_INIT(LINES_MAX);
    const struct audit_resume what = { "lines", "0123456789ab" };
    const struct bytes all = { data, size };
    struct err err = ERR_INIT;
    size_t end;

    const int read = audit_resume_lines(&end, &finished, all, &what, &err);
    hold(end <= size && (end == 0 || data[end - 1] == '\n'));
    if (read == 0)
        hold(end == size || memchr(data + end, '\n', size - end) == NULL);
    else
        hold((err.code == ERR_CONFIG || err.code == ERR_LIMIT) &&
             strncmp(err_text(&err), "lines:", strlen("lines:")) == 0);
    for (size_t i = 0; i < finished.cap; i++)
        if (finished.slots[i].number != 0)
            check_answer(finished.slots[i].number);
    return 0;
}
