#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "tests/unit/expect.h"

/* Standard error, caught in a pipe. Small lines only: a pipe holds 64 KiB. */
struct caught {
    int saved;
    int from;
    char text[65536];
};

static void catch (struct caught *c)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    c->saved = dup(STDERR_FILENO);
    c->from = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static void release(struct caught *c)
{
    size_t len = 0;
    ssize_t n = 1;

    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    while (n > 0 && len < sizeof(c->text) - 1) {
        n = read(c->from, c->text + len, sizeof(c->text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    c->text[len] = '\0';
    close(c->from);
}

static void levels(void **state)
{
    struct caught c;

    (void)state;
    log_setup(LOG_INFO, LOG_TEXT, "prog");
    assert_true(log_enabled(LOG_ERROR));
    assert_true(log_enabled(LOG_INFO));
    assert_false(log_enabled(LOG_DEBUG));
    catch (&c);
    log_error("one %d", 1);
    log_warn("two");
    log_info("three");
    log_debug("four");
    release(&c);
    assert_string_equal(c.text, "prog: error: one 1\nprog: warning: two\nprog: info: three\n");
    log_setup(LOG_DEBUG, LOG_TEXT, "prog");
    catch (&c);
    log_debug("four");
    release(&c);
    assert_string_equal(c.text, "prog: debug: four\n");
}

static void fields_in_text(void **state)
{
    const struct log_field fields[] = {
        { "uid", "12-3" },         { "none", NULL },       { "reason", "no such key" },
        { "empty", "" },           { "quote", "a\"b" },    { "sneaky", "x) (y=z" },
        { "control", "a\nb\x1b" }, { "utf8", "\xc3\xa9" }, { "broken", "\xff" },
    };
    struct caught c;

    (void)state;
    log_setup(LOG_INFO, LOG_TEXT, "prog");
    catch (&c);
    log_event(LOG_INFO, fields, ARRAY_LEN(fields), "denied\n%s", "prog: error: forged");
    release(&c);
    assert_string_equal(c.text,
                        "prog: info: denied\\x0aprog: error: forged (uid=12-3 "
                        "reason=\"no such key\" empty=\"\" quote=\"a\\\"b\" sneaky=\"x) (y=z\" "
                        "control=\"a\\\\x0ab\\\\x1b\" utf8=\xc3\xa9 broken=\\xff)\n");
}

static void fields_in_json(void **state)
{
    const struct log_field fields[] = { { "uid", "1\"2" }, { "none", NULL }, { "bad", "a\n\xff" } };
    struct caught c;

    (void)state;
    log_setup(LOG_WARN, LOG_JSON, "prog");
    catch (&c);
    log_event(LOG_INFO, fields, ARRAY_LEN(fields), "not shown");
    log_event(LOG_WARN, fields, ARRAY_LEN(fields), "say \"%s\"", "x\ny");
    release(&c);
    assert_int_equal(strncmp(c.text, "{\"time\":\"2", 10), 0);
    const char *rest = strchr(c.text, ',');
    assert_non_null(rest);
    assert_string_equal(rest, ",\"level\":\"warn\",\"msg\":\"say \\\"x\\\\x0ay\\\"\","
                              "\"uid\":\"1\\\"2\",\"bad\":\"a\\\\x0a\\\\xff\"}\n");
}

static void long_values_are_cut(void **state)
{
    static char text[LOG_FIELD_MAX + 2];
    const struct log_field fields[] = { { "k", text } };
    struct caught c;

    (void)state;
    log_setup(LOG_INFO, LOG_TEXT, "p");
    memset(text, 'x', LOG_FIELD_MAX);
    catch (&c);
    log_event(LOG_INFO, fields, 1, "m");
    release(&c);
    assert_int_equal(strlen(c.text), strlen("p: info: m (k=)\n") + LOG_FIELD_MAX);
    assert_null(strstr(c.text, "..."));
    text[LOG_FIELD_MAX] = 'x';
    catch (&c);
    log_event(LOG_INFO, fields, 1, "m");
    release(&c);
    assert_int_equal(strlen(c.text), strlen("p: info: m (k=)\n") + LOG_FIELD_MAX);
    assert_non_null(strstr(c.text, "xxx...)\n"));
}

static void long_messages_are_cut(void **state)
{
    static char text[LOG_MESSAGE_MAX * 2];
    struct caught c;

    (void)state;
    memset(text, '\n', sizeof(text) - 1);
    log_setup(LOG_INFO, LOG_TEXT, "p");
    catch (&c);
    log_info("%s", text);
    release(&c);
    assert_true(strlen(c.text) <= LOG_MESSAGE_MAX + strlen("p: info: \n"));
    assert_non_null(strstr(c.text, "\\x0a...\n"));
}

static void too_many_fields(void **state)
{
    enum { FIELDS = 100 };
    static char text[LOG_FIELD_MAX + 1];
    struct log_field fields[FIELDS];
    struct caught c;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct log_field) { "k", text };
    log_setup(LOG_INFO, LOG_TEXT, "p");
    catch (&c);
    log_event(LOG_INFO, fields, FIELDS, "m");
    release(&c);
    assert_non_null(strstr(c.text, "too large to log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(fields_in_text),
        cmocka_unit_test(fields_in_json),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(too_many_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
