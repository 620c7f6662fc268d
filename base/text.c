#include "base/text.h"

#include "base/json_lex.h"

#include <sodium.h>
#include <string.h>

/* What one step of reading UTF-8 found: `len` 0 when the bytes there are not UTF-8. */
struct utf8_step {
    uint32_t point;
    size_t len;
};

void hex_encode(struct buf *out, struct bytes in)
{
    if (in.len > SIZE_MAX / 2 - 1) {
        out->state = BUF_FULL;
        return;
    }
    uint8_t *to = buf_reserve(out, in.len * 2);
    if (to == NULL)
        return;
    sodium_bin2hex((char *)to, in.len * 2 + 1, in.data, in.len);
    out->len += in.len * 2;
}

/* Lower case only: a digest has one spelling. */
static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int hex_decode(uint8_t *out, size_t len, struct bytes text, struct err *err)
{
    if (len > 0)
        memset(out, 0, len);
    if (text.len % 2 != 0 || text.len / 2 != len)
        return err_set(err, ERR_MALFORMED, "not %zu hex digits", len * 2);
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            memset(out, 0, len);
            return err_set(err, ERR_MALFORMED, "not lower-case hex digits");
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    return 0;
}

void base64_encode(struct buf *out, struct bytes in, enum base64_form form)
{
    int variant = form == BASE64_URL_UNPADDED ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
                                              : sodium_base64_VARIANT_ORIGINAL;

    if (in.len > SIZE_MAX / 2) { /* libsodium would end the process */
        out->state = BUF_FULL;
        return;
    }
    size_t len = sodium_base64_encoded_len(in.len, variant) - 1;
    uint8_t *to = buf_reserve(out, len);
    if (to == NULL)
        return;
    sodium_bin2base64((char *)to, len + 1, in.data, in.len, variant);
    out->len += len;
}

static int base64_variant(struct bytes text, enum base64_form form)
{
    if (form == BASE64_STANDARD)
        return sodium_base64_VARIANT_ORIGINAL;
    if (form == BASE64_URL_UNPADDED)
        return sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    bool padded = text.data[text.len - 1] == '=';
    bool url = memchr(text.data, '-', text.len) != NULL || memchr(text.data, '_', text.len) != NULL;
    if (url)
        return padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    return padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
}

/* libsodium 1.0.18 takes some bytes above 0x7f for digits where `char` is signed. */
static bool is_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] > 0x7f)
            return false;
    return true;
}

/* Bytes that well-formed base64 of this length decodes to. */
static size_t base64_decoded_len(struct bytes text)
{
    size_t digits = text.len;

    for (int i = 0; i < 2 && digits > 0 && text.data[digits - 1] == '='; i++)
        digits--;
    return digits / 4 * 3 + (digits % 4 > 1 ? digits % 4 - 1 : 0);
}

int base64_decode(struct buf *out, struct bytes text, enum base64_form form, struct err *err)
{
    size_t len = 0;

    if (buf_check(out, "base64", err) != 0)
        return -1;
    if (text.len == 0)
        return 0;
    if (!is_ascii(text))
        return err_set(err, ERR_MALFORMED, "not base64");
    size_t room = base64_decoded_len(text);
    uint8_t *to = buf_reserve(out, room);
    if (to == NULL) {
        int r = buf_check(out, "base64", err);
        out->state = BUF_FINE;
        return r;
    }
    /* Without an end pointer libsodium refuses whatever follows the padding. */
    if (sodium_base642bin(to, room, (const char *)text.data, text.len, NULL, &len, NULL,
                          base64_variant(text, form)) != 0 ||
        len != room) {
        memset(to, 0, room + 1);
        return err_set(err, ERR_MALFORMED, "not base64");
    }
    out->len += len;
    out->data[out->len] = 0;
    return 0;
}

int decimal_parse(uint64_t *out, struct bytes text, uint64_t max, struct err *err)
{
    uint64_t value = 0;

    *out = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
        return err_set(err, ERR_MALFORMED, "not a decimal number");
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return err_set(err, ERR_MALFORMED, "not a decimal number");
        uint64_t digit = text.data[i] - (uint64_t)'0';
        if (digit > max || value > (max - digit) / 10)
            return err_set(err, ERR_MALFORMED, "number above %llu", (unsigned long long)max);
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

/* RFC 3629 section 4: the second byte's range depends on the first, the others are 80..BF. */
static struct utf8_step utf8_step(struct bytes text, size_t at)
{
    static const struct utf8_step wrong = { 0, 0 };
    static const uint32_t least[] = { 0, 0, 0x80, 0x800,
                                      0x10000 }; /* by length: refuses overlong */
    uint8_t first = text.data[at];

    if (first < 0x80)
        return (struct utf8_step) { first, 1 };
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || len > text.len - at)
        return wrong;
    uint32_t point = first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        uint8_t next = text.data[at + i];
        if ((next & 0xc0) != 0x80)
            return wrong;
        point = point << 6 | (next & 0x3fU);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return wrong;
    return (struct utf8_step) { point, len };
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f);
}

/* Line and paragraph separators, and marks that turn the direction of the text around them: they
 * make a line read as something else than it says. */
static bool is_deceptive(uint32_t point)
{
    return point == 0x2028 || point == 0x2029 || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

bool utf8_valid(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        struct utf8_step step = utf8_step(text, at);
        if (step.len == 0)
            return false;
        at += step.len;
    }
    return true;
}

/* Bytes at the start that are shown as they are: printable ASCII. */
static size_t printable(struct bytes text)
{
    size_t n = 0;

    while (n < text.len && text.data[n] >= 0x20 && text.data[n] < 0x7f)
        n++;
    return n;
}

bool text_plain(struct bytes text)
{
    for (size_t at = printable(text); at < text.len;) {
        struct utf8_step step = utf8_step(text, at);
        if (step.len == 0 || is_control(step.point))
            return false;
        at += step.len;
    }
    return true;
}

/* One character of `text`, or one byte of it that is no character, as it may be shown. */
static size_t escape_step(char shown[20], struct bytes text, size_t at)
{
    static const char digits[] = "0123456789abcdef";
    struct utf8_step step = utf8_step(text, at);
    size_t len = step.len == 0 ? 1 : step.len;
    char *to = shown;

    if (step.len > 0 && !is_control(step.point) && !is_deceptive(step.point)) {
        memcpy(shown, text.data + at, len);
        shown[len] = '\0';
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        *to++ = '\\';
        *to++ = 'x';
        *to++ = digits[text.data[at + i] >> 4];
        *to++ = digits[text.data[at + i] & 15];
    }
    *to = '\0';
    return len;
}

void text_escape(struct buf *out, struct bytes text, size_t max)
{
    static const char cut[] = "...";
    const size_t reserve = sizeof(cut) - 1;
    char shown[20];
    size_t used = 0;
    size_t fits = out->len; /* where the text ends if "..." has to follow */

    for (size_t at = 0; at < text.len;) {
        const size_t left = used + reserve <= max ? max - reserve - used : 0;
        const size_t room = left < out->max - out->len ? left : out->max - out->len;
        const struct bytes run = bytes_part(text, at, printable(bytes_part(text, at, room)));
        if (run.len > 0) {
            buf_add_bytes(out, run);
            at += run.len;
            used += run.len;
            fits = out->len;
            continue;
        }
        at += escape_step(shown, text, at);
        used += strlen(shown);
        if (used > max) {
            if (out->len > fits) {
                out->len = fits;
                out->data[fits] = 0;
            }
            if (max >= reserve)
                buf_add_text(out, cut);
            return;
        }
        buf_add_text(out, shown);
        if (used + reserve <= max)
            fits = out->len;
    }
}

void text_json(struct buf *out, struct bytes text)
{
    static const char shorts[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };
    bool ascii;

    if (text.len == 0)
        text = BYTES_LIT(""); /* there is no arithmetic on NULL */
    const uint8_t *p = text.data;
    const uint8_t *end = p + text.len;
    buf_add_char(out, '"');
    while (p < end) {
        const uint8_t *stop = json_plain_end(p, end, &ascii);
        buf_add(out, p, (size_t)(stop - p));
        if (stop == end)
            break;
        p = stop + 1;
        const uint8_t c = *stop;
        const char pair[] = { '\\', c < sizeof(shorts) ? shorts[c] : '\0' };
        if (pair[1] != '\0')
            buf_add(out, pair, sizeof(pair));
        else
            buf_addf(out, "\\u%04x", (unsigned)c);
    }
    buf_add_char(out, '"');
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme(struct bytes text)
{
    if (text.len == 0 || !is_letter(text.data[0]))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

bool text_is_uri(struct bytes text)
{
    static const char never[] = "\"<>\\^`{|}";
    const uint8_t *colon = text.len == 0 ? NULL : memchr(text.data, ':', text.len);

    if (colon == NULL || colon + 1 == text.data + text.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr(never, text.data[i]) != NULL)
            return false;
    return is_scheme(bytes_part(text, 0, (size_t)(colon - text.data)));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

uint32_t text_hash(const char *text)
{
    uint32_t hash = 2166136261U;

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619U;
    return hash;
}

bool text_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

void text_lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)lower((uint8_t)*text);
}
