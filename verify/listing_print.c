#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "verify/listing.h"

#define SHOWN_MAX 512 /* of one text from outside */

static const char *const group_names[LEAF_GROUPS] = {
    [GROUP_SIGNATURES] = "Signatures",
    [GROUP_ATTESTATIONS] = "Attestations",
    [GROUP_SBOMS] = "SBOMs",
    [GROUP_OTHERS] = "Other referrers",
};

static size_t group_count(const struct listing *l, size_t group)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += l->leaves[i].group == group;
    return n;
}

/* "verified with release.pub: statement of type ...", a reason, or why it was not checked */
static void text_outcome(struct buf *out, const struct outcome *o)
{
    if (!o->verified) {
        if (o->reason != REASON_NONE)
            buf_addf(out, "%s: ", reason_name(o->reason));
        text_escape(out, bytes_text(o->message), SHOWN_MAX);
        return;
    }
    buf_add_text(out, "verified with ");
    text_escape(out, bytes_text(o->key), SHOWN_MAX);
    if (o->kind == FACT_SIGNATURE) {
        buf_add_text(out, ": signature");
        return;
    }
    buf_add_text(out, ": statement of type ");
    text_escape(out, bytes_text(o->predicate_type), SHOWN_MAX);
}

static void text_leaf(struct buf *out, const struct leaf *leaf, const char *place,
                      const char *const indent[2])
{
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &leaf->digest);
    buf_add_text(out, indent[0]);
    text_escape(out, bytes_text(leaf->where), SHOWN_MAX);
    if (strcmp(leaf->place, place) != 0) {
        buf_add_text(out, " in ");
        text_escape(out, bytes_text(leaf->place), SHOWN_MAX);
    }
    buf_addf(out, "\n%stype: ", indent[1]);
    text_escape(out, bytes_text(leaf->type), SHOWN_MAX);
    buf_addf(out, "\n%s%s, %lld bytes", indent[1], digest, (long long)leaf->size);
    if (leaf->hint != NULL) {
        buf_add_text(out, "; signer, as it says: ");
        text_escape(out, bytes_text(leaf->hint), SHOWN_MAX);
    }
    buf_addf(out, "\n%s", indent[1]);
    text_outcome(out, &leaf->outcome);
    buf_add_char(out, '\n');
}

static void text_group(struct buf *out, const struct listing *l, size_t group, bool last,
                       const char *place)
{
    static const char *const indents[2][2][2] = {
        { { "│   ├── ", "│   │   " }, { "│   └── ", "│       " } },
        { { "    ├── ", "    │   " }, { "    └── ", "        " } },
    };
    size_t left = group_count(l, group);

    buf_addf(out, "%s%s\n", last ? "└── " : "├── ", group_names[group]);
    for (size_t i = 0; i < l->n; i++)
        if (l->leaves[i].group == group)
            text_leaf(out, &l->leaves[i], place, indents[last][--left == 0]);
}

void listing_text(struct buf *out, const struct listing *listing, const char *name,
                  const char *place)
{
    size_t left = 0;

    for (size_t group = 0; group < LEAF_GROUPS; group++)
        left += group_count(listing, group) > 0;
    buf_addf(out, "%s\n", name);
    if (left == 0)
        buf_add_text(out, listing->complete ? "└── nothing hangs on this image\n"
                                            : "└── nothing was found\n");
    for (size_t group = 0; group < LEAF_GROUPS; group++)
        if (group_count(listing, group) > 0)
            text_group(out, listing, group, --left == 0, place);
}

static void json_member(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, ",\"%s\":", name);
    text_json(out, bytes_text(text));
}

static void json_outcome(struct buf *out, const struct outcome *o)
{
    buf_addf(out, ",\"outcome\":{\"verified\":%s", o->verified ? "true" : "false");
    if (o->verified) {
        json_member(out, "key", o->key);
        json_member(out, "kind", o->kind == FACT_SIGNATURE ? "signature" : "statement");
        if (o->predicate_type != NULL)
            json_member(out, "predicateType", o->predicate_type);
    } else {
        if (o->reason != REASON_NONE)
            json_member(out, "reason", reason_name(o->reason));
        json_member(out, "message", o->message);
    }
    buf_add_char(out, '}');
}

static void json_leaf(struct buf *out, const struct leaf *leaf)
{
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &leaf->digest);
    buf_addf(out, "{\"layout\":\"%s\"", leaf->layout);
    json_member(out, "place", leaf->place);
    json_member(out, "where", leaf->where);
    if (leaf->kind != NULL)
        json_member(out, "kind", leaf->kind);
    json_member(out, "type", leaf->type);
    buf_addf(out, ",\"digest\":\"%s\",\"size\":%lld", digest, (long long)leaf->size);
    if (leaf->hint != NULL)
        json_member(out, "hint", leaf->hint);
    json_outcome(out, &leaf->outcome);
    buf_add_char(out, '}');
}

void listing_json(struct buf *out, const struct listing *listing, const char *name,
                  const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    buf_add_text(out, "{\"image\":");
    text_json(out, bytes_text(name));
    buf_addf(out, ",\"digest\":\"%s\",\"complete\":%s,\"evidence\":[", text,
             listing->complete ? "true" : "false");
    for (size_t i = 0; i < listing->n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_leaf(out, &listing->leaves[i]);
    }
    buf_add_text(out, "]}\n");
}
