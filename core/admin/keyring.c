/* The master keys as people handle them: adding one, sealing everything anew under it, and retiring those that nothing needs.
 *
 * What is sealed with which key stands in the sealed bytes themselves, so that counting them is the only record of progress and a
 * resealing that was cut goes on where it was by doing only what is left. */
#include "admin/admin.h"

#include "crypt/crypt.h"

#include <wecomd/plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RANGE      5000     /* rows that one statement passes over */
#define BATCH      100      /* rows of one transaction */
#define SETTLED_S  60       /* what was sealed just before the change of keys is committed by then */

static const char *const *columns;
static const char *const *owners;

void keyring_use(const char *const *c, const char *const *o)
{
	columns = c;
	owners  = o;
}

/* --- walking a column --------------------------------------------------------------------------------------------------- */

struct column {
	const char *about, *table, *name, *key;
	enum { KEY_NUMBER, KEY_TEXT, KEY_BYTES } kind;
};

/* A stretch of rows: behind after, up to and with last; a WC_VAL_NULL is open. */
struct stretch {
	wc_val after, last;
};

static int find_column(wc_arena *a, const char *about, struct column *c, wc_err *e)
{
	const char *dot = strchr(about, '.');
	wc_rows     rows;

	*c = (struct column){.about = about, .table = wc_strndup(a, about, (size_t)(dot - about)), .name = dot + 1};
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?"
	                " AND column_key = 'PRI'", wc_text(c->table)) < 0)
		return -1;
	if (rows.n != 1)
		return wc_fail(e, WC_E_CONFIG, "%s: the table is not there, or its primary key is not one column", about);
	c->key  = wc_row_text(&rows, 0, 0);
	c->kind = strstr(wc_row_text(&rows, 0, 1), "int")      ? KEY_NUMBER
	        : strstr(wc_row_text(&rows, 0, 1), "binary")   ? KEY_BYTES
	                                                       : KEY_TEXT;
	return 0;
}

static wc_val key_value(const struct column *c, wc_arena *a, wc_cell cell)
{
	const char *copy = wc_strndup(a, cell.s, cell.n);

	return c->kind == KEY_NUMBER ? wc_int(strtoll(copy, NULL, 10)) : c->kind == KEY_BYTES ? wc_bytes(copy, cell.n) : wc_text(copy);
}

/* "start WHERE key > ? AND key <= ? tail"; appends the values to v. */
static const char *stretch_sql(wc_arena *a, const struct column *c, const char *start, const struct stretch *s, const char *tail, wc_val *v,
                               size_t *n)
{
	bool from = s->after.kind != WC_VAL_NULL, to = s->last.kind != WC_VAL_NULL;

	if (from)
		v[(*n)++] = s->after;
	if (to)
		v[(*n)++] = s->last;
	return wc_printf(a, "%s FROM `%s` WHERE TRUE%s%s%s%s%s%s %s", start, c->table, from ? " AND `" : "", from ? c->key : "",
	                 from ? "` > ?" : "", to ? " AND `" : "", to ? c->key : "", to ? "` <= ?" : "", tail);
}

/* The key RANGE rows further on; a null value when there are fewer. */
static int find_last(wc_arena *a, const struct column *c, struct stretch *s, wc_err *e)
{
	wc_val      v[2];
	size_t      n = 0;
	wc_rows     rows;
	const char *sql;

	s->last = wc_null();
	sql = stretch_sql(a, c, wc_printf(a, "SELECT `%s`", c->key), s, wc_printf(a, "ORDER BY `%s` LIMIT 1 OFFSET %d", c->key, RANGE - 1), v, &n);
	if (wc_db_query_v(NULL, a, &rows, e, sql, v, n) < 0)
		return -1;
	if (rows.n)
		s->last = key_value(c, a, wc_row_cell(&rows, 0, 0));
	return 0;
}

typedef int stretch_fn(const struct column *c, const struct stretch *s, void *arg, wc_err *e);

/* Calls fn for one stretch after the other. */
static int walk(const char *about, stretch_fn *fn, void *arg, wc_err *e)
{
	wc_arena      *a = wc_arena_new();
	struct stretch s = {wc_null(), wc_null()};
	struct column  c;
	int            rc = find_column(a, about, &c, e);

	while (rc == 0) {
		if ((rc = find_last(a, &c, &s, e)) < 0 || (rc = fn(&c, &s, arg, e)) < 0 || s.last.kind == WC_VAL_NULL)
			break;
		s.after = s.last;
	}
	wc_arena_free(a);
	return rc < 0 ? wc_wrap(e, "%s", about) : 0;
}

/* --- counting ------------------------------------------------------------------------------------------------------------- */

#define IDS 65536

static int count_stretch(const struct column *c, const struct stretch *s, void *arg, wc_err *e)
{
	int64_t    *rows_of = arg;
	wc_arena   *a       = wc_arena_new();
	wc_val      v[2];
	size_t      n   = 0;
	const char *sql = stretch_sql(a, c, wc_printf(a, "SELECT CONV(HEX(SUBSTRING(`%s`, 2, 2)), 16, 10), COUNT(*)", c->name), s,
	                              wc_printf(a, "AND `%s` IS NOT NULL GROUP BY 1", c->name), v, &n);
	wc_rows     rows;
	int         rc = wc_db_query_v(NULL, a, &rows, e, sql, v, n);

	for (size_t i = 0; rc == 0 && i < rows.n; i++)
		rows_of[wc_row_int(&rows, i, 0) & (IDS - 1)] += wc_row_int(&rows, i, 1);
	wc_arena_free(a);
	return rc;
}

/* Rows by key id, of all columns or of one; in the arena. */
static int64_t *count(wc_arena *a, const char *const *list, wc_err *e)
{
	int64_t *rows_of = wc_alloc(a, IDS * sizeof *rows_of);

	for (; *list; list++)
		if (walk(*list, count_stretch, rows_of, e) < 0)
			return NULL;
	return rows_of;
}

/* --- resealing ------------------------------------------------------------------------------------------------------------ */

struct resealing {
	const wc_job *job;        /* NULL: the command does it */
	unsigned char id[2];      /* of the key that seals */
	int64_t       done, broken;
};

struct batch {
	const struct column *c;
	wc_arena            *a;
	wc_rows              rows;
	wc_slice            *sealed;      /* of each row; NULL: it stays */
	int64_t              changed;
};

/* A row that somebody wrote meanwhile is under the new key already and stays as it is. */
static int write_batch(wc_db *db, void *arg, wc_err *e)
{
	struct batch *b   = arg;
	const char   *sql = wc_printf(b->a, "UPDATE `%s` SET `%s` = ? WHERE `%s` = ? AND `%s` = ?", b->c->table, b->c->name, b->c->key, b->c->name);

	b->changed = 0;
	for (size_t i = 0; i < b->rows.n; i++) {
		wc_cell was = wc_row_cell(&b->rows, i, 1);
		int64_t n;

		if (!b->sealed[i].p)
			continue;
		n = wc_db_exec(db, e, sql, wc_bytes(b->sealed[i].p, b->sealed[i].n), key_value(b->c, b->a, wc_row_cell(&b->rows, i, 0)),
		               wc_bytes(was.s, was.n));
		if (n < 0)
			return -1;
		b->changed += n;
	}
	return b->changed ? wc_db_once(db, e) : 0;
}

static void seal_batch(struct batch *b, struct resealing *x)
{
	wc_slice plain;
	wc_err   e;

	b->sealed = wc_alloc(b->a, b->rows.n * sizeof *b->sealed);
	for (size_t i = 0; i < b->rows.n; i++) {
		wc_cell was = wc_row_cell(&b->rows, i, 1);

		if (wc_unseal(b->a, b->c->about, (wc_slice){was.s, was.n}, &plain, &e) == 0) {
			b->sealed[i] = wc_seal(b->a, b->c->about, plain);
			crypt_wipe((void *)plain.p, plain.n);
			continue;
		}
		x->broken++;
		wc_log(WC_ERROR, "a row cannot be sealed anew", wc_kv_s("key", wc_row_text(&b->rows, i, 0)), wc_kv_s("error", e.text));
	}
}

/* Moves s->after behind the batch. Returns whether there may be more. */
static int reseal_batch(const struct column *c, struct stretch *s, wc_arena *keys, struct resealing *x, wc_err *e)
{
	struct batch b = {.c = c, .a = wc_arena_new()};
	wc_val       v[3];
	size_t       n  = 0;
	const char  *sql = stretch_sql(b.a, c, wc_printf(b.a, "SELECT `%s`, `%s`", c->key, c->name), s,
	                               wc_printf(b.a, "AND SUBSTRING(`%s`, 2, 2) <> ? ORDER BY `%s` LIMIT %d", c->name, c->key, BATCH), v, &n);
	int          rc;

	v[n++] = wc_bytes(x->id, sizeof x->id);
	rc     = wc_db_query_v(NULL, b.a, &b.rows, e, sql, v, n);
	if (rc == 0 && b.rows.n) {
		seal_batch(&b, x);
		rc       = wc_db_tx(write_batch, &b, e);
		s->after = key_value(c, keys, wc_row_cell(&b.rows, b.rows.n - 1, 0));
		x->done += b.changed;
		rc       = rc < 0 ? -1 : b.rows.n == BATCH;
	}
	wc_arena_free(b.a);
	return rc;
}

static int reseal_stretch(const struct column *c, const struct stretch *given, void *arg, wc_err *e)
{
	struct resealing *x    = arg;
	struct stretch    s    = *given;
	wc_arena         *keys = wc_arena_new();
	int               more;

	do
		more = x->job && wc_job_stopping(x->job) ? wc_fail(e, WC_E_STOPPED, "the process drains") : reseal_batch(c, &s, keys, x, e);
	while (more > 0);
	wc_arena_free(keys);
	return more;
}

static unsigned sealing_id(void)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	size_t           n = crypt_keys(keys, CRYPT_KEYS_MAX);

	for (size_t i = 0; i < n; i++)
		if (keys[i].seals)
			return keys[i].id;
	return 0;
}

static int reseal(const wc_job *job, wc_err *e)
{
	unsigned         id = sealing_id();
	struct resealing x  = {.job = job, .id = {(unsigned char)(id >> 8), (unsigned char)id}};

	for (const char *const *c = columns; *c; c++) {
		int64_t before = x.done;

		if (walk(*c, reseal_stretch, &x, e) < 0)
			return -1;
		wc_log(WC_INFO, "column sealed anew", wc_kv_s("column", *c), wc_kv_i("key", id), wc_kv_i("rows", x.done - before));
		if (!job)
			printf("%-32s %" PRId64 " rows sealed anew\n", *c, x.done - before);
	}
	if (x.broken)
		return wc_fail(e, WC_E_INTERNAL, "%" PRId64 " rows do not open and stay as they are; the log names them", x.broken);
	return 0;
}

static int reseal_job(wc_job *job, const void *self, wc_err *e)
{
	(void)self;
	return reseal(job, e);
}

/* --- commands --------------------------------------------------------------------------------------------------------------- */

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static const char *time_text(wc_arena *a, int64_t s)
{
	time_t    t = (time_t)s;
	struct tm tm;

	gmtime_r(&t, &tm);
	return wc_printf(a, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static int note(wc_arena *a, const char *action, unsigned id, const json_t *details, wc_err *e)
{
	return wc_audit(NULL, &(wc_audit_entry){"command", action, wc_printf(a, "key:%u", id), details}, e);
}

struct rotation {
	int64_t in_ms;
};

static int rotate_command(wc_arena *a, int argc, char **argv, const void *self)
{
	static const wc_field in = {WC_DURATION, "in", NULL, offsetof(struct rotation, in_ms), "", .min = 3000, .max = 366LL * 86400000};
	struct rotation       r;
	int64_t               from_s;
	unsigned              id;
	wc_err                e;

	(void)self;
	if (wc_field_from_text(a, &in, wc_option(argc, argv, "--in", "10s"), &r)) {
		fprintf(stderr, "--in is a duration from 3s to 366d: by then every node must have the file\n");
		return 2;
	}
	from_s = (wc_now_ms() + r.in_ms + 999) / 1000;
	if (crypt_key_add(from_s, &id, &e) < 0)
		return say(&e);
	printf("key %u is in %s; it opens at once and seals from %s on\n"
	       "bring the file to every other node before that; then run: wecomd key reseal\n", id, crypt_key_file(), time_text(a, from_s));
	return note(a, "key.rotate", id, wc_json(a, "{s:s}", "seals_from", time_text(a, from_s)), &e) < 0 ? say(&e) : 0;
}

static int start_reseal(wc_arena *a, unsigned id, wc_err *e)
{
	const char *key = wc_printf(a, "keyring.reseal.%u.%" PRId64, id, wc_now_ms());

	return wc_job_add(NULL, &(wc_job_spec){"keyring.reseal", "keyring.reseal", key, NULL, 0}, e) < 0 ? -1 : 0;
}

static bool has_option(int argc, char **argv, const char *option)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], option))
			return true;
	return false;
}

static int reseal_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	size_t           n   = crypt_keys(keys, CRYPT_KEYS_MAX);
	bool             now = has_option(argc, argv, "--now");
	wc_err           e;

	(void)self;
	if (!keys[n - 1].seals) {
		fprintf(stderr, "key %u seals from %s on; come back then\n", keys[n - 1].id, time_text(a, keys[n - 1].seals_from_s));
		return 1;
	}
	if (note(a, "key.reseal", keys[n - 1].id, NULL, &e) < 0 || (now ? reseal(NULL, &e) : start_reseal(a, keys[n - 1].id, &e)) < 0)
		return say(&e);
	if (!now)
		printf("a worker seals everything anew under key %u; wecomd key status shows how far it is\n", keys[n - 1].id);
	return 0;
}

static const char *where_used(wc_arena *a, int64_t *const *by_column, unsigned id)
{
	const char *all = "";

	for (size_t i = 0; columns[i]; i++)
		if (by_column[i][id])
			all = wc_printf(a, "%s%s%s %" PRId64, all, *all ? ", " : "", columns[i], by_column[i][id]);
	return all;
}

static int64_t **count_each(wc_arena *a, wc_err *e)
{
	int64_t **by_column;
	size_t    n = 0;

	while (columns[n])
		n++;
	by_column = wc_alloc(a, (n + 1) * sizeof *by_column);
	for (size_t i = 0; i < n; i++)
		if (!(by_column[i] = count(a, (const char *const[]){columns[i], NULL}, e)))
			return NULL;
	return by_column;
}

static int64_t total(int64_t *const *by_column, unsigned id)
{
	int64_t n = 0;

	for (size_t i = 0; columns[i]; i++)
		n += by_column[i][id];
	return n;
}

static int list_command(wc_arena *a, int argc, char **argv, const void *self)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	size_t           n = crypt_keys(keys, CRYPT_KEYS_MAX), at = 0;
	int64_t        **by_column;
	wc_err           e;

	(void)argc, (void)argv, (void)self;
	if (!(by_column = count_each(a, &e)))
		return say(&e);
	for (unsigned id = 1; id < IDS; id++) {
		int64_t     rows  = total(by_column, id);
		bool        known = at < n && keys[at].id == id;
		const char *state = !known ? "NOT IN THE FILE" : keys[at].seals ? "seals"
		                  : keys[at].id > sealing_id() ? wc_printf(a, "seals from %s", time_text(a, keys[at].seals_from_s)) : "opens";

		at += known;
		if (known || rows)
			printf("%-5u  %-32s  %10" PRId64 " rows  %s\n", id, state, rows, where_used(a, by_column, id));
	}
	return 0;
}

/* Tables of plugins that are switched off cannot be looked into: nobody says what is sealed in them. */
static int check_owners(wc_arena *a, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT DISTINCT owner FROM schema_migration") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const char *const *o = owners;

		while (*o && strcmp(*o, wc_row_text(&rows, i, 0)))
			o++;
		if (!*o)
			return wc_fail(e, WC_E_CONFLICT, "plugin %s has tables here but is not loaded, so nobody can say what is sealed in them; load it, "
			                                 "or pass --force to give its sealed data up", wc_row_text(&rows, i, 0));
	}
	return 0;
}

static int check_unused(wc_arena *a, unsigned id, bool force, wc_err *e)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	size_t           n = crypt_keys(keys, CRYPT_KEYS_MAX);
	int64_t        **by_column;

	for (size_t i = 0; i < n; i++)
		if (keys[i].seals && wc_now_ms() / 1000 - keys[i].seals_from_s < SETTLED_S)
			return wc_fail(e, WC_E_CONFLICT, "key %u has sealed for less than %d s; try again then", keys[i].id, SETTLED_S);
	if (!force && check_owners(a, e) < 0)
		return -1;
	if (!(by_column = count_each(a, e)))
		return -1;
	if (total(by_column, id))
		return wc_fail(e, WC_E_CONFLICT, "key %u still opens %" PRId64 " rows; run: wecomd key reseal (%s)", id, total(by_column, id),
		               where_used(a, by_column, id));
	return 0;
}

static int retire_command(wc_arena *a, int argc, char **argv, const void *self)
{
	char    *end;
	long     id = argc > 0 ? strtol(argv[0], &end, 10) : 0;
	wc_err   e;

	(void)self;
	if (id < 1 || id > 65535 || *end) {
		fprintf(stderr, "usage: key retire ID [--force]\n");
		return 2;
	}
	if (check_unused(a, (unsigned)id, has_option(argc, argv, "--force"), &e) < 0 || crypt_key_drop((unsigned)id, &e) < 0)
		return say(&e);
	printf("key %ld is out of %s; take it out of the other nodes' files too\n", id, crypt_key_file());
	return note(a, "key.retire", (unsigned)id, NULL, &e) < 0 ? say(&e) : 0;
}

WC_PART(keyring_part, "keyring",
	.summary  = "master keys: rotation while running",
	.commands = WC_COMMANDS(
		{"key rotate", "[--in DURATION]", "add a master key to the key file; it seals after 10s, or what is said", rotate_command},
		{"key reseal", "[--now]", "seal everything anew under the newest master key, as a job or (--now) here", reseal_command},
		{"key status", "", "the master keys, and how many rows each still opens", list_command},
		{"key retire", "ID [--force]", "take a master key that opens nothing any more out of the key file", retire_command}),
	.jobs     = WC_JOBS({"keyring.reseal", reseal_job, "seals everything anew under the newest master key"}),
	.sealed   = WC_SEALED("inbox_event.payload", "job.args"));
