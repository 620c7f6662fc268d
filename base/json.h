#ifndef BULLA_BASE_JSON_H
#define BULLA_BASE_JSON_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * JSON documents of our own side (keys, credentials, configuration, tokens) and JSON that we write.
 * An adaptor over jansson, which is met nowhere else. Same strictness as base/json_pull.h. Names
 * jx_, because jansson owns json_. Member order is kept on reading and writing.
 */

struct jx;

/** @return 0, or -1 with ERR_MALFORMED (line and column in the text), ERR_LIMIT (depth 64),
 * ERR_NOMEM. */
int jx_parse(struct jx **out, struct bytes text, struct err *err) MUST_CHECK;
void jx_free(struct jx *v);
void jx_freep(struct jx **v);

enum jx_kind { JX_NONE = 0, JX_NULL, JX_BOOL, JX_INTEGER, JX_REAL, JX_STRING, JX_ARRAY, JX_OBJECT };
enum jx_kind jx_kind(const struct jx *v); /* JX_NONE for NULL */

/* Readers borrow; NULL in, NULL or nothing out. */
struct jx *jx_get(const struct jx *object, const char *name);
struct jx *jx_at(const struct jx *array, size_t i);
size_t jx_size(const struct jx *v);            /* elements or members */
struct bytes jx_text(const struct jx *string); /* BYTES_NONE when not a string */
int64_t jx_integer(const struct jx *v, int64_t otherwise);
bool jx_bool(const struct jx *v, bool otherwise);
/** Walk members in order: start with *at == NULL; false at the end. */
bool jx_next(const struct jx *object, void **at, const char **name, struct jx **value);

/*
 * Writers. Constructors return NULL when memory is short. Setters take ownership of `value` in
 * every case and accept NULL for either argument, so a document can be built as one expression
 * chain; the failure is remembered as a missing root only where the root itself is NULL, therefore
 * each setter returns -1 with ERR_NOMEM and must be checked.
 */
struct jx *jx_object(void);
struct jx *jx_array(void);
struct jx *jx_string(struct bytes utf8); /* NULL also when not UTF-8 */
struct jx *jx_int(int64_t n);
struct jx *jx_boolean(bool b);
struct jx *jx_null(void);
int jx_set(struct jx *object, const char *name, struct jx *value, struct err *err) MUST_CHECK;
int jx_set_text(struct jx *object, const char *name, const char *text, struct err *err) MUST_CHECK;
int jx_append(struct jx *array, struct jx *value, struct err *err) MUST_CHECK;
int jx_delete(struct jx *object, const char *name, struct err *err) MUST_CHECK; /* absent is fine */
int jx_remove(struct jx *array, size_t i, struct err *err) MUST_CHECK;
struct jx *jx_copy(const struct jx *v); /* deep; NULL when memory is short */

enum jx_style { JX_COMPACT, JX_INDENT };
int jx_write(struct buf *out, const struct jx *v, enum jx_style style,
             struct err *err) MUST_CHECK; /* appended */

#endif
