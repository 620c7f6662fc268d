#include "verify/sarif.h"

#include "base/text.h"
#include "base/version.h"

/* The reason of an allowed image, which SARIF's readers want a rule for too. */
#define PASSED "verified"

void sarif_begin(FILE *out)
{
    fputs("{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\","
          "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"verify\",\"fullName\":\"Bulla verify\","
          "\"version\":\"" VERSION_TEXT "\",\"rules\":[{\"id\":\"" PASSED "\"}",
          out);
    for (int code = REASON_NONE + 1; code < REASON_CODES; code++)
        fprintf(out, ",{\"id\":\"%s\"}", reason_name((enum reason_code)code));
    fputs("]}},\"results\":[\n", out);
}

void sarif_end(FILE *out)
{
    fputs("]}]}\n", out);
}

/* SARIF 2.1.0 section 3.27.10: a result that passed has level "none". */
static const char *level_of(const struct judgement *j)
{
    if (j->verdict == VERDICT_ALLOW)
        return "none";
    switch (j->mode) {
    case MODE_ENFORCE:
        return "error";
    case MODE_WARN:
        return "warning";
    case MODE_AUDIT:
        return "note";
    }
    return "error";
}

static void add_location(struct buf *out, const struct run_place *place, struct bytes image)
{
    buf_add_text(out, "\"locations\":[{");
    if (place != NULL && place->file != NULL) {
        buf_add_text(out, "\"physicalLocation\":{\"artifactLocation\":{\"uri\":");
        text_json(out, bytes_text(place->file));
        buf_addf(out, "},\"region\":{\"startLine\":%d}},", place->line > 0 ? place->line : 1);
    }
    buf_add_text(out, "\"logicalLocations\":[{\"kind\":\"resource\",\"fullyQualifiedName\":");
    text_json(out, image);
    buf_add_text(out, "}]}]");
}

static void add_properties(struct buf *out, const struct report *report,
                           const struct image_result *result)
{
    char digest[DIGEST_TEXT_MAX];

    buf_addf(out, "\"properties\":{\"verdict\":\"%s\",\"mode\":\"%s\"",
             verdict_name(result->judgement.verdict), policy_mode_name(result->judgement.mode));
    if (result->lookup.resolved) {
        digest_format(digest, &result->lookup.digest);
        buf_addf(out, ",\"digest\":\"%s\"", digest);
    }
    if (result->judgement.rule != NULL) {
        buf_add_text(out, ",\"rule\":");
        text_json(out, bytes_text(result->judgement.rule->name));
    }
    buf_add_text(out, ",\"policy\":");
    text_json(out, bytes_text(report->policy->name));
    buf_add_char(out, '}');
}

int sarif_result(struct buf *out, const struct report *report, const struct image_result *result,
                 const struct run_place *place, bool first, struct err *err)
{
    const struct judgement *j = &result->judgement;
    const bool allowed = j->verdict == VERDICT_ALLOW;
    struct buf CLEANUP(buf_clear) image = BUF_INIT(64 * 1024);
    struct buf CLEANUP(buf_clear) message = BUF_INIT(64 * 1024);

    report_name(&image, result);
    buf_addf(&message, "%s: %s", buf_text(&image), allowed ? "allowed" : j->text);
    buf_addf(out, "%s{\"ruleId\":\"%s\",\"kind\":\"%s\",\"level\":\"%s\",\"message\":{\"text\":",
             first ? "" : ",", allowed ? PASSED : reason_name(j->reason), allowed ? "pass" : "fail",
             level_of(j));
    text_json(out, buf_bytes(&message));
    buf_add_text(out, "},");
    add_location(out, place, buf_bytes(&image));
    buf_add_char(out, ',');
    add_properties(out, report, result);
    buf_add_text(out, "}\n");
    return buf_check(out, "report", err);
}
