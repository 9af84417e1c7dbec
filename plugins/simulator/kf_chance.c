/* Chance: each call has a number within its API, and number and seed decide. */
#include "kf_chance.h"

#include <inttypes.h>
#include <string.h>

#define ALL "errcode|http500|reset|lost|timeout|truncated|html"

#define OF(member) offsetof(struct kf_chance, member)

const wc_field kf_chance_fields[] = {
	{WC_STRING, "api", "", OF(api), "what names of APIs begin with, such as kf/; empty: all", .max = 64},
	{WC_INT, "per_mille", NULL, OF(per_mille), "calls of a thousand that fail; 0: none", .min = 0, .max = 1000},
	{WC_INT, "seed", "1", OF(seed), "another seed strikes other calls", .min = 0, .max = INT64_MAX},
	{WC_STRING, "kinds", ALL, OF(kinds), "how they fail, a|b, as in /sim/api/faults", .max = 200},
	{WC_INT, "ms", "2000", OF(ms), "of kind timeout: how late the answer comes", .min = 0, .max = 60000},
	{0}};

static uint64_t mixed(uint64_t x)     /* splitmix64 */
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t draw(int64_t seed, const char *api, int64_t call)
{
	uint64_t x = mixed((uint64_t)seed);

	for (; *api; api++)
		x = mixed(x ^ (unsigned char)*api);
	return mixed(x ^ (uint64_t)call);
}

static const char *kind_number(wc_arena *a, const char *kinds, uint64_t number)
{
	size_t n = 1;

	for (const char *s = kinds; *s; s++)
		n += *s == '|';
	for (number %= n; number; number--)
		kinds += strcspn(kinds, "|") + 1;
	return wc_strndup(a, kinds, strcspn(kinds, "|"));
}

struct counting {
	wc_arena   *a;
	const char *api;
	int64_t     call;
};

static int count(wc_db *db, void *arg, wc_err *e)
{
	struct counting *c = arg;
	wc_rows          rows;

	if (wc_db_exec(db, e, "INSERT INTO simulator_chance_count (api, calls) VALUES (?, 1) ON DUPLICATE KEY UPDATE calls = calls + 1",
	               wc_text(c->api)) < 0 ||
	    wc_db_query(db, c->a, &rows, e, "SELECT calls FROM simulator_chance_count WHERE api = ?", wc_text(c->api)) < 0)
		return -1;
	c->call = wc_row_int(&rows, 0, 0);
	return 0;
}

int kf_chance_take(wc_arena *a, const char *api, struct fault *fault, wc_err *e)
{
	struct counting c = {a, api, 0};
	wc_rows         rows;
	uint64_t        drawn;

	if (wc_db_query(NULL, a, &rows, e, "SELECT api, per_mille, seed, kinds, ms FROM simulator_chance WHERE id = 1 AND per_mille > 0") < 0)
		return -1;
	if (!rows.n || strncmp(api, wc_row_text(&rows, 0, 0), strlen(wc_row_text(&rows, 0, 0))))
		return 0;
	if (wc_db_tx(count, &c, e) < 0)
		return -1;
	drawn = draw(wc_row_int(&rows, 0, 2), api, c.call);
	if (drawn % 1000 >= (uint64_t)wc_row_int(&rows, 0, 1))
		return 0;
	*fault = (struct fault){fault_kind_of(kind_number(a, wc_row_text(&rows, 0, 3), drawn / 1000)), -1, wc_row_int(&rows, 0, 4)};
	return 0;
}

int kf_chance_get(wc_request *rq, const void *self)
{
	wc_rows rows;
	wc_err  e;

	(void)self;
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, &e, "SELECT api, per_mille, seed, kinds, ms FROM simulator_chance WHERE id = 1") < 0)
		return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:s, s:I, s:I, s:s, s:I}", "api", wc_row_text(&rows, 0, 0), "per_mille", (json_int_t)wc_row_int(&rows, 0, 1),
	                "seed", (json_int_t)wc_row_int(&rows, 0, 2), "kinds", wc_row_text(&rows, 0, 3), "ms", (json_int_t)wc_row_int(&rows, 0, 4));
}

static bool are_kinds(wc_arena *a, const char *kinds)
{
	for (size_t n; *kinds; kinds += n + (kinds[n] == '|')) {
		n = strcspn(kinds, "|");
		if (!fault_kind_of(wc_strndup(a, kinds, n)))
			return false;
	}
	return true;
}

/* The counts begin anew, so that a run can be repeated. */
static int set(wc_db *db, void *arg, wc_err *e)
{
	const struct kf_chance *to = arg;

	if (wc_db_exec(db, e, "UPDATE simulator_chance SET api = ?, per_mille = ?, seed = ?, kinds = ?, ms = ? WHERE id = 1", wc_text(to->api),
	               wc_int(to->per_mille), wc_int(to->seed), wc_text(to->kinds), wc_int(to->ms)) < 0)
		return -1;
	return wc_db_exec(db, e, "DELETE FROM simulator_chance_count") < 0 ? -1 : 0;
}

int kf_chance_set(wc_request *rq, const void *self)
{
	const struct kf_chance *to = wc_body(rq);
	wc_err                  e;

	if (!*to->kinds || !are_kinds(wc_request_arena(rq), to->kinds))
		return wc_reply_bad_fields(rq, &(wc_bad_field){"kinds", "some of " ALL, NULL});
	if (wc_db_tx(set, (void *)to, &e) < 0)
		return wc_reply_err(rq, &e);
	return kf_chance_get(rq, self);
}
