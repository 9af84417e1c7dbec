/* Doors and accounts. A door is a section [kf:NAME]: secret, callback URL, and the settings that its accounts begin with. Accounts are WeCom's: they are
 * found by its list, and keep their settings here. */
#include "kf.h"

#include <string.h>

bool id_is_good(const char *id)
{
	return id && *id && strlen(id) <= ID_MAX && !id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

/* --- members --------------------------------------------------------------------------------------------------------- */

void member_hash(unsigned char hash[WC_HASH_SIZE], const char *userid)
{
	wc_keyed_hash(hash, "kf.member", userid, NULL);
}

int member_keep(wc_db *db, wc_arena *a, const char *userid, unsigned char hash[WC_HASH_SIZE], wc_err *e)
{
	wc_slice sealed = wc_seal(a, "kf_member.userid", (wc_slice){userid, strlen(userid)});

	member_hash(hash, userid);
	return wc_db_exec(db, e, "INSERT IGNORE INTO kf_member (member, userid) VALUES (?, ?)", wc_bytes(hash, WC_HASH_SIZE),
	                  wc_bytes(sealed.p, sealed.n)) < 0 ? -1 : 0;
}

const char *member_opened(wc_arena *a, wc_cell sealed)
{
	wc_slice plain;
	wc_err   ignored;

	return sealed.s && wc_unseal(a, "kf_member.userid", (wc_slice){sealed.s, sealed.n}, &plain, &ignored) == 0 ? plain.p : "";
}

/* --- sections -------------------------------------------------------------------------------------------------------- */

int section_check(const char *name, const void *data, wc_err *e)
{
	const struct section *s = data;
	wc_envelope           envelope;

	if (!id_is_good(name))
		return wc_fail(e, WC_E_CONFIG, "a door's name has 1 to 64 letters, digits, '_' and '-': it is part of the callback URL");
	if (!wc_wecom_secret_exists(s->secret))
		return wc_fail(e, WC_E_CONFIG, "secret: there is no section [wecom:%s]", s->secret);
	if (s->only[strspn(s->only, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-|")])
		return wc_fail(e, WC_E_CONFIG, "accounts: open_kfids parted by |");
	if (settings_check(&s->s, e) < 0)
		return -1;
	return wc_envelope_init(&envelope, s->token, s->aes_key, wc_wecom_corp(s->secret), e);
}

struct seeding {
	const char           *name, *hash;
	const struct section *section;
};

static wc_val sealed(wc_arena *a, const char *about, const char *text)
{
	wc_slice s = wc_seal(a, about, (wc_slice){text, strlen(text)});

	return wc_bytes(s.p, s.n);
}

/* A section that was changed is said anew to all its accounts. */
static int seed(wc_db *db, void *arg, wc_err *e)
{
	const struct seeding *x        = arg;
	wc_arena             *a        = wc_arena_new();
	const char           *settings = wc_json_text(a, settings_json(a, &x->section->s));
	wc_rows               rows;
	int                   rc = wc_db_query(db, a, &rows, e, "SELECT seed_hash FROM kf_door WHERE name = ? FOR UPDATE", wc_text(x->name));

	if (rc == 0 && (!rows.n || strcmp(wc_row_text(&rows, 0, 0), x->hash)))
		rc = wc_db_exec(db, e,
		                "INSERT INTO kf_door (name, secret, token, aes_key, only, settings, seed_hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
		                " ON DUPLICATE KEY UPDATE secret = VALUES(secret), token = VALUES(token), aes_key = VALUES(aes_key), only = VALUES(only),"
		                " settings = VALUES(settings), seed_hash = VALUES(seed_hash), listed_at = NULL",
		                wc_text(x->name), wc_text(x->section->secret), sealed(a, "kf_door.token", x->section->token),
		                sealed(a, "kf_door.aes_key", x->section->aes_key), wc_text(x->section->only), wc_text(settings), wc_text(x->hash)) < 0 ||
		     wc_db_exec(db, e, "UPDATE kf_account a JOIN kf_door d ON d.id = a.door_id SET a.settings = d.settings WHERE d.name = ?", wc_text(x->name)) < 0
		   ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

int section_seed(const char *name, const void *data, const char *seed_hash, const void *self, wc_err *e)
{
	struct seeding s = {name, seed_hash, data};

	(void)self;
	return wc_db_tx(seed, &s, e);
}

/* --- doors ------------------------------------------------------------------------------------------------------------ */

#define DOOR "SELECT id, name, secret, token, aes_key, only, listed_at IS NOT NULL FROM kf_door"

static int open_text(wc_arena *a, const char *about, wc_cell cell, const char **text, wc_err *e)
{
	wc_slice plain;

	if (wc_unseal(a, about, (wc_slice){cell.s, cell.n}, &plain, e) < 0)
		return wc_wrap(e, "%s", about);
	*text = plain.p;
	return 0;
}

static int read_door(wc_arena *a, const wc_rows *r, size_t i, struct door *d, wc_err *e)
{
	*d = (struct door){.id = wc_row_int(r, i, 0), .name = wc_row_text(r, i, 1), .secret = wc_row_text(r, i, 2), .only = wc_row_text(r, i, 5),
	                   .is_listed = wc_row_int(r, i, 6)};
	return open_text(a, "kf_door.token", wc_row_cell(r, i, 3), &d->token, e) < 0 ? -1
	     : open_text(a, "kf_door.aes_key", wc_row_cell(r, i, 4), &d->aes_key, e);
}

int door_load(wc_arena *a, int64_t id, struct door *d, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, DOOR " WHERE id = ?", wc_int(id)) < 0)
		return -1;
	return rows.n ? read_door(a, &rows, 0, d, e) : wc_fail(e, WC_E_NOT_FOUND, "door %d is no longer there", (int)id);
}

int door_all(wc_arena *a, struct door **d, size_t *n, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, DOOR " ORDER BY name") < 0)
		return -1;
	*d = wc_alloc(a, rows.n * sizeof **d);
	*n = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (read_door(a, &rows, i, &(*d)[i], e) < 0)
			return -1;
	return 0;
}

/* A door whose secret has left the configuration has no company that callbacks could be for. */
int doors(wc_endpoint_list *list, const void *self, wc_err *e)
{
	wc_arena    *a = wc_arena_new();
	struct door *d;
	size_t       n;
	int          rc = door_all(a, &d, &n, e);

	(void)self;
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (wc_wecom_corp(d[i].secret))
			wc_endpoint_add(list, &(wc_endpoint){d[i].name, d[i].id, d[i].token, d[i].aes_key, wc_wecom_corp(d[i].secret)});
	wc_arena_free(a);
	return rc;
}

/* --- accounts --------------------------------------------------------------------------------------------------------- */

#define ACCOUNT                                                                                                                              \
	"SELECT a.id, a.door_id, a.open_kfid, a.name, a.avatar, a.managed, a.listed, a.salt, a.settings, a.sync_cursor, a.quiet_before_ms, a.pull_no," \
	" d.secret, d.name, a.token, a.rung_at > NOW(3) - INTERVAL ? SECOND, a.pulled_at IS NOT NULL FROM kf_account a JOIN kf_door d ON d.id = a.door_id"

static int read_settings(wc_arena *a, const char *text, struct account *acc, wc_err *e)
{
	wc_bad_field *bad;

	if (!(acc->settings = wc_json_parse(a, text, strlen(text), e)))
		return -1;
	bad = settings_read(a, acc->settings, &acc->s);
	return bad ? wc_fail(e, WC_E_CONFIG, "the settings of account %s: %.60s: %.120s", acc->open_kfid, bad->field, bad->expected) : 0;
}

static int read_account(wc_arena *a, const wc_rows *r, size_t i, struct account *acc, wc_err *e)
{
	wc_cell  token = wc_row_cell(r, i, 14);
	wc_slice plain;
	wc_err   ignored;

	*acc = (struct account){.id = wc_row_int(r, i, 0), .door_id = wc_row_int(r, i, 1), .open_kfid = wc_row_text(r, i, 2), .name = wc_row_text(r, i, 3),
	                        .avatar = wc_row_text(r, i, 4), .managed = wc_row_int(r, i, 5), .listed = wc_row_int(r, i, 6), .salt = wc_row_text(r, i, 7),
	                        .cursor = wc_row_text(r, i, 9), .quiet_before_ms = wc_row_int(r, i, 10), .pull_no = wc_row_int(r, i, 11),
	                        .secret = wc_row_text(r, i, 12), .door = wc_row_text(r, i, 13), .has_pulled = wc_row_int(r, i, 16)};
	if (token.s && wc_row_int(r, i, 15) && wc_unseal(a, "kf_account.token", (wc_slice){token.s, token.n}, &plain, &ignored) == 0)
		acc->token = plain.p;
	return read_settings(a, wc_row_text(r, i, 8), acc, e);
}

int account_find(wc_arena *a, const char *open_kfid, struct account *acc, wc_err *e)
{
	wc_rows rows = {0};

	if (id_is_good(open_kfid) &&
	    wc_db_query(NULL, a, &rows, e, ACCOUNT " WHERE a.open_kfid = ?", wc_int(TOKEN_MS / 1000), wc_text(open_kfid)) < 0)
		return -1;
	return rows.n ? read_account(a, &rows, 0, acc, e) : wc_fail(e, WC_E_NOT_FOUND, "there is no such account");
}

int account_load(wc_arena *a, int64_t id, struct account *acc, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, ACCOUNT " WHERE a.id = ?", wc_int(TOKEN_MS / 1000), wc_int(id)) < 0)
		return -1;
	return rows.n ? read_account(a, &rows, 0, acc, e) : wc_fail(e, WC_E_NOT_FOUND, "there is no such account");
}

int account_all(wc_arena *a, struct account **acc, size_t *n, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, ACCOUNT " ORDER BY a.open_kfid", wc_int(TOKEN_MS / 1000)) < 0)
		return -1;
	*acc = wc_alloc(a, rows.n * sizeof **acc);
	*n   = rows.n;
	for (size_t i = 0; i < rows.n; i++)
		if (read_account(a, &rows, i, &(*acc)[i], e) < 0)
			return -1;
	return 0;
}

/* --- WeCom's list ------------------------------------------------------------------------------------------------------ */

#define PAGE 100

static bool is_wanted(const struct door *d, const char *open_kfid)
{
	size_t n = strlen(open_kfid);

	if (!*d->only)
		return true;
	for (const char *at = d->only; (at = strstr(at, open_kfid)); at++)
		if ((at == d->only || at[-1] == '|') && (!at[n] || at[n] == '|'))
			return true;
	return false;
}

struct listing {
	wc_arena          *a;
	const struct kf   *self;
	const struct door *door;
	const json_t      *list;
};

static int keep_one(wc_db *db, const struct listing *l, const json_t *one, wc_err *e)
{
	const char   *open_kfid = wc_json_str(one, "open_kfid"), *name = wc_json_str(one, "name"), *avatar = wc_json_str(one, "avatar");
	const json_t *managed   = json_object_get(one, "manage_privilege");
	unsigned char salt[4];

	if (!id_is_good(open_kfid) || !is_wanted(l->door, open_kfid))
		return 0;
	wc_random(salt, sizeof salt);
	return wc_db_exec(db, e,
	                  "INSERT INTO kf_account (door_id, open_kfid, name, avatar, managed, salt, settings, quiet_before_ms)"
	                  " SELECT id, ?, LEFT(?, 64), LEFT(?, 1024), ?, ?, settings, ? FROM kf_door WHERE id = ?"
	                  " ON DUPLICATE KEY UPDATE name = VALUES(name), avatar = VALUES(avatar), managed = VALUES(managed), listed = TRUE, door_id = VALUES(door_id)",
	                  wc_text(open_kfid), wc_text(name ? name : ""), wc_text(avatar ? avatar : ""), wc_int(!json_is_false(managed)),
	                  wc_text(wc_hex(l->a, salt, sizeof salt)), wc_int(wc_now_ms() - l->self->fresh_ms), wc_int(l->door->id)) < 0 ? -1 : 0;
}

static int keep_list(wc_db *db, void *arg, wc_err *e)
{
	const struct listing *l = arg;
	const json_t         *one;
	size_t                i;

	if (wc_db_exec(db, e, "UPDATE kf_account SET listed = FALSE WHERE door_id = ?", wc_int(l->door->id)) < 0)
		return -1;
	json_array_foreach(l->list, i, one)
		if (keep_one(db, l, one, e) < 0)
			return -1;
	return wc_db_exec(db, e, "UPDATE kf_door SET listed_at = NOW(3), list_error = '' WHERE id = ?", wc_int(l->door->id)) < 0 ? -1 : 0;
}

static int fetch_list(const struct listing *l, wc_err *e)
{
	wc_answer     answer;
	const json_t *page;
	json_int_t    offset = 0;

	do {
		if (call_must(l->a, l->door->secret, "kf.account.list", wc_json(l->a, "{s:I, s:i}", "offset", offset, "limit", PAGE), &answer, e) < 0)
			return -1;
		page = json_object_get(answer.body, "account_list");
		json_array_extend((json_t *)l->list, (json_t *)page);
		offset += PAGE;
	} while (json_array_size(page) >= PAGE && offset < 5000);
	return 0;
}

int accounts_sync(wc_arena *a, const struct kf *self, const struct door *d, wc_err *e)
{
	struct listing l = {a, self, d, wc_json(a, "[]")};
	wc_err         ignored;

	if (fetch_list(&l, e) == 0)
		return wc_db_tx(keep_list, &l, e);
	wc_db_exec(NULL, &ignored, "UPDATE kf_door SET list_error = LEFT(?, 320) WHERE id = ?", wc_text(e->text), wc_int(d->id));
	return -1;
}

static int sync_doors(wc_arena *a, const struct kf *self, bool new_ones, wc_err *e)
{
	struct door *d;
	size_t       n;
	wc_err       why;

	if (door_all(a, &d, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((!new_ones || !d[i].is_listed) && accounts_sync(a, self, &d[i], &why) < 0)
			wc_log(WC_WARN, "the accounts of a door could not be listed", wc_kv_s("door", d[i].name), wc_kv_s("error", why.text));
	return 0;
}

int doors_sync_new(wc_arena *a, const struct kf *self, wc_err *e)
{
	return sync_doors(a, self, true, e);
}

/* All doors, one after the other; what one refuses is no reason to leave out the next, and the next time comes soon. Servicers come along. */
int sync_run(wc_job *job, const void *self, wc_err *e)
{
	wc_arena       *a = wc_job_arena(job);
	struct account *acc;
	size_t          n;
	wc_err          why;

	if (sync_doors(a, self, false, e) < 0 || account_all(a, &acc, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (acc[i].listed && servicers_sync(a, &acc[i], &why) < 0)
			wc_log(WC_WARN, "the servicers of an account could not be listed", wc_kv_s("account", acc[i].open_kfid), wc_kv_s("error", why.text));
	return 0;
}
