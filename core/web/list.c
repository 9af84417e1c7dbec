/* Lists in pages, and the cursors that lead from one to the next: the last position, signed for its path, so that nobody makes up
 * positions of his own. */
#include "web/request.h"

#include "crypt/crypt.h"

#include <wecomd/seal.h>

#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX    200
#define POSITION_MAX 1024      /* bytes */
#define SIGNATURE    16        /* bytes; in the cursor twice as many digits */

struct wc_list {
	wc_request *rq;
	json_t     *items;
	const char *last;       /* the position of the last item */
	bool        more, failed;
};

const wc_field list_fields[] = {
	{WC_INT, "limit", "50", offsetof(struct list_query, limit), "items on a page", .min = 1, .max = LIMIT_MAX},
	{WC_STRING, "cursor", NULL, offsetof(struct list_query, cursor), "\"next\" of the page before; left out: the first page",
	 .optional = true, .max = 2 * POSITION_MAX + 2 * SIGNATURE + 1},
	{0}};

/* --- cursors -------------------------------------------------------------------------------------------------------- */

/* SIGNATURE bytes in hex. */
static char *sign(wc_request *rq, const char *position)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "cursor", rq->path, position, NULL);
	return wc_hex(rq->arena, hash, SIGNATURE);
}

char *cursor_make(wc_request *rq, const char *position)
{
	const char *digits = wc_hex(rq->arena, (const unsigned char *)position, strlen(position));

	return wc_printf(rq->arena, "%s%s", sign(rq, position), digits);
}

/* n hex digits as n / 2 characters; NULL when they are none, or the text would hold a zero byte. */
static char *from_hex(wc_arena *a, const char *digits, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	char             *text  = wc_alloc(a, n / 2 + 1);

	for (size_t i = 0; i < n; i++) {
		const char *digit = memchr(hex, digits[i], 16);

		if (!digit)
			return NULL;
		text[i / 2] = (char)(text[i / 2] << 4 | (digit - hex));
		if (i % 2 && !text[i / 2])
			return NULL;
	}
	return n % 2 ? NULL : text;
}

char *cursor_open(wc_request *rq, const char *cursor)
{
	size_t n = strlen(cursor);
	char  *position;

	if (n < 2 * SIGNATURE || !(position = from_hex(rq->arena, cursor + 2 * SIGNATURE, n - 2 * SIGNATURE)))
		return NULL;
	return crypt_equal(cursor, sign(rq, position), 2 * SIGNATURE) ? position : NULL;
}

/* --- a page --------------------------------------------------------------------------------------------------------- */

wc_list *wc_list_begin(wc_request *rq)
{
	wc_list *list = wc_alloc(rq->arena, sizeof *list);

	if (!rq->route->route->list)
		abort();
	*list = (wc_list){.rq = rq, .items = wc_json_keep(rq->arena, json_array())};
	return list;
}

int64_t wc_list_fetch(const wc_list *list)
{
	return list->rq->page.limit + 1;
}

const char *wc_list_after_text(const wc_list *list)
{
	return list->rq->page.after;
}

int64_t wc_list_after(const wc_list *list, int64_t start)
{
	return list->rq->page.after ? strtoll(list->rq->page.after, NULL, 10) : start;
}

void wc_list_add(wc_list *list, json_t *item, const char *position, ...)
{
	bool    fits = json_array_size(list->items) < (size_t)list->rq->page.limit;
	va_list args;

	list->failed |= !item;     /* json_pack refused it: text that is not UTF-8 */
	if (!fits) {
		list->more = true;
		json_decref(item);
		return;
	}
	json_array_append_new(list->items, item);
	va_start(args, position);
	list->last = wc_vprintf(list->rq->arena, position, args);
	va_end(args);
	list->failed |= strlen(list->last) > POSITION_MAX;
}

int wc_list_reply_rows(wc_list *list, const wc_rows *rows, wc_list_item *item, const void *ctx)
{
	for (size_t i = 0; i < rows->n; i++)
		wc_list_add(list, item(list->rq->arena, rows, i, ctx), "%s", wc_row_text(rows, i, 0));
	return wc_list_reply(list);
}

int wc_list_reply(wc_list *list)
{
	if (list->failed)
		return wc_problem(list->rq, 500, "internal", "the list could not be written");
	return wc_reply(list->rq, 200, "{s:O, s:s?}", "items", list->items, "next",
	                list->more ? cursor_make(list->rq, list->last) : NULL);
}
