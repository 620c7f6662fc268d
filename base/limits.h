#ifndef BULLA_BASE_LIMITS_H
#define BULLA_BASE_LIMITS_H

/* Every ceiling, with its reason. Hitting one is ERR_LIMIT, in a verdict the reason `too-large`,
 * hence unknown. */

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* JSON and YAML */
#define JSON_DEPTH_MAX 64        /* deeper than any format here; bounds every walk */
#define JSON_KEYS_MAX 65536      /* members of one object: bounds the duplicate check's memory */
#define YAML_DEPTH_MAX 64        /* libyaml is quadratic in depth */
#define YAML_TREE_MAX (64 * MIB) /* nodes of one document: two bytes of text can cost a hundred */

/* Registry objects */
#define REFERENCE_MAX 4096 /* a guard before parsing; names end at 255, tags at 128 */
#define MANIFEST_MAX                                                                               \
    (4 * MIB) /* the distribution specification's floor for registries, and their usual limit */
#define INDEX_CHILDREN_MAX 1000    /* manifests in one index: real ones have tens */
#define INDEX_DEPTH_MAX 4          /* nested indexes */
#define PLATFORMS_MAX 32           /* runnable platforms judged one by one */
#define SIGNATURE_LAYERS_MAX 1000  /* layers of a .sig or .att manifest; cosign's own limit */
#define REFERRERS_MAX 256          /* referrers of the plan's types that are looked into */
#define REFERRER_PAGES_MAX 16      /* pages of one referrers list */
#define REFERRERS_LISTED_MAX 65536 /* descriptors read from all pages before filtering */
#define TAG_PAGES_MAX 1000
#define CATALOG_PAGES_MAX 100000 /* of a hundred repositories, as registries give them */
#define LAYOUT_INDEX_MAX                                                                           \
    (16 * MIB)                   /* index.json of a layout on disk: 65536 entries of 256 bytes     \
                                  */
#define LAYOUT_ENTRIES_MAX 65536 /* entries of it, and manifests looked into in one walk */
#define TAGS_MAX 1000000
#define ANNOTATIONS_MAX 256 /* per object */
#define CONFIG_BLOB_MAX (4 * MIB)

/* Evidence */
#define PAYLOAD_MAX (256 * KIB) /* simple signing payload: real ones are a few hundred bytes */
#define BUNDLE_SIGNATURE_MAX (1 * MIB)
#define BUNDLE_STATEMENT_MAX (128 * MIB)
#define STATEMENT_SUBJECTS_MAX 1024 /* the reference verifier's */
#define SUBJECT_DIGESTS_MAX 32      /* the reference verifier's */
#define ENVELOPE_SIGNATURES_MAX 16  /* plain DSSE files; a bundle has exactly one */
#define SIGNATURE_BYTES_MAX 1024    /* RSA 8192 is 1024 bytes */
#define EVIDENCE_BYTES_MAX                                                                         \
    (64 * MIB) /* kept in memory of one image's evidence, statements aside                         \
                */

#define JUDGEMENT_BYTES_MAX (1 * MIB) /* texts and tree of one judgement */
#define FACTS_BYTES_MAX (64 * MIB)    /* what facts of one digest hold beside their payloads */

/* Policy */
#define POLICY_BYTES_MAX (64 * MIB) /* a compiled policy: its file ends at 1 MiB */
#define POLICY_FINDINGS_MAX 1000
#define POLICY_KEYS_MAX 1024 /* different keys of all signers: each may be tried on a signature */
#define POLICY_NAME_MAX 128  /* of signers, checks and rules: they stand in every message */
#define POLICY_POINTER_MAX 1024 /* what a reference token can be long */
#define POLICY_FINDINGS_BYTES_MAX (4 * MIB)
#define POLICY_TEST_CASES_MAX 1000        /* cases in one file; their names must all differ */
#define POLICY_TEST_FACTS_MAX 1000        /* facts of one case */
#define POLICY_TEST_BYTES_MAX (256 * MIB) /* texts and statements of one file of cases */

/* Keys */
#define KEY_FILE_MAX (64 * KIB)
#define PASSWORD_MAX (4 * KIB)
#define KEYS_MAX 64 /* --key given so many times */

/* HTTP */
#define URL_MAX (8 * KIB)
#define HEADERS_MAX (64 * KIB) /* response headers that are kept */
#define ERROR_BODY_MAX (64 * KIB)
#define TOKEN_MAX (64 * KIB)
#define REDIRECTS_MAX 5
#define HTTP_ATTEMPTS_MAX 5    /* tries of one request inside its deadline */
#define HTTP_PARALLEL_NAMED 64 /* requests in flight to a host that registries.yaml names */
#define HTTP_PARALLEL_OTHER 8  /* and to any other */
#define CHALLENGES_MAX 16
#define CHALLENGE_PARAMS_MAX 16
#define CHALLENGE_MAX (8 * KIB)

/* registries.yaml, docker config */
#define HOSTS_MAX 4096        /* hosts that are named or have a certs.d folder */
#define HOST_PLACES_MAX 16    /* mirrors of one host, evidence places of one host: each is asked */
#define HOST_PARALLEL_MAX 256 /* requests in flight that a host may be allowed */
#define HOST_CA_MAX (1 * MIB) /* certificates added for one host */
#define AUTH_FILES_MAX 256    /* docker configs that are looked into: one for each team is plenty */
#define CREDENTIALS_KEPT_MAX 256 /* answers of credential helpers that are kept */

/* Files */
#define CONFIG_FILE_MAX (1 * MIB)  /* policy, registries.yaml, docker config */
#define BLOB_READ_MAX (1024 * MIB) /* a blob that cannot be mapped (a pipe) is held in memory */
#define HELPER_OUTPUT_MAX (64 * KIB)
#define HELPER_TIMEOUT_MS 30000
#define IMAGES_MAX 100000 /* images named in one command */

/* Admission reviews */
#define REVIEW_IMAGES_MAX 512 /* images of one object: real Pods have tens */
#define REVIEW_BYTES_MAX                                                                           \
    (8 * MIB) /* of a body: an object and its old self, of 3 MiB as the API                        \
                 server takes them, written out as JSON */

/* Log lines and command lines */
#define LOG_MESSAGE_MAX 4096                /* of one event, after escaping */
#define LOG_FIELD_MAX 1024                  /* of one field */
#define LOG_LINE_MAX (64 * KIB)             /* one write() */
#define OPTION_BYTES_MAX ((int64_t)4 << 30) /* a size on a command line */
#define OPTIONS_MAX 96                      /* rows of one option table */

#endif
