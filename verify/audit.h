#ifndef BULLA_VERIFY_AUDIT_H
#define BULLA_VERIFY_AUDIT_H

#include <pthread.h>
#include <stdio.h>

#include "registry/catalog.h"
#include "verify/audit_map.h"
#include "verify/run.h"

/*
 * verify audit: many images, judged in batches. Where they come from (audit_source.c), what an
 * earlier run has answered (audit_resume.c), what was found out (audit_answer.c), and where it goes
 * (audit_output.c).
 */

struct audit_options {
    struct run_options run;
    const char *list;       /* FILE or "-" */
    const char *repository; /* HOST/REPOSITORY or oci:DIR */
    const char *registry;   /* HOST */
    const char *tag_pattern;
    const char *resume;
    const char *output_file;
};

#define AUDIT_IMAGES_MAX 4000000 /* of one run: bounds what is remembered of each */

/* --- audit_source.c --- */

struct audit_image {
    struct reference reference; /* owned; with `lost` the repository */
    int line;                   /* of the list; else 0 */
    struct err lost;            /* its tags could not be listed, and why; else ERR_NONE */
};
void audit_image_clear(struct audit_image *image);

struct audit_source;

/**
 * Read the list, whole and every line parsed; or parse what names a repository or registry. No
 * packet is sent. -1 with ERR_USAGE (a line that is no image: "FILE:LINE: ..."), ERR_IO, ERR_LIMIT.
 */
int audit_source_open(struct audit_source **out, const struct audit_options *options,
                      struct err *err) MUST_CHECK;
void audit_source_freep(struct audit_source **source);

/** Has every image of the list a namespace where a rule asks for one? ERR_USAGE. */
int audit_source_check(const struct audit_source *source, const struct run *run,
                       struct err *err) MUST_CHECK;

/** The next image. *got false: there is none. -1: a list of repositories or tags broke off. */
int audit_source_next(struct audit_image *out, bool *got, struct audit_source *source,
                      const struct engine_options *engine, struct err *err) MUST_CHECK;

size_t audit_source_total(const struct audit_source *source); /* images of the list; 0: not known */
size_t audit_source_passed(const struct audit_source *source); /* tags that are no images */

/** Is it a tag under which signatures or referrers hang, not images? */
bool audit_tag_is_evidence(struct bytes tag);

/* --- audit_answer.c --- */

/** What was found out about one digest, or about an image that has none. */
struct audit_answer {
    char *image; /* for which it was found out */
    enum verdict verdict;
    enum policy_mode mode;
    enum reason_code reason;
    const struct policy_rule *rule; /* or NULL */
    bool resolved;
    struct digest digest; /* when resolved */
    int64_t now, took_ms;
    char *text;       /* why not; "" when allowed */
    char *signers;    /* JSON array of names */
    char *statements; /* JSON array of predicate types */
    size_t signatures;
};
void audit_answer_clear(struct audit_answer *answer);
size_t audit_answer_bytes(const struct audit_answer *answer); /* memory that it takes */

int audit_answer_make(struct audit_answer *out, const struct report *report,
                      const struct image_result *result, struct err *err) MUST_CHECK;
/** Of what could not be found out. */
int audit_answer_lost(struct audit_answer *out, const struct report *report,
                      const struct image_question *image, const struct err *why,
                      struct err *err) MUST_CHECK;

/** One image with its answer. */
struct audit_line {
    const struct image_question *image;
    const char *text;    /* the image's reference, canonical */
    const char *same_as; /* the image whose answer this is; NULL: its own */
    struct run_place place;
    const struct audit_answer *answer;
};

/** What the policy is known by in lines: that of a file by its own hash, that of --key by the keys'
 * and annotations'. */
#define AUDIT_HASH_MAX 13
int audit_policy_hash(char out[AUDIT_HASH_MAX], const struct run *run, struct err *err) MUST_CHECK;

/** Appended; ends with a newline. */
int audit_line_json(struct buf *out, const struct audit_line *line, const struct policy *policy,
                    const char *hash, struct err *err) MUST_CHECK;
int audit_line_text(struct buf *out, const struct audit_line *line, const struct report *report,
                    struct err *err) MUST_CHECK;
int audit_line_sarif(struct buf *out, const struct audit_line *line, const struct report *report,
                     bool first, struct err *err) MUST_CHECK;

/* --- audit_resume.c --- */

/** What is known of an image before it is judged, as a number in a map. */
#define AUDIT_TAKEN 1 /* by this run */
struct audit_finished {
    enum verdict verdict;
    enum policy_mode mode;
    enum reason_code reason;
};
struct audit_finished audit_finished_of(uint32_t number); /* not of AUDIT_TAKEN */

/** The text under which an image stands in that map, appended. */
void audit_finished_key(struct buf *out, struct bytes image, const char *namespace);

/**
 * Read the lines of an earlier run: images that were allowed or denied, by the same policy. Half a
 * line at the end is cut off the file. A file that is not there is one without lines.
 *
 * @return 0, or -1 with ERR_CONFIG ("FILE:LINE: ..."), ERR_IO, ERR_LIMIT
 */
int audit_resume_read(struct audit_map *finished, const char *path, const char *hash,
                      struct err *err) MUST_CHECK;

/** What an earlier run has left, and by which policy lines count. */
struct audit_resume {
    const char *path; /* for messages */
    const char *hash;
};

/** The same from memory: all whole lines; *end is where they do. A line that is none of an audit is
 * ERR_CONFIG. */
int audit_resume_lines(size_t *end, struct audit_map *finished, struct bytes all,
                       const struct audit_resume *what, struct err *err) MUST_CHECK;

/* --- audit_output.c --- */

struct audit_counts {
    size_t verdicts[VERDICT_ALLOW + 1];
    size_t reasons[REASON_CODES];
    size_t images;   /* all of them */
    size_t resumed;  /* answered by the file of --resume */
    size_t repeated; /* named once more: not counted in the others */
};

struct audit_output {
    const struct audit_options *options;
    enum report_format format;
    int fd;         /* lines, each by one write() */
    FILE *document; /* SARIF */
    size_t total;   /* 0: not known */
    int64_t started, shown;
    pthread_mutex_t lock; /* for everything below, and for writing */
    bool any;
    struct audit_counts counts;
    pthread_t watcher;
    bool watching;
};

/** Open where results go. Until audit_output_end() an interruption (SIGINT, SIGTERM, SIGHUP) waits
 * for the line that is being written, tells the summary and ends the process by that signal. To be
 * called while the process has one thread. */
int audit_output_begin(struct audit_output *out, const struct audit_options *options,
                       enum report_format format, size_t total, struct err *err) MUST_CHECK;

/** The answer to one image: counted, and `line` (not empty) written. */
int audit_output_write(struct audit_output *out, struct bytes line,
                       const struct audit_finished *answer, struct err *err) MUST_CHECK;
/** Counted only: an earlier run has the line, or this one. */
void audit_output_resumed(struct audit_output *out, const struct audit_finished *answer);
void audit_output_repeated(struct audit_output *out);

/** Tell the summary, close. `passed`: tags that are no images. */
int audit_output_end(struct audit_output *out, size_t passed, struct err *err) MUST_CHECK;

#endif
