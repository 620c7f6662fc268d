#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "registry/reference.h"
#include "tests/unit/expect.h"

#define H16 "0123456789abcdef"
#define H63 H16 H16 H16 "0123456789abcde"
#define H64 H16 H16 H16 H16
#define DIGEST "@sha256:" H64
#define A8 "aaaaaaaa"
#define A32 A8 A8 A8 A8
#define A128 A32 A32 A32 A32
#define A127 A32 A32 A32 A8 A8 A8 "aaaaaaa"
#define A255 A128 A127

struct accepted {
    const char *name;
    const char *text;
    const char *canonical;
};

static const struct accepted accepted[] = {
    { "one word", "busybox", "docker.io/library/busybox" },
    { "two words", "a/b", "docker.io/a/b" },
    { "localhost alone is a path", "localhost", "docker.io/library/localhost" },
    { "a domain alone is a path", "example.com", "docker.io/library/example.com" },
    { "localhost with a path", "localhost/x", "localhost/x" },
    { "localhost with a port", "localhost:5000/x", "localhost:5000/x" },
    { "a port without a slash is a tag", "host:5000", "docker.io/library/host:5000" },
    { "everything", "host.tld:5000/x:1" DIGEST, "host.tld:5000/x:1" DIGEST },
    { "digest", "x" DIGEST, "docker.io/library/x" DIGEST },
    { "sha512", "x@sha512:" H64 H64, "docker.io/library/x@sha512:" H64 H64 },
    { "IPv6", "[::1]:5000/x", "[::1]:5000/x" },
    { "IPv6 without a port", "[FE80::1]/x", "[fe80::1]/x" },
    { "IPv4", "127.0.0.1:5000/x", "127.0.0.1:5000/x" },
    { "upper case makes a domain", "Foo/bar", "foo:443/bar" },
    { "default port of one label", "host:443/x", "host:443/x" },
    { "localhost with the default port", "LOCALHOST:443/x", "localhost/x" },
    { "IPv6 with the default port", "[::1]:443/x", "[::1]/x" },
    { "host is lower case", "REG.Example:80/x/y", "reg.example:80/x/y" },
    { "default port", "reg.example:443/x", "reg.example/x" },
    { "port 1", "h:1/x", "h:1/x" },
    { "port 65535", "h:65535/x", "h:65535/x" },
    { "separators", "a--b/c__d/e.f_g", "docker.io/a--b/c__d/e.f_g" },
    { "Hub by index", "index.docker.io/x", "docker.io/library/x" },
    { "Hub by wire name", "registry-1.docker.io/a/x", "docker.io/a/x" },
    { "Hub by web name", "registry.hub.docker.com/library/x", "docker.io/library/x" },
    { "Hub with its port", "INDEX.docker.io:443/x", "docker.io/library/x" },
    { "Hub's name with another port", "docker.io:5000/x", "docker.io:5000/x" },
    { "63 hex digits", H63, "docker.io/library/" H63 },
    { "64 hex digits with a tag", H64 ":1", "docker.io/library/" H64 ":1" },
    { "longest tag", "h.x/a:" A128, "h.x/a:" A128 },
    { "longest path", "h.x/" A255, "h.x/" A255 },
    { "tag of all kinds", "x:_A.b-9", "docker.io/library/x:_A.b-9" },
    { "layout", "oci:dir", "oci:dir" },
    { "layout, absolute", "oci:/srv/images", "oci:/srv/images" },
    { "layout with a tag", "oci:/srv/images:1.0", "oci:/srv/images:1.0" },
    { "layout with a digest", "oci:/srv/images" DIGEST, "oci:/srv/images" DIGEST },
    { "layout, marks before the last slash", "oci:/a:b@c/d", "oci:/a:b@c/d" },
    { "layout here", "oci:.", "oci:." },
    { "layout with a blank", "oci:/srv/my images:x", "oci:/srv/my images:x" },
    { "layout ending in a slash", "oci:a@b/", "oci:a@b/" },
    { "layout named with a colon", "oci:dir:a/:b", "oci:dir:a/:b" },
    { "layout with a number", "oci:5000", "oci:5000" },
};

struct refused {
    const char *name;
    const char *text;
    const char *word;
};

static const struct refused refused[] = {
    { "empty", "", "empty" },
    { "zone", "[fe80::1%25eth0]/x", "host name" },
    { "IPv6 with an IPv4 tail", "[::ffff:1.2.3.4]/x", "host name" },
    { "IPv6 not closed", "[::1/x", "host name" },
    { "IPv6 with a tail", "[::1]x/x", "host name" },
    { "IPv6 of too many groups", "[1:2:3:4:5:6:7:8:9]/x", "host name" },
    { "empty brackets", "[]/x", "host name" },
    { "upper-case path", "foo/Bar", "lower case" },
    { "upper-case name", "Busybox", "lower case" },
    { "three underscores", "a___b", "not a repository" },
    { "two dots", "a..b", "not a repository" },
    { "mixed separators", "a._b", "not a repository" },
    { "ends with a separator", "a-", "not a repository" },
    { "begins with a separator", "h.x/-a", "not a repository" },
    { "64 hex digits", H64, "image id" },
    { "tag too long", "x:" A128 "a", "longer than 128" },
    { "path too long", "h.x/" A255 "a", "longer than 255" },
    { "tag begins with a dot", "x:.a", "not a tag" },
    { "tag begins with a hyphen", "x:-a", "not a tag" },
    { "upper-case digest", "x@sha256:" H63 "F", "lower" },
    { "digest too short", "x@sha256:" H63, "64 hex" },
    { "digest of another kind", "x@md5:" H64, "md5" },
    { "digest before the tag", "x@sha256:" H64 ":tag", "64 hex" },
    { "two digests", "x" DIGEST DIGEST, "64 hex" },
    { "nothing behind the colon", "x:", "not a tag" },
    { "nothing behind the at", "x@", "digest" },
    { "nothing behind the slash", "x.y/", "repository is empty" },
    { "only a tag", ":x", "repository is empty" },
    { "only a digest", DIGEST, "repository is empty" },
    { "begins with a slash", "/x", "not a repository" },
    { "two slashes", "h.x/a//b", "not a repository" },
    { "https", "https://h.x/a", "no URL scheme" },
    { "docker transport", "docker://h.x/a", "\"docker://\"" },
    { "oci as a URL", "oci:///srv/x", "write oci:" },
    { "blank", "a b", "blank" },
    { "newline", "a\n", "blank" },
    { "not ASCII", "a\xc3\xa9", "ASCII" },
    { "user information", "u:p@h.x/a", "digest" },
    { "port 0", "h:0/x", "host name" },
    { "port too large", "h:65536/x", "host name" },
    { "port with a zero in front", "h:080/x", "host name" },
    { "port empty", "h:/x", "host name" },
    { "port not a number", "h:5a/x", "host name" },
    { "underscore in a host", "h_a.x/a", "host name" },
    { "a host that reads as a layout", "oCi/x", "host name" },
    { "trailing dot", "example.com./a", "host name" },
    { "label begins with a hyphen", "-h.x/a", "host name" },
    { "label ends with a hyphen", "h-.x/a", "host name" },
    { "label too long", A32 A32 ".x/a", "host name" },
    { "host too long", A32 "." A32 "." A32 "." A32 "." A32 "." A32 "." A32 "." A32 "/a",
      "host name" },
    { "layout without a folder", "oci:", "directory of the layout" },
    { "layout with only a tag", "oci::x", "directory of the layout" },
    { "layout with an empty tag", "oci:dir:", "not a tag" },
    { "layout with two tags", "oci:dir:a:b", "two" },
    { "layout with a bad tag", "oci:dir:a b", "not a tag" },
    { "layout with tag and digest", "oci:dir:x" DIGEST, "not both" },
    { "layout with a bad digest", "oci:dir@x", "digest" },
    { "layout with a control character", "oci:a\tb", "plain UTF-8" },
    { "layout, not UTF-8", "oci:a\xff", "plain UTF-8" },
};

static void accepts(void **state)
{
    const struct accepted *row = *state;
    CLEANUP(reference_clear) struct reference ref, again, copy;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(REFERENCE_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(reference_parse(&ref, bytes_text(row->text), &err), &err);
    reference_format(&text, &ref);
    EXPECT_BUF(&text, row->canonical);
    EXPECT_OK(reference_parse(&again, buf_bytes(&text), &err), &err);
    EXPECT_OK(reference_copy(&copy, &again, &err), &err);
    buf_reset(&text);
    reference_format(&text, &copy);
    EXPECT_BUF(&text, row->canonical);
    reference_clear(&again);
    reference_clear(&copy);
}

static void assert_zeroed(const struct reference *ref)
{
    assert_null(ref->host);
    assert_null(ref->repository);
    assert_null(ref->tag);
    assert_false(ref->has_digest || ref->layout);
}

static void refuses(void **state)
{
    const struct refused *row = *state;
    struct reference ref;
    struct err err = ERR_INIT;

    EXPECT_ERR(reference_parse(&ref, bytes_text(row->text), &err), &err, ERR_USAGE, row->word);
    assert_zeroed(&ref);
}

static void at_the_ceiling(void **state)
{
    CLEANUP(reference_clear) struct reference ref;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * REFERENCE_MAX);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "oci:");
    while (text.len < REFERENCE_MAX)
        buf_add_char(&text, 'a');
    EXPECT_OK(reference_parse(&ref, buf_bytes(&text), &err), &err);
    reference_clear(&ref);
    buf_add_char(&text, 'a');
    EXPECT_ERR(reference_parse(&ref, buf_bytes(&text), &err), &err, ERR_USAGE, "longer than 4096");
    EXPECT_ERR(reference_parse(&ref, BYTES_LIT("a\0b"), &err), &err, ERR_USAGE, "byte 1");
}

static void expect_names(const char *text, const char *name, const char *identity, const char *wire)
{
    CLEANUP(reference_clear) struct reference ref;
    CLEANUP(buf_clear) struct buf out = BUF_INIT(REFERENCE_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(reference_parse(&ref, bytes_text(text), &err), &err);
    reference_name(&out, &ref);
    EXPECT_BUF(&out, name);
    buf_reset(&out);
    reference_identity(&out, &ref);
    EXPECT_BUF(&out, identity);
    if (wire != NULL)
        assert_string_equal(reference_wire_host(&ref), wire);
}

static void names(void **state)
{
    (void)state;
    expect_names("busybox:1" DIGEST, "docker.io/library/busybox", "index.docker.io/library/busybox",
                 "registry-1.docker.io");
    expect_names("h.x:5000/a:1", "h.x:5000/a", "h.x:5000/a", "h.x:5000");
    expect_names("oci:dir:1", "oci:dir", "oci:dir", NULL);
}

static void same_repository(void **state)
{
    (void)state;
    assert_true(reference_same_repository(BYTES_LIT("index.docker.io/library/x"), BYTES_LIT("x")));
    assert_true(reference_same_repository(BYTES_LIT("H.x:443/a"), BYTES_LIT("h.x/a")));
    assert_true(reference_same_repository(BYTES_LIT("oci:d"), BYTES_LIT("oci:d")));
    assert_false(reference_same_repository(BYTES_LIT("oci:d"), BYTES_LIT("d")));
    assert_false(reference_same_repository(BYTES_LIT("h.x/a"), BYTES_LIT("h.x/a/b")));
    assert_false(reference_same_repository(BYTES_LIT("h.x/a"), BYTES_LIT("h.y/a")));
    assert_false(reference_same_repository(BYTES_LIT("h.x/a:1"), BYTES_LIT("h.x/a:1")));
    assert_false(reference_same_repository(BYTES_LIT("h.x/a" DIGEST), BYTES_LIT("h.x/a")));
    assert_false(reference_same_repository(BYTES_LIT("h.x/A"), BYTES_LIT("h.x/A")));
    assert_false(reference_same_repository(BYTES_NONE, BYTES_NONE));
}

static void hosts(void **state)
{
    struct err err = ERR_INIT;
    char *host = NULL;

    (void)state;
    EXPECT_OK(reference_host(&host, BYTES_LIT("Registry-1.Docker.io:443"), &err), &err);
    assert_string_equal(host, "docker.io");
    free(host);
    EXPECT_ERR(reference_host(&host, BYTES_LIT("h.x/a"), &err), &err, ERR_USAGE, "host name");
    assert_null(host);
    EXPECT_ERR(reference_host(&host, BYTES_LIT(".."), &err), &err, ERR_USAGE, "host name");
    EXPECT_ERR(reference_host(&host, BYTES_NONE, &err), &err, ERR_USAGE, "host name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_ceiling),
        cmocka_unit_test(names),
        cmocka_unit_test(same_repository),
        cmocka_unit_test(hosts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
