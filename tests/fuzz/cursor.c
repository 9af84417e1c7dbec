/* Cursors. Input: a path and a cursor on a line each, then a position. */
#include "key.h"

#include "web/request.h"

/* What somebody else wrote opens only when we would have written it so. */
static void check_foreign(wc_request *rq, const char *cursor)
{
	char *position = cursor_open(rq, cursor);

	must(!position || !strcmp(cursor_make(rq, position), cursor));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in     = {(const char *)data, size};
	wc_arena    *a      = wc_arena_new();
	wc_request   rq     = {.arena = a, .path = text_of(a, take_line(&in))};
	const char  *cursor = text_of(a, take_line(&in)), *position = text_of(a, in), *opened;
	char        *made;
	size_t       at;

	load_key();
	check_foreign(&rq, cursor);
	made   = cursor_make(&rq, position);
	opened = cursor_open(&rq, made);
	must(opened && !strcmp(opened, position));

	/* Neither changed in one place nor under another path nor cut. */
	at       = hash_of(in) % strlen(made);
	made[at] = made[at] == '0' ? '1' : '0';
	must(!cursor_open(&rq, made));
	made    = cursor_make(&rq, position);
	rq.path = wc_printf(a, "%s/", rq.path);
	must(!cursor_open(&rq, made));
	rq.path  = wc_strndup(a, rq.path, strlen(rq.path) - 1);
	made[at] = 0;
	must(!cursor_open(&rq, made));
	wc_arena_free(a);
	return 0;
}
