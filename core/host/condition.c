/* GET /api/health/parts: how each plugin and each thing behind us stands, in sentences, as the database and this process know it. Nobody
 * outside is asked: that is the doctor's part. */
#include "host/beat.h"
#include "host/program.h"

#include <wecomd/clock.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define BURIED_HOURS 24         /* how far back buried jobs count against their plugin */
#define LATE_MS      60000      /* a job that could run and waits so long is late */
#define STUCK_MS     600000
#define LATE_LOOK    1000       /* late jobs that are looked at */
#define SLOW_MS      200        /* of a statement that does nothing */
#define ALIVE_MS     (4 * BEAT_MS)

typedef enum state { UNKNOWN, OK, WARN, FAIL } state;

static const char *const words[] = {"unknown", "ok", "warn", "fail"};

struct report {
	wc_arena *a;
	json_t   *items;
	state     worst;
	int64_t   now_ms;      /* of the database */
};

static void say(struct report *r, const char *kind, const char *name, state s, int64_t since_ms, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static void say(struct report *r, const char *kind, const char *name, state s, int64_t since_ms, const char *format, ...)
{
	va_list     args;
	const char *text;

	va_start(args, format);
	text = wc_vprintf(r->a, format, args);
	va_end(args);
	r->worst = s > r->worst ? s : r->worst;
	json_array_append_new(r->items, json_pack("{s:s, s:s, s:s, s:o, s:s}", "name", name, "kind", kind, "state", words[s], "since_ms",
	                                          since_ms ? json_integer(since_ms) : json_null(), "text", text));
}

/* "3 s", "12 min", "5 h", "4 days": how long ago a moment of the past is. */
static const char *ago(const struct report *r, int64_t ms)
{
	int64_t s = ms < r->now_ms ? (r->now_ms - ms) / 1000 : 0;

	if (s < 120)
		return wc_printf(r->a, "%" PRId64 " s", s);
	if (s < 7200)
		return wc_printf(r->a, "%" PRId64 " min", s / 60);
	return s < 172800 ? wc_printf(r->a, "%" PRId64 " h", s / 3600) : wc_printf(r->a, "%" PRId64 " days", s / 86400);
}

#define MS(column) "CAST(UNIX_TIMESTAMP(" column ") * 1000 AS INTEGER)"

/* --- the database --------------------------------------------------------------------------------------------------- */

static int say_database(struct report *r, wc_err *e)
{
	int64_t began = wc_mono_ms(), took;
	wc_rows rows;

	if (wc_db_query(NULL, r->a, &rows, e, "SELECT " MS("NOW(3)") ", VERSION()") < 0)
		return -1;
	took      = wc_mono_ms() - began;
	r->now_ms = wc_row_int(&rows, 0, 0);
	say(r, "database", "database", took < SLOW_MS ? OK : WARN, 0, "%s answers in %" PRId64 " ms", wc_row_text(&rows, 0, 1), took);
	if (db_check_schema(loaded->core.sql_dir, loaded->owners, e) == 0)
		say(r, "database", "schema", OK, 0, "it is what this program needs");
	else
		say(r, "database", "schema", FAIL, 0, "it is not what this program needs: wecomd migrate");
	return 0;
}

/* --- processes and work --------------------------------------------------------------------------------------------- */

/* Children that were killed leave rows behind; a node is silent when all of its rows are old. */
static int say_nodes(struct report *r, wc_err *e)
{
	int64_t workers = 0;
	wc_rows rows;

	if (wc_db_query(NULL, r->a, &rows, e,
	                "SELECT node, SUM(role = 'web' AND beat_at > NOW(3) - INTERVAL ? SECOND), SUM(role = 'worker' AND beat_at > NOW(3) - INTERVAL ? SECOND),"
	                " SUM(role = 'resident' AND beat_at > NOW(3) - INTERVAL ? SECOND), " MS("MAX(beat_at)") ", " MS("MIN(started_at)")
	                " FROM process GROUP BY node ORDER BY node LIMIT 100",
	                wc_int(ALIVE_MS / 1000), wc_int(ALIVE_MS / 1000), wc_int(ALIVE_MS / 1000)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const char *node = wc_row_text(&rows, i, 0);
		int64_t     web = wc_row_int(&rows, i, 1), worker = wc_row_int(&rows, i, 2), resident = wc_row_int(&rows, i, 3), beat = wc_row_int(&rows, i, 4);

		workers += worker;
		if (web + worker + resident)
			say(r, "node", node, OK, 0, "%" PRId64 " web, %" PRId64 " worker, %" PRId64 " resident; the last sign of life %s ago", web, worker, resident,
			    ago(r, beat));
		else
			say(r, "node", node, WARN, beat, "no sign of life for %s", ago(r, beat));
	}
	if (workers)
		say(r, "work", "workers", OK, 0, "%" PRId64 " processes of all nodes run jobs", workers);
	else
		say(r, "work", "workers", FAIL, 0, "no process of any node runs jobs");
	return 0;
}

static int say_queue(struct report *r, wc_err *e)
{
	int64_t oldest, late;
	wc_rows rows;

	if (wc_db_query(NULL, r->a, &rows, e, "SELECT " MS("MIN(due_at)") " FROM job WHERE state = 1 AND due_at <= NOW(3)") < 0)
		return -1;
	oldest = wc_row_int(&rows, 0, 0);
	late   = oldest ? r->now_ms - oldest : 0;
	if (!oldest)
		say(r, "work", "queue", OK, 0, "no job waits to be run");
	else
		say(r, "work", "queue", late < LATE_MS ? OK : late < STUCK_MS ? WARN : FAIL, late < LATE_MS ? 0 : oldest,
		    "the oldest job that could run waits for %s", ago(r, oldest));
	return 0;
}

/* --- plugins -------------------------------------------------------------------------------------------------------- */

/* What speaks against a plugin: its jobs that were buried, and those that nobody takes up. */
struct trouble {
	const char *plugin;
	int64_t     buried, buried_ms, late, late_ms;
};

static struct trouble *trouble_of(struct trouble *list, size_t n, const char *kind)
{
	size_t length = strcspn(kind, ".");

	for (size_t i = 0; i < n; i++)
		if (strlen(list[i].plugin) == length && !memcmp(list[i].plugin, kind, length))
			return &list[i];
	return NULL;
}

static int find_trouble(struct report *r, struct trouble *list, size_t n, wc_err *e)
{
	struct trouble *t;
	wc_rows         buried, late;

	if (wc_db_query(NULL, r->a, &buried, e,
	                "SELECT kind, COUNT(*), " MS("MIN(due_at)") " FROM job WHERE state = 4 AND due_at > NOW(3) - INTERVAL ? HOUR GROUP BY kind",
	                wc_int(BURIED_HOURS)) < 0 ||
	    wc_db_query(NULL, r->a, &late, e,
	                "SELECT kind, COUNT(*), " MS("MIN(due_at)") " FROM (SELECT kind, due_at FROM job WHERE state = 1 AND due_at < NOW(3) - INTERVAL ? MICROSECOND"
	                " ORDER BY due_at LIMIT ?) late GROUP BY kind", wc_int(LATE_MS * 1000), wc_int(LATE_LOOK)) < 0)
		return -1;
	for (size_t i = 0; i < buried.n; i++) {
		if (!(t = trouble_of(list, n, wc_row_text(&buried, i, 0))))
			continue;
		t->buried += wc_row_int(&buried, i, 1);
		t->buried_ms = !t->buried_ms || wc_row_int(&buried, i, 2) < t->buried_ms ? wc_row_int(&buried, i, 2) : t->buried_ms;
	}
	for (size_t i = 0; i < late.n; i++) {
		if (!(t = trouble_of(list, n, wc_row_text(&late, i, 0))))
			continue;
		t->late += wc_row_int(&late, i, 1);
		t->late_ms = !t->late_ms || wc_row_int(&late, i, 2) < t->late_ms ? wc_row_int(&late, i, 2) : t->late_ms;
	}
	return 0;
}

static int say_plugins(struct report *r, wc_err *e)
{
	struct trouble *list = wc_alloc(r->a, (loaded->slot_count + 1) * sizeof *list);
	size_t          n    = 0;

	for (size_t i = 0; i < loaded->slot_count; i++)
		if (!loaded->slots[i].is_part)
			list[n++].plugin = loaded->slots[i].plugin->name;
	if (find_trouble(r, list, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct trouble *t = &list[i];

		if (t->late)
			say(r, "plugin", t->plugin, WARN, t->late_ms, "%" PRId64 " of its jobs wait to be taken up, the oldest for %s", t->late, ago(r, t->late_ms));
		else if (t->buried)
			say(r, "plugin", t->plugin, WARN, t->buried_ms, "%" PRId64 " of its jobs were given up in the last %d h", t->buried, BURIED_HOURS);
		else
			say(r, "plugin", t->plugin, OK, 0, "loaded; none of its jobs was given up in the last %d h", BURIED_HOURS);
	}
	return 0;
}

static int say_residents(struct report *r, wc_err *e)
{
	for (size_t i = 0; i < loaded->slot_count; i++) {
		const wc_plugin *plugin = loaded->slots[i].plugin;
		wc_rows          rows;
		const char      *owner;

		if (!plugin->resident)
			continue;
		if (wc_db_query(NULL, r->a, &rows, e, "SELECT owner, until_at > NOW(3), " MS("until_at") " FROM lease WHERE name = ?",
		                wc_text(wc_printf(r->a, "resident/%s", plugin->name))) < 0)
			return -1;
		owner = rows.n ? wc_row_text(&rows, 0, 0) : "";
		if (*owner && wc_row_int(&rows, 0, 1))
			say(r, "resident", plugin->name, OK, 0, "runs on node %.*s", (int)strcspn(owner, "/"), owner);
		else
			say(r, "resident", plugin->name, FAIL, rows.n ? wc_row_int(&rows, 0, 2) : 0, "runs on no node");
	}
	return 0;
}

/* --- what is behind us ---------------------------------------------------------------------------------------------- */

static int say_models(struct report *r, wc_err *e)
{
	for (size_t i = 0; i < loaded->model_count; i++) {
		const struct model *m = &loaded->models[i];
		struct model_state  s;
		const char         *how;
		bool                closed;

		if (model_state(r->a, m, &s, e) < 0)
			return -1;
		how    = s.status ? wc_printf(r->a, "%s (HTTP %" PRId64 ")", s.result, s.status) : s.result;
		closed = m->breaker_failures && s.failures >= m->breaker_failures;
		if (!s.last_ms)
			say(r, "model", m->name, UNKNOWN, 0, "it was not called yet");
		else if (!s.failures)
			say(r, "model", m->name, OK, 0, "the last call, %s ago, was answered: %s", ago(r, s.last_ms), how);
		else
			say(r, "model", m->name, closed || s.left_alone_ms ? FAIL : WARN, s.since_ms, "%s%" PRId64 " calls in a row failed, the latest %s ago: %s%s",
			    s.failures == MODEL_LOOK ? "at least " : "", s.failures, ago(r, s.last_ms), how,
			    closed || s.left_alone_ms ? wc_printf(r->a, "; it is left alone for %" PRId64 " s at a time", m->breaker_pause_ms / 1000) : "");
	}
	return 0;
}

static int say_secrets(struct report *r, wc_err *e)
{
	for (size_t i = 0; i < loaded->secret_count; i++) {
		const struct wecom_secret *secret = &loaded->secrets[i];
		struct wecom_token_state   s;

		if (wecom_token_state(r->a, secret, &s, e) < 0)
			return -1;
		if (!s.known || (!s.fetched_ms && !s.failures))
			say(r, "wecom", secret->name, UNKNOWN, 0, "no token was asked for yet");
		else if (s.failures)
			say(r, "wecom", secret->name, s.expires_ms > r->now_ms ? WARN : FAIL, s.failed_ms, "no new token %" PRId64 " times, the last %s ago: errcode %" PRId64 ", %s%s%s",
			    s.failures, ago(r, s.failed_ms), s.errcode, s.why, *s.from_ip ? ": " : "", s.from_ip);
		else if (s.expires_ms > r->now_ms)
			say(r, "wecom", secret->name, OK, 0, "WeCom gave a token %s ago", ago(r, s.fetched_ms));
		else
			say(r, "wecom", secret->name, UNKNOWN, s.expires_ms, "its token ended %s ago; nobody has needed one since", ago(r, s.expires_ms));
	}
	return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static int get_parts(wc_request *rq, const void *self)
{
	static int (*const tell[])(struct report *, wc_err *) = {say_database, say_nodes, say_queue, say_plugins, say_residents, say_models, say_secrets};
	struct report r = {.a = wc_request_arena(rq), .items = wc_json(wc_request_arena(rq), "[]")};
	wc_err        e;

	(void)self;
	for (size_t i = 0; i < sizeof tell / sizeof *tell; i++)
		if (tell[i](&r, &e) < 0)
			return wc_reply_err(rq, &e);
	return wc_reply(rq, 200, "{s:s, s:O, s:n}", "state", words[r.worst], "items", r.items, "next");
}

WC_PART(condition_part, "condition",
	.summary = "how plugins and backends stand",
	.routes  = WC_ROUTES({WC_GET, "/api/health/parts", WC_VIEWER, get_parts,
	                      "How each plugin and each backend stands, from what is known here: items with name, kind, state, since_ms and a sentence"}));
