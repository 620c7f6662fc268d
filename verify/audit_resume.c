#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file_map.h"
#include "base/json_pull.h"
#include "base/limits.h"
#include "base/log.h"
#include "verify/audit.h"

/* The lines of an earlier run. */

#define RESUME_READ_MAX (1024 * MIB) /* of what is not a file; a file is mapped */
#define LINE_BEGINS "{\"image\":"

struct audit_finished audit_finished_of(uint32_t number)
{
    return (struct audit_finished) { (enum verdict)(number >> 2 & 3),
                                     (enum policy_mode)(number >> 4 & 3),
                                     (enum reason_code)(number >> 6) };
}

static uint32_t number_of(struct audit_finished answer)
{
    return 2U | (uint32_t)answer.verdict << 2 | (uint32_t)answer.mode << 4 |
           (uint32_t)answer.reason << 6;
}

void audit_finished_key(struct buf *out, struct bytes image, const char *namespace)
{
    buf_add_bytes(out, image);
    buf_add_char(out, '\n'); /* in no reference */
    buf_add_text(out, namespace != NULL ? namespace : "");
}

/* What one line says. */
struct parsed {
    struct json_view image, namespace, verdict, mode, reason, hash;
};

static int line_members(struct parsed *out, struct bytes text, struct err *err)
{
    struct json_view root, policy = JSON_VIEW_NONE;

    *out = (struct parsed) { .image = JSON_VIEW_NONE };
    const struct json_member members[] = {
        { "image", &out->image, JSON_STRING, true },
        { "namespace", &out->namespace, JSON_STRING, false },
        { "verdict", &out->verdict, JSON_STRING, true },
        { "mode", &out->mode, JSON_STRING, true },
        { "reason", &out->reason, JSON_STRING, true },
        { "policy", &policy, JSON_OBJECT, true },
    };
    const struct json_member inner[] = { { "hash", &out->hash, JSON_STRING, true } };

    if (json_scan(&root, text, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "line", err) != 0)
        return -1;
    return json_members(policy, inner, 1, JSON_REST_IGNORED, "policy", err);
}

static int find_words(struct audit_finished *out, const struct parsed *line, struct err *err)
{
    int verdict = VERDICT_DENY, mode = MODE_ENFORCE, reason = REASON_NONE;

    *out = (struct audit_finished) { VERDICT_DENY, MODE_ENFORCE, REASON_NONE };
    while (verdict <= VERDICT_ALLOW &&
           !json_string_is(line->verdict, bytes_text(verdict_name((enum verdict)verdict))))
        verdict++;
    while (mode <= MODE_AUDIT &&
           !json_string_is(line->mode, bytes_text(policy_mode_name((enum policy_mode)mode))))
        mode++;
    while (reason < REASON_CODES &&
           !json_string_is(line->reason, bytes_text(reason_name((enum reason_code)reason))))
        reason++;
    if (verdict > VERDICT_ALLOW || mode > MODE_AUDIT || reason == REASON_CODES)
        return err_set(err, ERR_MALFORMED, "verdict, mode or reason is none that an audit writes");
    *out = (struct audit_finished) { (enum verdict)verdict, (enum policy_mode)mode,
                                     (enum reason_code)reason };
    return 0;
}

static int line_key(struct buf *key, const struct parsed *line, struct err *err)
{
    struct buf CLEANUP(buf_clear) image = BUF_INIT(2 * REFERENCE_MAX);
    struct buf CLEANUP(buf_clear) namespace = BUF_INIT(REFERENCE_MAX);

    if (json_string(&image, line->image, "image", err) != 0 ||
        (line->namespace.kind == JSON_STRING &&
         json_string(&namespace, line->namespace, "namespace", err) != 0))
        return -1;
    audit_finished_key(key, buf_bytes(&image), buf_text(&namespace));
    return buf_check(key, "image", err);
}

/* *other: by another policy, so it answers another question. */
static int read_line(struct audit_map *finished, bool *other, struct bytes text, const char *hash,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) key = BUF_INIT(4 * REFERENCE_MAX);
    struct audit_finished answer = { VERDICT_DENY, MODE_ENFORCE, REASON_NONE };
    struct parsed line;

    if (line_members(&line, text, err) != 0 || find_words(&answer, &line, err) != 0 ||
        line_key(&key, &line, err) != 0)
        return -1;
    *other = !json_string_is(line.hash, bytes_text(hash));
    if (*other || answer.verdict == VERDICT_UNKNOWN)
        return 0;
    uint32_t *at = audit_map_at(finished, buf_bytes(&key), err);
    if (at == NULL)
        return -1;
    *at = number_of(answer);
    return 0;
}

int audit_resume_lines(size_t *end, struct audit_map *finished, struct bytes all,
                       const struct audit_resume *what, struct err *err)
{
    size_t others = 0;
    int number = 0;

    for (*end = 0; *end < all.len;) {
        const uint8_t *newline = memchr(all.data + *end, '\n', all.len - *end);
        bool other = false;
        if (newline == NULL)
            break;
        const size_t len = (size_t)(newline - all.data) - *end;
        number++;
        if (read_line(finished, &other, bytes_part(all, *end, len), what->hash, err) != 0) {
            if (err->code == ERR_MALFORMED)
                err->code = ERR_CONFIG;
            return err_wrap(err, "%s:%d", what->path, number);
        }
        others += other ? 1 : 0;
        *end += len + 1;
    }
    if (others > 0)
        log_warn("%s: %zu lines are of another policy: those images are judged again", what->path,
                 others);
    return 0;
}

/* Of an interrupted run at most the beginning of a line; anything else is not ours to shorten. */
static int check_half(struct bytes half, const char *path, struct err *err)
{
    const size_t len = half.len < strlen(LINE_BEGINS) ? half.len : strlen(LINE_BEGINS);

    if (bytes_equal(bytes_part(half, 0, len), bytes_part(BYTES_LIT(LINE_BEGINS), 0, len)))
        return 0;
    return err_set(err, ERR_CONFIG, "%s: its end is no line of an audit", path);
}

static int cut(const char *path, size_t end, size_t half, struct err *err)
{
    /* EINVAL: a pipe, which nobody goes on to write to. */
    if (truncate(path, (off_t)end) != 0 && errno != EINVAL)
        return err_sys(err, ERR_IO, errno, "%s: half a line at its end cannot be cut off", path);
    log_warn("%s: half a line at its end (%zu bytes) is cut off", path, half);
    return 0;
}

int audit_resume_read(struct audit_map *finished, const char *path, const char *hash,
                      struct err *err)
{
    struct file_map CLEANUP(file_unmap) file = { .mapped = NULL };
    const struct audit_resume what = { path, hash };
    size_t end;

    if (file_map(&file, path, RESUME_READ_MAX, err) != 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_reset(err);
        log_info("%s is not there yet: the audit begins", path);
        return 0;
    }
    if (audit_resume_lines(&end, finished, file.content, &what, err) != 0)
        return -1;
    const size_t half = file.content.len - end;
    if (half == 0)
        return 0;
    if (check_half(bytes_part(file.content, end, half), path, err) != 0)
        return -1;
    return cut(path, end, half, err);
}
