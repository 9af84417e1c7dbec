/* What is sealed, shown to a person who asked for it: audited first, bounded, never kept by anybody on the way. */
#include <wecomd/plugin.h>

#include <string.h>

#define TEXT_MAX (64u << 10)

/* Text as it is; bytes that are no text as base64, which nobody mistakes for what was written. */
static json_t *part_object(wc_arena *a, const wc_revealed *part)
{
	bool     is_text = wc_utf8_valid(part->text.p, part->text.n) && !memchr(part->text.p, 0, part->text.n);
	size_t   shown   = is_text ? wc_utf8_cut(part->text.p, part->text.n, TEXT_MAX) : part->text.n < TEXT_MAX / 4 * 3 ? part->text.n : TEXT_MAX / 4 * 3;
	wc_slice text    = {part->text.p, shown};

	if (!is_text)
		text = wc_base64(a, text);
	return json_pack("{s:s, s:s%, s:I, s:b, s:b}", "name", part->name, "text", text.p, text.n, "bytes", (json_int_t)part->text.n, "cut",
	                 shown < part->text.n, "base64", !is_text);
}

int wc_reply_revealed(wc_request *rq, const char *action, const char *object, const wc_revealed *parts)
{
	wc_arena *a    = wc_request_arena(rq);
	json_t   *list = wc_json(a, "[]"), *sizes = wc_json(a, "{}");
	wc_err    e;

	for (const wc_revealed *part = parts; part->name; part++) {
		json_array_append_new(list, part_object(a, part));
		json_object_set_new(sizes, part->name, json_integer((json_int_t)part->text.n));
	}
	if (wc_audit(NULL, &(wc_audit_entry){wc_actor(rq), action, object, sizes}, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_answer_is_secret(rq);
	return wc_reply(rq, 200, "{s:s, s:O}", "object", object, "parts", list);
}
