/* Jansson under the arena. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128

static void drop(void *value)
{
	json_decref(value);
}

json_t *wc_json_keep(wc_arena *a, json_t *value)
{
	if (!value)
		abort();
	wc_defer(a, drop, value);
	return value;
}

json_t *wc_json(wc_arena *a, const char *format, ...)
{
	va_list      args;
	json_error_t je;
	json_t      *value;

	va_start(args, format);
	value = json_vpack_ex(&je, 0, format, args);
	va_end(args);
	return wc_json_keep(a, value);
}

/* Jansson's own limit (2,048) is deeper than anything that WeCom or a person sends. */
static bool too_deep(const char *p, size_t n)
{
	bool in_string = false;
	int  depth     = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '[' || p[i] == '{') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if (p[i] == ']' || p[i] == '}') {
			depth--;
		}
	}
	return false;
}

json_t *wc_json_parse(wc_arena *a, const char *p, size_t n, wc_err *e)
{
	json_t      *value = json_read_plain(p, n, DEPTH_MAX);
	json_error_t je;

	if (value)
		return wc_json_keep(a, value);
	if (too_deep(p, n)) {
		wc_fail(e, WC_E_ARG, "JSON is nested more than %d deep", DEPTH_MAX);
		return NULL;
	}
	value = json_loadb(p, n, JSON_REJECT_DUPLICATES, &je);
	if (!value) {
		/* Jansson's own sentence quotes the input, which may be personal. */
		wc_fail(e, WC_E_ARG, "not JSON: wrong at line %d, column %d", je.line, je.column);
		return NULL;
	}
	return wc_json_keep(a, value);
}

const json_t *wc_json_at(const json_t *object, const char *path)
{
	for (const char *dot; object && (dot = strchr(path, '.')); path = dot + 1) {
		char   key[64];
		size_t n = (size_t)(dot - path);

		if (n >= sizeof key)
			return NULL;
		memcpy(key, path, n);
		key[n] = 0;
		object = json_object_get(object, key);
	}
	return json_object_get(object, path);
}

const char *wc_json_str(const json_t *object, const char *path)
{
	return json_string_value(wc_json_at(object, path));
}
