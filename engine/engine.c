#include "engine/engine.h"

#include "base/clock.h"

void image_result_clear(struct image_result *result)
{
    judgement_clear(&result->judgement);
    lookup_clear(&result->lookup);
    *result = (struct image_result) { .judgement = JUDGEMENT_INIT };
    lookup_init(&result->lookup);
}

int image_questions(struct image_question **out, const struct reference *images, size_t n,
                    const char *namespace, struct err *err)
{
    *out = mem_new(n, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (struct image_question) { &images[i], namespace };
    return 0;
}

void engine_judge(struct image_result *out, const struct engine_options *engine,
                  const struct image_question *image)
{
    const int64_t began = clock_millis();

    *out = (struct image_result) { .asked = image,
                                   .now = clock_seconds(),
                                   .judgement = JUDGEMENT_INIT };
    lookup_init(&out->lookup);
    const struct question question = { image->reference, image->namespace, out->now };
    policy_select(&out->selection, engine->policy, &question);
    if (out->selection.selected != SELECTED_RULE)
        lookup_judge(&out->judgement, engine->policy, &out->selection, &question, NULL);
    else {
        const struct lookup_query query = {
            .engine = engine,
            .image = image,
            .selection = &out->selection,
            .digest = engine->found != NULL ? engine->found(engine->found_context, image) : NULL,
            .now = out->now,
            .judgement = &out->judgement,
        };
        lookup_find(&out->lookup, &query);
    }
    out->took_ms = clock_millis() - began;
}
