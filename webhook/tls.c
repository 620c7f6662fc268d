#include "webhook/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* Own chain and a caller's: real ones have two or three (architecture.md, "Ceilings"). */
#define TLS_CHAIN_MAX 10
#define TLS_NAME_MAX 512  /* of a caller: longer ones match nothing */
#define TLS_NAMES_MAX 256 /* alternative names of one certificate that are looked at */

struct tls_identity {
    atomic_size_t refs;
    gnutls_x509_crt_t *chain; /* leaf first */
    gnutls_pcert_st *sent;    /* the same, as GnuTLS sends it */
    unsigned n_chain, n_sent;
    gnutls_privkey_t key;
    int64_t expires;
    gnutls_x509_trust_list_t callers; /* NULL: no client certificate is wanted */
    char **names;
    size_t n_names;
};

struct tls {
    pthread_mutex_t lock;
    struct tls_identity *identity;
};

struct tls_session {
    gnutls_session_t session;
    struct tls *tls;
    struct tls_identity *identity; /* the handshake's */
    struct tls_identity *checked;  /* whom the caller was checked by, NULL: not yet */
    int64_t checked_at;
};

/* --- Identity --- */

struct tls_identity *tls_identity_hold(struct tls_identity *identity)
{
    atomic_fetch_add(&identity->refs, 1);
    return identity;
}

void tls_identity_drop(struct tls_identity *identity)
{
    if (identity == NULL || atomic_fetch_sub(&identity->refs, 1) != 1)
        return;
    for (unsigned i = 0; i < identity->n_sent; i++)
        gnutls_pcert_deinit(&identity->sent[i]);
    for (unsigned i = 0; i < identity->n_chain; i++)
        gnutls_x509_crt_deinit(identity->chain[i]);
    free(identity->sent);
    gnutls_free(identity->chain);
    if (identity->key != NULL)
        gnutls_privkey_deinit(identity->key);
    if (identity->callers != NULL)
        gnutls_x509_trust_list_deinit(identity->callers, 1);
    for (size_t i = 0; i < identity->n_names; i++)
        free(identity->names[i]);
    free(identity->names);
    free(identity);
}

static void identity_dropp(struct tls_identity **identity)
{
    tls_identity_drop(*identity);
}

static int tls_err(struct err *err, int r, const char *path, const char *what)
{
    if (r == GNUTLS_E_MEMORY_ERROR)
        return err_set(err, ERR_NOMEM, "out of memory");
    return err_set(err, ERR_CONFIG, "%s: %s: %s", path, what, gnutls_strerror(r));
}

static gnutls_datum_t datum(const struct buf *b)
{
    return (gnutls_datum_t) { .data = b->data, .size = (unsigned)b->len };
}

static int read_chain(struct tls_identity *identity, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(CONFIG_FILE_MAX);

    if (file_read(&pem, path, err) != 0)
        return -1;
    const gnutls_datum_t data = datum(&pem);
    int r =
        gnutls_x509_crt_list_import2(&identity->chain, &identity->n_chain, &data,
                                     GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (r < 0) {
        identity->chain = NULL;
        identity->n_chain = 0;
    }
    if (r == GNUTLS_E_CERTIFICATE_LIST_UNSORTED)
        return err_set(err, ERR_CONFIG, "%s: the certificates are not a chain, leaf first", path);
    if (r < 0)
        return tls_err(err, r, path, "no certificate");
    if (identity->n_chain > TLS_CHAIN_MAX)
        return err_set(err, ERR_CONFIG, "%s: %u certificates are more than %d", path,
                       identity->n_chain, TLS_CHAIN_MAX);
    identity->sent = mem_new(identity->n_chain, sizeof(*identity->sent), err);
    if (identity->sent == NULL)
        return -1;
    for (; identity->n_sent < identity->n_chain; identity->n_sent++) {
        r = gnutls_pcert_import_x509(&identity->sent[identity->n_sent],
                                     identity->chain[identity->n_sent], 0);
        if (r < 0)
            return tls_err(err, r, path, "no certificate");
    }
    return 0;
}

static int read_key(struct tls_identity *identity, const char *path, struct err *err)
{
    struct secret *CLEANUP(secret_freep) pem = NULL;

    if (file_read_secret(&pem, path, KEY_FILE_MAX, NULL, err) != 0)
        return -1;
    const gnutls_datum_t data = { secret_data(pem), (unsigned)secret_bytes(pem).len };
    int r = gnutls_privkey_init(&identity->key);
    if (r == 0)
        r = gnutls_privkey_import_x509_raw(identity->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (r == GNUTLS_E_DECRYPTION_FAILED)
        return err_set(err, ERR_CONFIG, "%s: the key is encrypted; a plain one is wanted", path);
    return r == 0 ? 0 : tls_err(err, r, path, "no private key");
}

#define KEY_ID_SIZE 32

/* Both ids are SHA-256 over the public key. */
static int check_fit(const struct tls_identity *identity, const struct tls_files *files,
                     struct err *err)
{
    uint8_t of_key[KEY_ID_SIZE] = { 0 };
    uint8_t of_cert[KEY_ID_SIZE] = { 0 };
    size_t key_len = sizeof(of_key);
    size_t cert_len = sizeof(of_cert);
    gnutls_pubkey_t public = NULL;

    int r = gnutls_pubkey_init(&public);
    if (r == 0)
        r = gnutls_pubkey_import_privkey(public, identity->key, 0, 0);
    if (r == 0)
        r = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_len);
    if (r == 0)
        r = gnutls_x509_crt_get_key_id(identity->chain[0], GNUTLS_KEYID_USE_SHA256, of_cert,
                                       &cert_len);
    if (public != NULL)
        gnutls_pubkey_deinit(public);
    if (r != 0)
        return tls_err(err, r, files->key, "no private key");
    if (!bytes_equal((struct bytes) { of_key, key_len }, (struct bytes) { of_cert, cert_len }))
        return err_set(err, ERR_CONFIG, "%s: this is not the key of the certificate in %s",
                       files->key, files->cert);
    return 0;
}

static int check_leaf(struct tls_identity *identity, const char *path, struct err *err)
{
    gnutls_x509_crt_t leaf = identity->chain[0];

    if (gnutls_x509_crt_check_key_purpose(leaf, GNUTLS_KP_TLS_WWW_SERVER, 0) == 0)
        return err_set(err, ERR_CONFIG, "%s: the certificate is not for servers", path);
    identity->expires = gnutls_x509_crt_get_expiration_time(leaf);
    /* An expired one is served all the same: the API server says why it refuses it, and readiness
     * that failed for it would only hide that. */
    if (identity->expires <= clock_seconds()) {
        char when[TIME_TEXT_MAX];
        time_format(when, identity->expires);
        log_warn("%s: the certificate has expired at %s", path, when);
    }
    return 0;
}

static int read_callers(struct tls_identity *identity, const struct tls_files *files,
                        struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(CONFIG_FILE_MAX);

    if (files->client_ca == NULL)
        return files->n_client_names == 0
                   ? 0
                   : err_set(err, ERR_CONFIG, "names of clients mean nothing without a CA");
    if (file_read(&pem, files->client_ca, err) != 0)
        return -1;
    const gnutls_datum_t data = datum(&pem);
    int r = gnutls_x509_trust_list_init(&identity->callers, 0);
    if (r == 0)
        r = gnutls_x509_trust_list_add_trust_mem(identity->callers, &data, NULL,
                                                 GNUTLS_X509_FMT_PEM, 0, 0);
    if (r < 0)
        return tls_err(err, r, files->client_ca, "no certificate");
    if (r == 0)
        return err_set(err, ERR_CONFIG, "%s: no certificate", files->client_ca);
    if (files->n_client_names == 0)
        return 0;
    identity->names = mem_new(files->n_client_names, sizeof(*identity->names), err);
    for (size_t i = 0; identity->names != NULL && i < files->n_client_names; i++) {
        identity->names[i] = mem_text(bytes_text(files->client_names[i]), err);
        if (identity->names[i] == NULL)
            return -1;
        identity->n_names++;
    }
    return identity->names == NULL ? -1 : 0;
}

int tls_identity_read(struct tls_identity **out, const struct tls_files *files, struct err *err)
{
    struct tls_identity *CLEANUP(identity_dropp) identity = mem_new(1, sizeof(*identity), err);

    *out = NULL;
    if (identity == NULL)
        return -1;
    identity->refs = 1;
    if (read_chain(identity, files->cert, err) != 0 || read_key(identity, files->key, err) != 0 ||
        check_fit(identity, files, err) != 0 || check_leaf(identity, files->cert, err) != 0 ||
        read_callers(identity, files, err) != 0)
        return -1;
    *out = STEAL(identity);
    return 0;
}

int64_t tls_identity_expires(const struct tls_identity *identity)
{
    return identity->expires;
}

bool tls_identity_names(const struct tls_identity *identity, const char *host)
{
    gnutls_x509_crt_t leaf = identity->chain[0];
    char name[TLS_NAME_MAX];
    size_t len = sizeof(name);

    /* Without alternative names GnuTLS looks at the common name; the API server never does. */
    int type = gnutls_x509_crt_get_subject_alt_name(leaf, 0, name, &len, NULL);
    if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
        return false;
    return gnutls_x509_crt_check_hostname2(leaf, host, 0) != 0;
}

int64_t tls_identity_begins(const struct tls_identity *identity)
{
    return gnutls_x509_crt_get_activation_time(identity->chain[0]);
}

static void trust_list_freep(gnutls_x509_trust_list_t *list)
{
    if (*list != NULL)
        gnutls_x509_trust_list_deinit(*list, 1);
}

static int untrusted(unsigned status, struct err *err)
{
    gnutls_datum_t text = { NULL, 0 };

    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) != 0)
        return err_set(err, ERR_INVALID, "the chain is not trusted");
    err_set(err, ERR_INVALID, "%s", (const char *)text.data);
    gnutls_free(text.data);
    return -1;
}

int tls_identity_trusted(const struct tls_identity *identity, struct bytes authorities,
                         struct err *err)
{
    gnutls_x509_trust_list_t CLEANUP(trust_list_freep) list = NULL;
    const gnutls_datum_t pem = { .data = (unsigned char *)(uintptr_t)authorities.data,
                                 .size = (unsigned)authorities.len };
    unsigned status = 0;

    int r = gnutls_x509_trust_list_init(&list, 0);
    if (r == 0)
        r = gnutls_x509_trust_list_add_trust_mem(list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (r == GNUTLS_E_MEMORY_ERROR)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (r <= 0)
        return err_set(err, ERR_CONFIG, "no PEM certificate");
    r = gnutls_x509_trust_list_verify_crt2(list, identity->chain, identity->n_chain, NULL, 0, 0,
                                           &status, NULL);
    if (r != 0)
        return err_set(err, ERR_INVALID, "%s", gnutls_strerror(r));
    return status == 0 ? 0 : untrusted(status, err);
}

/* --- What a listener serves with --- */

int tls_new(struct tls **out, struct tls_identity *identity, struct err *err)
{
    struct tls *tls = mem_new(1, sizeof(*tls), err);

    *out = tls;
    if (tls == NULL)
        return -1;
    pthread_mutex_init(&tls->lock, NULL);
    tls->identity = tls_identity_hold(identity);
    return 0;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    tls_identity_drop(tls->identity);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

void tls_use(struct tls *tls, struct tls_identity *identity)
{
    tls_identity_hold(identity);
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *old = tls->identity;
    tls->identity = identity;
    pthread_mutex_unlock(&tls->lock);
    tls_identity_drop(old);
}

static struct tls_identity *identity_of(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *identity = tls_identity_hold(tls->identity);
    pthread_mutex_unlock(&tls->lock);
    return identity;
}

const char *tls_priorities(void)
{
    return "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"
           "-MAC-ALL:+AEAD:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
           "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1";
}

/* --- Connections --- */

/* The slot of a session that is meant for its cache, which is not used: the one of
 * gnutls_session_set_ptr() belongs to libmicrohttpd. */
static void bind_session(struct tls_session *s)
{
    gnutls_db_set_ptr(s->session, s);
}

/* Nothing here is given away: it lives as long as the tls_session. */
/* NOLINTNEXTLINE(readability-function-size): GnuTLS calls it */
static int choose(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                  gnutls_pcert_st **sent, unsigned *n_sent, gnutls_ocsp_data_st **ocsp,
                  unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags)
{
    struct tls_session *s = gnutls_db_get_ptr(session);

    (void)info;
    *ocsp = NULL;
    *n_ocsp = 0;
    *flags = 0;
    if (s == NULL)
        return -1;
    *sent = s->identity->sent;
    *n_sent = s->identity->n_sent;
    *key = s->identity->key;
    return 0;
}

void (*tls_chooser(void))(void)
{
    gnutls_certificate_retrieve_function3 *function = choose;

    return (void (*)(void))function;
}

int tls_session_new(struct tls_session **out, struct tls *tls, void *session, struct err *err)
{
    struct tls_session *s = mem_new(1, sizeof(*s), err);

    *out = s;
    if (s == NULL)
        return -1;
    s->session = session;
    s->tls = tls;
    s->identity = identity_of(tls);
    bind_session(s);
    /* Asked for, not demanded: probes carry none. tls_session_caller() demands. No tickets are ever
     * given out, so that no session is resumed past this. */
    if (s->identity->callers != NULL)
        gnutls_certificate_server_set_request(s->session, GNUTLS_CERT_REQUEST);
    return 0;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    /* Not a word to the session: libmicrohttpd has freed it when it tells that a connection is
     * closed. */
    tls_identity_drop(s->identity);
    tls_identity_drop(s->checked);
    free(s);
}

/* --- Callers --- */

/* What a client has shown. */
struct shown {
    gnutls_x509_crt_t chain[TLS_CHAIN_MAX];
    unsigned n;
};

static void shown_clear(struct shown *shown)
{
    for (unsigned i = 0; i < shown->n; i++)
        gnutls_x509_crt_deinit(shown->chain[i]);
}

static int read_shown(struct shown *out, gnutls_session_t session, struct err *err)
{
    unsigned n = 0;
    const gnutls_datum_t *sent = gnutls_certificate_get_peers(session, &n);

    if (sent == NULL || n == 0)
        return err_set(err, ERR_AUTH, "a client certificate is wanted");
    if (n > TLS_CHAIN_MAX)
        return err_set(err, ERR_AUTH, "the client's chain is too long");
    for (; out->n < n; out->n++) {
        if (gnutls_x509_crt_init(&out->chain[out->n]) != 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        int r = gnutls_x509_crt_import(out->chain[out->n], &sent[out->n], GNUTLS_X509_FMT_DER);
        if (r != 0) {
            gnutls_x509_crt_deinit(out->chain[out->n]);
            return err_set(err, r == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_AUTH,
                           "the client certificate cannot be read");
        }
    }
    return 0;
}

static int check_trust(const struct tls_identity *by, struct shown *shown, struct err *err)
{
    gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                      .data =
                                          (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
    unsigned status = ~0U;

    int r = gnutls_x509_trust_list_verify_crt2(by->callers, shown->chain, shown->n, &purpose, 1, 0,
                                               &status, NULL);
    /* 0 only says that it was looked at; what was found is in `status`. */
    if (r == 0 && status == 0)
        return 0;
    if (r == GNUTLS_E_MEMORY_ERROR)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && (status & GNUTLS_CERT_EXPIRED) != 0)
        return err_set(err, ERR_AUTH, "the client certificate has expired");
    return err_set(err, ERR_AUTH, "the client certificate is not trusted");
}

static bool is_named(const struct tls_identity *by, struct bytes name)
{
    for (size_t i = 0; i < by->n_names; i++)
        if (bytes_is(name, by->names[i]))
            return true;
    return false;
}

static bool common_name_fits(const struct tls_identity *by, gnutls_x509_crt_t leaf)
{
    for (unsigned i = 0; i < TLS_NAMES_MAX; i++) {
        char name[TLS_NAME_MAX];
        size_t len = sizeof(name);
        int r = gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, i, 0, name, &len);
        if (r == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (r != 0)
            return false;
        if (is_named(by, (struct bytes) { (const uint8_t *)name, len }))
            return true;
    }
    return false;
}

static bool alternative_fits(const struct tls_identity *by, gnutls_x509_crt_t leaf)
{
    for (unsigned i = 0; i < TLS_NAMES_MAX; i++) {
        char name[TLS_NAME_MAX];
        size_t len = sizeof(name);
        int type = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &len, NULL);
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            return false;
        if ((type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_URI) &&
            is_named(by, (struct bytes) { (const uint8_t *)name, len }))
            return true;
    }
    return false;
}

static int check_caller(struct tls_session *s, const struct tls_identity *by, struct err *err)
{
    struct shown CLEANUP(shown_clear) shown = { .n = 0 };

    if (read_shown(&shown, s->session, err) != 0 || check_trust(by, &shown, err) != 0)
        return -1;
    if (by->n_names > 0 && !common_name_fits(by, shown.chain[0]) &&
        !alternative_fits(by, shown.chain[0]))
        return err_set(err, ERR_AUTH, "the client certificate is not one of those that may call");
    return 0;
}

int tls_session_caller(struct tls_session *s, struct err *err)
{
    struct tls_identity *CLEANUP(identity_dropp) by = NULL;
    int64_t now = clock_millis();

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    by = identity_of(s->tls);
    if (by->callers == NULL || (s->checked == by && now - s->checked_at < TLS_RECHECK_MS))
        return 0;
    if (check_caller(s, by, err) != 0)
        return -1;
    tls_identity_drop(s->checked);
    s->checked = STEAL(by);
    s->checked_at = now;
    return 0;
}
