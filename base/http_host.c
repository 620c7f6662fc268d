#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"
#include "base/mem.h"
#include "base/text.h"

static struct http_host_entry **bucket(struct http *http, const char *name)
{
    return &http->hosts[text_hash(name) % HTTP_BUCKETS];
}

static struct http_host_entry *find(struct http *http, const char *name)
{
    struct http_host_entry *entry = *bucket(http, name);

    while (entry != NULL && strcmp(entry->name, name) != 0)
        entry = entry->next;
    return entry;
}

static void entry_free(struct http_host_entry *entry)
{
    http_tls_store_free(entry->store);
    free(entry);
}

/* Names come from outside (redirects, references), so the table is kept from growing for ever. */
static void forget_idle(struct http *http)
{
    for (size_t i = 0; i < HTTP_BUCKETS; i++) {
        struct http_host_entry **link = &http->hosts[i];
        while (*link != NULL) {
            struct http_host_entry *entry = *link;
            if (entry->refs > 0) {
                link = &entry->next;
                continue;
            }
            *link = entry->next;
            http->n_hosts--;
            entry_free(entry);
        }
    }
}

static struct http_host_entry *insert(struct http *http, const char *name, struct err *err)
{
    if (http->n_hosts >= HTTP_HOSTS_KEPT)
        forget_idle(http);
    struct http_host_entry *entry = mem_new(1, sizeof(*entry), err);
    if (entry == NULL)
        return NULL;
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->next = *bucket(http, name);
    *bucket(http, name) = entry;
    http->n_hosts++;
    return entry;
}

/* Lock not held: the callback may read files, and so does the trust store. */
static int ask(struct http *http, struct http_host_entry *entry, struct err *err)
{
    const struct http_options *options = &http->options;
    struct http_host settings = { 0 };

    if (options->host != NULL && options->host(options->context, &settings, entry->name, err) != 0)
        return -1;
    if (settings.parallel <= 0)
        settings.parallel = HTTP_PARALLEL_OTHER;
    if (settings.ca_pem != NULL && !settings.insecure &&
        http_tls_store(&entry->store, settings.ca_pem, settings.ca_alone, err) != 0)
        return err_wrap(err, "%s: additional certificates", entry->name);
    entry->settings = settings;
    return 0;
}

int http_host_get(struct http_host_entry **out, struct http *http, const char *name,
                  struct err *err)
{
    int result = 0;

    *out = NULL;
    pthread_mutex_lock(&http->lock);
    struct http_host_entry *entry = find(http, name);
    if (entry == NULL)
        entry = insert(http, name, err);
    if (entry == NULL) {
        pthread_mutex_unlock(&http->lock);
        return -1;
    }
    entry->refs++;
    while (entry->state == HTTP_HOST_ASKING)
        pthread_cond_wait(&http->host_ready, &http->lock);
    if (entry->state == HTTP_HOST_NEW) {
        entry->state = HTTP_HOST_ASKING;
        pthread_mutex_unlock(&http->lock);
        result = ask(http, entry, err);
        pthread_mutex_lock(&http->lock);
        entry->state = result == 0 ? HTTP_HOST_READY : HTTP_HOST_NEW;
        pthread_cond_broadcast(&http->host_ready);
    }
    if (result != 0)
        entry->refs--;
    else
        *out = entry;
    pthread_mutex_unlock(&http->lock);
    return result;
}

struct http_host_entry *http_host_known(struct http *http, const char *name)
{
    pthread_mutex_lock(&http->lock);
    struct http_host_entry *entry = find(http, name);
    if (entry != NULL && entry->state != HTTP_HOST_READY)
        entry = NULL;
    if (entry != NULL)
        entry->refs++;
    pthread_mutex_unlock(&http->lock);
    return entry;
}

void http_host_hold(struct http *http, struct http_host_entry *entry)
{
    pthread_mutex_lock(&http->lock);
    entry->refs++;
    pthread_mutex_unlock(&http->lock);
}

void http_host_release(struct http *http, struct http_host_entry *entry)
{
    if (entry == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    entry->refs--;
    pthread_mutex_unlock(&http->lock);
}

void http_hosts_free(struct http *http)
{
    for (size_t i = 0; i < HTTP_BUCKETS; i++)
        while (http->hosts[i] != NULL) {
            struct http_host_entry *entry = http->hosts[i];
            http->hosts[i] = entry->next;
            entry_free(entry);
        }
    http->n_hosts = 0;
}
