/*
 * TLS of the transport: the one part that meets OpenSSL beside curl, because curl 7.88 can neither
 * add certificates to the system's nor keep such a set parsed between connections.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/http_private.h"

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

static void storep(X509_STORE **store)
{
    X509_STORE_free(*store);
}

static int add_pem(X509_STORE *store, const char *pem, struct err *err)
{
    struct bytes text = bytes_text(pem);
    size_t count = 0;

    if (text.len > CONFIG_FILE_MAX)
        return err_set(err, ERR_LIMIT, "larger than %zu bytes", (size_t)CONFIG_FILE_MAX);
    BIO *CLEANUP(bio_freep) in = BIO_new_mem_buf(text.data, (int)text.len);
    if (in == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    ERR_clear_error();
    for (;;) {
        X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
        if (certificate == NULL)
            break;
        int added = X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
        if (added != 1)
            return err_set(err, ERR_NOMEM, "out of memory");
        count++;
    }
    /* "No start line" is how the reader says that nothing more follows. */
    bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!whole || count == 0)
        return err_set(err, ERR_CONFIG, "not certificates in PEM form");
    return 0;
}

/* The file that curl was built with: the same set that hosts without additions get. */
static const char *system_certificates(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

    return info->age >= CURLVERSION_TENTH ? info->cainfo : NULL;
}

int http_tls_store(void **out, const char *pem, bool alone, struct err *err)
{
    X509_STORE *CLEANUP(storep) store = X509_STORE_new();
    const char *path = alone ? NULL : system_certificates();

    *out = NULL;
    if (store == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (add_pem(store, pem, err) != 0)
        return -1;
    /* A system without certificates still has the additional ones. */
    if (path != NULL && access(path, R_OK) == 0 && X509_STORE_load_file(store, path) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_CONFIG, "%s cannot be read", path);
    }
    /* As curl does: a certificate that is trusted ends the chain, self-signed or not. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    *out = STEAL(store);
    return 0;
}

void http_tls_store_free(void *store)
{
    X509_STORE_free(store);
}

static CURLcode use_store(CURL *easy, void *context, void *store)
{
    (void)easy;
    SSL_CTX_set1_cert_store(context, store);
    return CURLE_OK;
}

bool http_tls_setup(CURL *easy, const struct http_job *job)
{
    const struct http_host *host = &job->host->settings;
    bool bad = false;

    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, host->insecure ? 0L : 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, host->insecure ? 0L : 2L) != CURLE_OK;
    /* With a path curl neither caches the certificates nor confines trust to the file. */
    bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK;
    if (job->host->store != NULL) {
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_store) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, job->host->store) != CURLE_OK;
    }
    if (host->cert_file != NULL && host->key_file != NULL && !job->foreign) {
        bad |= curl_easy_setopt(easy, CURLOPT_SSLCERT, host->cert_file) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_SSLKEY, host->key_file) != CURLE_OK;
    }
    return !bad;
}
