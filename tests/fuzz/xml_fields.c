/* Decrypted callbacks in XML. Input: the document. */
#include "fuzz.h"

#include <wecomd/buf.h>
#include <wecomd/json.h>
#include <wecomd/xml.h>

static void write_value(wc_buf *out, const char *name, const json_t *value);

static void write_members(wc_buf *out, const json_t *object)
{
	const char *name;
	json_t     *value, *item;
	size_t      i;

	json_object_foreach((json_t *)object, name, value) {
		if (!json_is_array(value))
			write_value(out, name, value);
		json_array_foreach(value, i, item)
			write_value(out, name, item);
	}
}

static void write_value(wc_buf *out, const char *name, const json_t *value)
{
	must(json_is_string(value) || json_is_object(value));
	wc_buf_addf(out, "<%s>", name);
	if (json_is_object(value)) {
		must(json_object_size(value) > 0);
		write_members(out, value);
	}
	for (const char *s = json_string_value(value); s && *s; s++)
		strchr("<&>\r", *s) ? wc_buf_addf(out, "&#%d;", *s) : wc_buf_addc(out, *s);
	wc_buf_addf(out, "</%s>", name);
}

/* What was read says, written plainly and read again, the same. */
static void check_again(wc_arena *a, const json_t *fields)
{
	wc_buf *out = wc_buf_new(a, 1u << 20);
	json_t *again;
	wc_err  e;

	wc_buf_adds(out, "<xml>");
	write_members(out, fields);
	wc_buf_adds(out, "</xml>");
	must(!wc_buf_failed(out));
	must(wc_xml_fields(a, (wc_slice){out->s, out->len}, &again, &e) == 0);
	must(json_equal(fields, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	wc_arena *a      = wc_arena_new();
	json_t   *fields = NULL;
	wc_err    e      = {0};

	if (wc_xml_fields(a, (wc_slice){(const char *)data, size}, &fields, &e) == 0) {
		must(json_is_object(fields));
		must(memmem(data, size, "<!--", 4) || memmem(data, size, "<![", 3) || memmem(data, size, "<?", 2) || !memmem(data, size, "<!DOCTYPE", 9));
		check_again(a, fields);
	} else {
		must(e.code == WC_E_ARG && *e.text && !fields);
	}
	wc_arena_free(a);
	return 0;
}
