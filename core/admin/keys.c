/* API keys: 32 random bytes, shown once, stored as a keyed hash. */
#include "admin/parts.h"

#include <wecomd/db.h>
#include <wecomd/seal.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX "wck_"     /* so that a leaked key can be recognised for what it is */

static void hash_key(unsigned char hash[WC_HASH_SIZE], const char *key)
{
	wc_keyed_hash(hash, "api_key", key, NULL);
}

static wc_role role_from(const char *word)
{
	for (wc_role role = WC_VIEWER; role <= WC_ADMIN; role++)
		if (!strcmp(role_name(role), word))
			return role;
	return 0;
}

int admin_authenticate(wc_request *rq, wc_role *role, wc_err *e)
{
	const char   *header = wc_header(rq, "Authorization");
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	if (!header || strncasecmp(header, "Bearer ", 7) || strncmp(header + 7, PREFIX, strlen(PREFIX)))
		return 0;
	hash_key(hash, header + 7);
	if (wc_db_query(NULL, wc_request_arena(rq), &rows, e, "SELECT role FROM api_key WHERE key_hash = ?",
	                wc_bytes(hash, sizeof hash)) < 0)
		return wc_wrap(e, "checking an API key");
	if (rows.n)
		*role = (wc_role)wc_row_int(&rows, 0, 0);
	return 0;
}

struct new_key {
	const char   *name;
	wc_role       role;
	unsigned char hash[WC_HASH_SIZE];
};

static int insert_key(wc_db *db, void *arg, wc_err *e)
{
	struct new_key *k = arg;
	wc_arena       *a = wc_arena_new();
	wc_rows         rows;
	int             rc = wc_db_query(db, a, &rows, e, "SELECT key_hash = ? FROM api_key WHERE name = ? FOR UPDATE",
	                                 wc_bytes(k->hash, sizeof k->hash), wc_text(k->name));

	/* Our own hash is there when this is the repeat after a lost COMMIT. */
	if (rc == 0 && rows.n && !wc_row_int(&rows, 0, 0))
		rc = wc_fail(e, WC_E_CONFLICT, "there is a key with the name %s already", k->name);
	else if (rc == 0 && !rows.n)
		rc = wc_db_exec(db, e, "INSERT INTO api_key (name, role, key_hash) VALUES (?, ?, ?)", wc_text(k->name), wc_int(k->role),
		                wc_bytes(k->hash, sizeof k->hash)) < 0 ? -1 : 0;
	wc_arena_free(a);
	return rc;
}

/* Makes a key and returns it. NULL: WC_E_CONFLICT when the name is taken. */
static char *add_key(wc_arena *a, const char *name, wc_role role, wc_err *e)
{
	struct new_key k = {.name = name, .role = role};
	unsigned char  raw[32];
	char          *key;

	if (!*name || strlen(name) > 64) {
		wc_fail(e, WC_E_ARG, "a key's name has 1 to 64 bytes");
		return NULL;
	}
	wc_random(raw, sizeof raw);
	key = wc_printf(a, PREFIX "%s", wc_hex(a, raw, sizeof raw));
	hash_key(k.hash, key);
	return wc_db_tx(insert_key, &k, e) < 0 ? NULL : key;
}

int key_add_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *name = wc_option(argc, argv, "--name", "");
	wc_role     role = role_from(wc_option(argc, argv, "--role", "viewer"));
	char       *key;
	wc_err      e;

	(void)self;
	if (!role) {
		fprintf(stderr, "a role is one of viewer, operator, approver, admin\n");
		return 2;
	}
	if (!(key = add_key(a, name, role, &e))) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	printf("%s\n", key);
	return 0;
}
