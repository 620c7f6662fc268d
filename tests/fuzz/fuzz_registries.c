/* Aims at registry/hosts_yaml.c. No seed names a file of certificates that could be there. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "registry/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void check(const struct host_settings *s)
{
    need(s->parallel >= 1 && s->parallel <= HOST_PARALLEL_MAX);
    need((s->cert_file == NULL) == (s->key_file == NULL));
    need(s->credentials_file == NULL || s->credentials_helper == NULL);
    need(s->n_mirrors <= HOST_PLACES_MAX && s->n_evidence <= HOST_PLACES_MAX);
    for (size_t i = 0; i < s->n_mirrors; i++)
        need(s->mirrors[i].prefix[0] == 0 || repository_valid(bytes_text(s->mirrors[i].prefix)));
    for (size_t i = 0; i < s->n_evidence; i++)
        need(s->evidence[i].tag == NULL && !s->evidence[i].has_digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char name[] = "/nonexistent/registries.yaml";
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct err err = ERR_INIT;
    struct host_settings s;

    if (hosts_parse(&hosts, (struct bytes) { data, size }, name, &err) != 0) {
        need(hosts == NULL && (err.code == ERR_CONFIG || err.code == ERR_LIMIT));
        need(strstr(err_text(&err), name) != NULL);
        return 0;
    }
    need(err.code == ERR_NONE && hosts_find(&s, hosts, "h.x", NULL) == 0);
    check(&s);
    need(s.named || s.parallel == HTTP_PARALLEL_OTHER);
    return 0;
}
