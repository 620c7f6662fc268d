/* The time functions of base/text.h: RFC 3339 to and from seconds since 1970, without the C
 * library's time zone state. */
#include "base/text.h"

#include <stdio.h>

#define DAY_SECONDS 86400
#define DAYS_BEFORE_1970 719162 /* from 0001-01-01 */
#define DAYS_400_YEARS 146097
#define TIME_FIRST (-(int64_t)DAYS_BEFORE_1970 * DAY_SECONDS) /* 0001-01-01T00:00:00Z */
#define TIME_LAST                                                                                  \
    (((int64_t)3652059 - DAYS_BEFORE_1970) * DAY_SECONDS - 1) /* 9999-12-31T23:59:59Z */

struct reader {
    struct bytes text;
    size_t at;
    bool failed;
};

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t days_before_year(int year)
{
    int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

static bool at_digit(const struct reader *r)
{
    return r->at < r->text.len && r->text.data[r->at] >= '0' && r->text.data[r->at] <= '9';
}

/* Exactly `digits` digits with a value from least to most. */
static int read_number(struct reader *r, int digits, int least, int most)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (!at_digit(r)) {
            r->failed = true;
            return least;
        }
        value = value * 10 + (r->text.data[r->at++] - '0');
    }
    if (value >= least && value <= most)
        return value;
    r->failed = true;
    return least;
}

/* One of two characters; which. */
static char read_char(struct reader *r, char one, char other)
{
    char c = r->at < r->text.len ? (char)r->text.data[r->at] : '\0';

    if (c == one || c == other)
        r->at++;
    else
        r->failed = true;
    return c;
}

static void skip_fraction(struct reader *r)
{
    if (r->at >= r->text.len || r->text.data[r->at] != '.')
        return;
    r->at++;
    if (!at_digit(r))
        r->failed = true;
    while (at_digit(r))
        r->at++;
}

/* time-offset: seconds to take away for UTC. */
static int64_t read_offset(struct reader *r)
{
    bool letter = r->at < r->text.len && (r->text.data[r->at] == 'Z' || r->text.data[r->at] == 'z');

    if (letter) {
        r->at++;
        return 0;
    }
    char sign = read_char(r, '+', '-');
    int64_t hour = read_number(r, 2, 0, 23);
    read_char(r, ':', ':');
    int64_t seconds = (hour * 60 + read_number(r, 2, 0, 59)) * 60;
    return sign == '-' ? -seconds : seconds;
}

int time_parse(int64_t *seconds, struct bytes text, struct err *err)
{
    struct reader r = { text, 0, false };

    *seconds = 0;
    int year = read_number(&r, 4, 1, 9999); /* RFC 3339 section 5.6, in its order */
    read_char(&r, '-', '-');
    int month = read_number(&r, 2, 1, 12);
    read_char(&r, '-', '-');
    int day = read_number(&r, 2, 1, month_days(year, month));
    read_char(&r, 'T', 't');
    int64_t clock = read_number(&r, 2, 0, 23) * 3600;
    read_char(&r, ':', ':');
    clock += read_number(&r, 2, 0, 59) * 60;
    read_char(&r, ':', ':');
    clock += read_number(&r, 2, 0, 59);
    skip_fraction(&r);
    clock -= read_offset(&r);
    int64_t days = days_before_year(year) + day - 1 - DAYS_BEFORE_1970;
    for (int m = 1; m < month; m++)
        days += month_days(year, m);
    int64_t value = days * DAY_SECONDS + clock;
    if (r.failed || r.at != text.len || value < TIME_FIRST || value > TIME_LAST)
        return err_set(err, ERR_MALFORMED, "not an RFC 3339 time");
    *seconds = value;
    return 0;
}

void time_format(char out[TIME_TEXT_MAX], int64_t seconds)
{
    if (seconds < TIME_FIRST || seconds > TIME_LAST) {
        snprintf(out, TIME_TEXT_MAX, "-");
        return;
    }
    int64_t since = seconds - TIME_FIRST;
    int64_t days = since / DAY_SECONDS;
    int clock = (int)(since % DAY_SECONDS);
    int year = (int)(days * 400 / DAYS_400_YEARS) + 1; /* off by one at most */
    while (days_before_year(year) > days)
        year--;
    while (days_before_year(year + 1) <= days)
        year++;
    int day = (int)(days - days_before_year(year));
    int month = 1;
    while (day >= month_days(year, month))
        day -= month_days(year, month++);
    /* The remainders change nothing; they tell the compiler how wide the text can get. */
    snprintf(out, TIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000U,
             (unsigned)month % 100U, (unsigned)(day + 1) % 100U, (unsigned)clock / 3600U % 100U,
             (unsigned)clock / 60U % 60U, (unsigned)clock % 60U);
}
