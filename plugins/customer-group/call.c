/* Calls to WeCom for this plugin: short pauses are waited out by a job, longer ones are for a later job; and small things that all files use. */
#include "group.h"

#include <inttypes.h>
#include <stdlib.h>

#define TRIES     4
#define PATIENCE  5000     /* ms that a job waits within one call */

static int stopped(wc_err *e)
{
	return wc_fail(e, WC_E_STOPPED, "the work goes on elsewhere");
}

static int pause_ms(const struct run *r, int64_t ms, wc_err *e)
{
	for (int64_t end = wc_mono_ms() + ms, left; (left = end - wc_mono_ms()) > 0;) {
		if (wc_job_stopping(r->job))
			return stopped(e);
		wc_sleep_ms(left < 100 ? left : 100);
	}
	return 0;
}

/* Nothing that is asked of WeCom will succeed until somebody mends the set-up. */
static bool is_of_setup(int64_t errcode)
{
	static const int64_t codes[] = {40013, 40091, 41001, 48001, 48002, 48004, 48006, 50003, 60020, 60031, 301002};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i] == errcode)
			return true;
	return false;
}

bool is_of_owner(int64_t errcode)
{
	static const int64_t codes[] = {40003, 40050, 50002, 60011, 60021, 60030, 60111, 660003, 81017, 84074, 90501};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i] == errcode)
			return true;
	return false;
}

int contact_call(struct run *r, const char *api, const json_t *body, const json_t **answer, int64_t *errcode, wc_err *e)
{
	wc_answer got;

	*answer = NULL;
	for (int i = 0;; i++) {
		if (r->job && wc_job_stopping(r->job))
			return stopped(e);
		r->calls++;
		if (wc_wecom_call(r->a, r->self->secret, api, body, &got, e) < 0) {
			r->later_ms = wc_err_retry(e->code) ? 10000 : 0;
			return -1;
		}
		*errcode = got.errcode;
		if (got.class == WC_ANSWER_OK) {
			*answer = got.body;
			return 0;
		}
		if (got.class == WC_ANSWER_PERMANENT)
			return is_of_setup(got.errcode) ? wc_fail(e, WC_E_REFUSED, "%s: WeCom refuses with errcode %" PRId64, api, got.errcode) : 0;
		r->uncertain = got.class == WC_ANSWER_UNCERTAIN;
		if (r->uncertain)
			return wc_fail(e, WC_E_REMOTE, "%s: no answer, and it may have been done", api);
		r->later_ms = got.retry_ms > 0 ? got.retry_ms : 1000;
		if (!r->job || i + 1 >= TRIES || r->later_ms > PATIENCE)
			return wc_fail(e, WC_E_REMOTE, "%s: not now, errcode %" PRId64, api, got.errcode);
		if (pause_ms(r, r->later_ms, e) < 0)
			return -1;
		r->later_ms = 0;
	}
}

const char *db_now(wc_arena *a, wc_err *e)
{
	wc_rows rows;

	return wc_db_query(NULL, a, &rows, e, "SELECT NOW(3)") < 0 ? NULL : wc_row_text(&rows, 0, 0);
}

/* --- small things ---------------------------------------------------------------------------------------------------- */

static const struct {
	int64_t     status;
	const char *word;
} statuses[] = {{STATUS_NORMAL, "normal"}, {STATUS_DEPARTED, "owner_departed"}, {STATUS_INHERITING, "being_inherited"}, {STATUS_INHERITED, "inherited"},
                {STATUS_DISMISSED, "dismissed"}, {STATUS_UNAVAILABLE, "unavailable"}};

const char *status_word(int64_t status)
{
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].status == status)
			return statuses[i].word;
	return "unavailable";
}

int64_t status_number(const char *word)
{
	for (size_t i = 0; word && i < sizeof statuses / sizeof *statuses; i++)
		if (!strcmp(statuses[i].word, word))
			return statuses[i].status;
	return -1;
}

int64_t number_of(const json_t *object, const char *name)
{
	const json_t *value = wc_json_at(object, name);

	return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

wc_val sealed_text(wc_arena *a, const char *about, const char *text)
{
	wc_slice s = wc_seal(a, about, (wc_slice){text, strlen(text)});

	return wc_bytes(s.p, s.n);
}

const char *unsealed_text(wc_arena *a, const char *about, wc_cell cell)
{
	wc_slice plain;
	wc_err   e;

	return cell.s && wc_unseal(a, about, (wc_slice){cell.s, cell.n}, &plain, &e) == 0 ? wc_strndup(a, plain.p, plain.n) : "";
}

const char *short_hash(wc_arena *a, const char *purpose, const char *text)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, purpose, text, NULL);
	return wc_hex(a, hash, 8);
}

/* The first character, and that there is more. */
const char *masked(wc_arena *a, const char *name)
{
	size_t n = strlen(name), first = n ? wc_utf8_cut(name, n, (unsigned char)*name < 0x80 ? 1 : (unsigned char)*name < 0xf0 ? 3 : 4) : 0;

	return n ? wc_printf(a, "%.*s**", (int)first, name) : "";
}
