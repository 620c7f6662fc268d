/* Aims at time_parse() and time_format() in base/text_time.c. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* What is written for a time is read as that time, and written the same again. */
static void round_trip(int64_t seconds)
{
    char text[TIME_TEXT_MAX];
    char again[TIME_TEXT_MAX];
    int64_t back = 0;

    time_format(text, seconds);
    if (strcmp(text, "-") == 0)
        return;
    need(strlen(text) == strlen("2026-01-02T03:04:05Z"));
    need(time_parse(&back, bytes_text(text), NULL) == 0 && back == seconds);
    time_format(again, back);
    need(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct err err = ERR_INIT;
    char written[TIME_TEXT_MAX];
    int64_t seconds = 1;

    if (time_parse(&seconds, text, &err) != 0) {
        need(err.code == ERR_MALFORMED && seconds == 0);
    } else {
        time_format(written, seconds);
        need(strcmp(written, "-") != 0); /* years 0001 to 9999 only */
        round_trip(seconds);
    }
    if (size >= sizeof(seconds)) {
        memcpy(&seconds, data, sizeof(seconds));
        round_trip(seconds);
        round_trip(seconds % 253402300800);
    }
    return 0;
}
