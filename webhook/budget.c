#include "webhook/admission.h"

#include <string.h>

#define ABSENT_MS 10000  /* the API server's own default */
#define LONGEST_MS 30000 /* and its maximum: who says more is nobody to keep a connection for */
#define LEAST_MS 300     /* a kept answer is given in any case */
#define ROUNDED_MS 1200  /* the API server rounds up to a whole second; and the way back */

/* Units of Go's time.ParseDuration that a deadline can be in, longest name first. */
static const struct unit {
    const char *name;
    int64_t nanos;
} units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\xc2\xb5s", 1000 },
    { "\xce\xbcs", 1000 },
    { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", 60 * (int64_t)1000000000 },
    { "h", 3600 * (int64_t)1000000000 },
};

static const struct unit *unit_at(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
            return &units[i];
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "1.5h": a number with a unit, added to `sum`. What is longer than can be counted is the longest.
 * False: it is none. */
static bool add_term(int64_t *sum, const char **text)
{
    const char *p = *text;
    int64_t whole = 0, fraction = 0, scale = 1;
    bool any = false;

    for (; is_digit(*p); p++, any = true)
        whole = whole < INT32_MAX ? whole * 10 + (*p - '0') : whole;
    if (*p == '.')
        for (p++; is_digit(*p); p++, any = true)
            if (scale < 1000000) { /* a microsecond of a second is fine enough */
                fraction = fraction * 10 + (*p - '0');
                scale *= 10;
            }
    const struct unit *unit = any ? unit_at(p) : NULL;
    if (unit == NULL)
        return false;
    const int64_t longest = (int64_t)LONGEST_MS * 1000000;
    int64_t term = whole > longest / unit->nanos ? longest : whole * unit->nanos;
    term += fraction * (unit->nanos / scale);
    *sum = *sum + term > longest ? longest : *sum + term;
    *text = p + strlen(unit->name);
    return true;
}

/* Milliseconds, or ABSENT_MS for what is no duration. */
static int64_t duration(const char *text)
{
    int64_t nanos = 0;

    if (text == NULL || *text == '\0')
        return ABSENT_MS;
    if (*text == '+')
        text++;
    do {
        if (!add_term(&nanos, &text))
            return ABSENT_MS;
    } while (*text != '\0');
    return nanos / 1000000;
}

int64_t admission_budget(const char *timeout)
{
    const int64_t told = duration(timeout);
    int64_t budget = told - ROUNDED_MS;

    if (budget > told / 10 * 9)
        budget = told / 10 * 9;
    return budget < LEAST_MS ? LEAST_MS : budget;
}
