#include "engine/policy_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"

void policy_file_clear(struct policy_file *file)
{
    policy_freep(&file->policy);
    policy_keys_clear(&file->keys);
    policy_findings_clear(&file->findings);
    file_marks_clear(&file->files);
}

/* Where keys are read from, and the list of what was. */
struct reading {
    const char *folder;
    struct file_marks *files;
};

/* A key's path is relative to the policy's folder. */
static int read_key(void *context, struct public_key **out, const char *path, struct err *err)
{
    const struct reading *reading = context;
    char joined[PATH_MAX];

    *out = NULL;
    const int n = path[0] == '/' ? snprintf(joined, sizeof(joined), "%s", path)
                                 : snprintf(joined, sizeof(joined), "%s/%s", reading->folder, path);
    if (n < 0 || (size_t)n >= sizeof(joined))
        return err_set(err, ERR_CONFIG, "%s: the path is too long", path);
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    if (file_marks_add(reading->files, joined, err) != 0 || file_read(&pem, joined, err) != 0 ||
        public_key_parse(out, buf_bytes(&pem), err) != 0)
        return -1;
    return 0;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

int policy_file_read(struct policy_file *out, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    char *CLEANUP(mem_freep) real = NULL;

    *out = (struct policy_file) { .findings = POLICY_FINDINGS_INIT };
    /* As it is named: a link that leads elsewhere is a change. */
    if (file_marks_add(&out->files, path, err) != 0)
        return -1;
    real = realpath(path, NULL);
    if (real == NULL)
        return err_sys(err, errno == ENOENT || errno == ENOTDIR ? ERR_USAGE : ERR_IO, errno,
                       "policy %s", path);
    if (file_read(&text, real, err) != 0)
        return err_wrap(err, "policy %s", path);
    *strrchr(real, '/') = '\0'; /* an absolute path has one */
    struct reading reading = { real, &out->files };
    const struct policy_source source = {
        .text = buf_bytes(&text), .file = file_name(path), .read_key = read_key, .context = &reading
    };
    return policy_load(&out->policy, &out->keys, &source, &out->findings, err);
}
