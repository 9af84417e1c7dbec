/* Who somebody is: identities of channels, the customer behind them, and what ties several to one.
 *
 * Both unique keys (an identity's, a tie's) are claimed by INSERT IGNORE, which waits for whoever claims the same at that moment; who
 * loses takes the winner's customer and removes the one it had made. Ties come before identities, so that two never wait crosswise. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

#define PEER "channel_identities.peer"
#define NAME "channel_identities.name"
#define TIES "channel_identities.ties"

enum { TIE_UNIONID = 1, TIE_MOBILE, TIE_EXTERNAL, TIE_KINDS = TIE_EXTERNAL };

void peer_hash(unsigned char hash[WC_HASH_SIZE], const char *peer)
{
	wc_keyed_hash(hash, "talk.peer", peer, NULL);
}

void name_hash(unsigned char hash[WC_HASH_SIZE], const char *name)
{
	wc_keyed_hash(hash, "talk.name", name, NULL);
}

void tie_hash(unsigned char hash[WC_HASH_SIZE], int kind, const char *value)
{
	static const char *const purposes[] = {"", "talk.unionid", "talk.mobile", "talk.external_userid"};

	wc_keyed_hash(hash, purposes[kind], value, NULL);
}

wc_val sealed_text(wc_arena *a, const unsigned char key[KEY_SIZE], const char *about, const char *text)
{
	wc_slice sealed;

	if (!text)
		return wc_null();
	sealed = crypt_seal_with(a, key, about, (wc_slice){text, strlen(text)});
	return wc_bytes(sealed.p, sealed.n);
}

wc_val sealed_json(wc_arena *a, const unsigned char key[KEY_SIZE], const char *about, const json_t *value)
{
	return sealed_text(a, key, about, value ? wc_json_text(a, value) : NULL);
}

const char *opened(wc_arena *a, int64_t customer, const char *about, wc_cell sealed)
{
	wc_slice plain;
	wc_err   ignored;

	if (!sealed.s || wc_customer_unseal(NULL, a, customer, about, (wc_slice){sealed.s, sealed.n}, &plain, &ignored) < 0)
		return NULL;
	return wc_strndup(a, plain.p, plain.n);
}

static const char *tie_value(const wc_ties *ties, int kind)
{
	const char *value = !ties ? NULL : kind == TIE_UNIONID ? ties->unionid : kind == TIE_MOBILE ? ties->mobile : ties->external_userid;

	return value && *value ? value : NULL;
}

/* --- finding ---------------------------------------------------------------------------------------------------------- */

struct seeker {
	wc_db           *db;
	wc_arena        *a;
	const char      *channel, *peer, *name;
	const wc_ties   *ties;
	struct identity *who;
	unsigned char    hash[WC_HASH_SIZE];
	int64_t          made;         /* a customer of our own making, not yet anybody's; 0: none */
};

/* 1: the identity is known; 0: not. */
static int find_identity(struct seeker *s, wc_rows *rows, wc_err *e)
{
	if (wc_db_query(s->db, s->a, rows, e, "SELECT id, customer, name_hash, ties FROM channel_identities WHERE channel = ? AND peer_hash = ?",
	                wc_text(s->channel), wc_bytes(s->hash, sizeof s->hash)) < 0)
		return -1;
	if (!rows->n)
		return 0;
	s->who->id       = wc_row_int(rows, 0, 0);
	s->who->customer = wc_row_int(rows, 0, 1);
	return 1;
}

static int64_t tied_customer(struct seeker *s, int kind, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;

	tie_hash(hash, kind, tie_value(s->ties, kind));
	if (wc_db_query(s->db, s->a, &rows, e, "SELECT customer FROM customer_tie WHERE kind = ? AND hash = ?", wc_int(kind),
	                wc_bytes(hash, sizeof hash)) < 0)
		return -1;
	return rows.n ? wc_row_int(&rows, 0, 0) : 0;
}

/* The customer of the first tie that has one; 0: none has. */
static int64_t find_tied(struct seeker *s, wc_err *e)
{
	int64_t customer = 0;

	for (int kind = 1; kind <= TIE_KINDS && !customer; kind++)
		if (tie_value(s->ties, kind))
			customer = tied_customer(s, kind, e);
	return customer;
}

/* Takes the tie for the customer; *owner is whose it is then. */
static int claim_tie(struct seeker *s, int kind, int64_t customer, int64_t *owner, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	int64_t       n;

	tie_hash(hash, kind, tie_value(s->ties, kind));
	*owner = tied_customer(s, kind, e);
	if (*owner)
		return *owner < 0 ? -1 : 0;
	n = wc_db_exec(s->db, e, "INSERT IGNORE INTO customer_tie (kind, hash, customer) VALUES (?, ?, ?)", wc_int(kind), wc_bytes(hash, sizeof hash),
	               wc_int(customer));
	*owner = n > 0 ? customer : n < 0 ? -1 : tied_customer(s, kind, e);
	return *owner < 0 ? -1 : 0;
}

static int unmake(struct seeker *s, int64_t winner, wc_err *e)
{
	if (!s->made || s->made == winner)
		return 0;
	if (wc_db_exec(s->db, e, "UPDATE customer_tie SET customer = ? WHERE customer = ?", wc_int(winner), wc_int(s->made)) < 0 ||
	    wc_db_exec(s->db, e, "DELETE FROM customer WHERE id = ?", wc_int(s->made)) < 0)
		return -1;
	s->made = 0;
	return 0;
}

/* Whom a new identity belongs to: one that shares a tie, or a new customer, whose ties are claimed. */
static int64_t choose_customer(struct seeker *s, wc_err *e)
{
	int64_t customer = find_tied(s, e), owner;

	if (customer)
		return customer;
	customer = s->made = wc_customer_new(s->db, e);
	if (customer < 0)
		return -1;
	for (int kind = 1; kind <= TIE_KINDS; kind++) {
		if (!tie_value(s->ties, kind))
			continue;
		if (claim_tie(s, kind, customer, &owner, e) < 0 || (owner != customer && unmake(s, owner, e) < 0))
			return -1;
		customer = owner;
	}
	return customer;
}

static json_t *ties_json(wc_arena *a, const wc_ties *ties)
{
	return ties ? wc_json(a, "{s:s*, s:s*, s:s*}", "unionid", tie_value(ties, TIE_UNIONID), "mobile", tie_value(ties, TIE_MOBILE), "external_userid",
	                      tie_value(ties, TIE_EXTERNAL)) : NULL;
}

/* The row of an identity that is not known. 1: it stands; 0: somebody else's does, with whom one begins again; -1. */
static int insert_identity(struct seeker *s, int64_t customer, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_rows       rows;
	int           held = customer_hold(s->db, s->a, customer, s->who->key, e);

	if (held <= 0)
		return held < 0 ? -1 : wc_fail(e, WC_E_DB, "customer %" PRId64 " was erased in this moment", customer);
	if (s->name)
		name_hash(hash, s->name);
	if (wc_db_query(s->db, s->a, &rows, e,
	                "INSERT IGNORE INTO channel_identities (channel, peer_hash, customer, peer, name, name_hash, ties) VALUES (?, ?, ?, ?, ?, ?, ?)"
	                " RETURNING id",
	                wc_text(s->channel), wc_bytes(s->hash, sizeof s->hash), wc_int(customer), sealed_text(s->a, s->who->key, PEER, s->peer),
	                sealed_text(s->a, s->who->key, NAME, s->name), s->name ? wc_bytes(hash, sizeof hash) : wc_null(),
	                sealed_json(s->a, s->who->key, TIES, ties_json(s->a, s->ties))) < 0)
		return -1;
	if (!rows.n)
		return 0;
	s->who->id       = wc_row_int(&rows, 0, 0);
	s->who->customer = customer;
	return 1;
}

static int add_identity(struct seeker *s, wc_err *e)
{
	int64_t customer = choose_customer(s, e);
	wc_rows rows;
	int     rc = customer < 0 ? -1 : insert_identity(s, customer, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	if ((rc = find_identity(s, &rows, e)) < 0)
		return -1;
	if (!rc)
		return wc_fail(e, WC_E_DB, "an identity came and went in this moment");
	if (unmake(s, s->who->customer, e) < 0)
		return -1;
	rc = customer_hold(s->db, s->a, s->who->customer, s->who->key, e);
	return rc > 0 ? 0 : rc < 0 ? -1 : wc_fail(e, WC_E_DB, "customer %" PRId64 " was erased in this moment", s->who->customer);
}

/* --- what is new about a known one ------------------------------------------------------------------------------------ */

static int keep_name(struct seeker *s, const wc_rows *rows, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	wc_cell       old = wc_row_cell(rows, 0, 2);

	if (!s->name || !*s->name)
		return 0;
	name_hash(hash, s->name);
	if (old.s && old.n == sizeof hash && !memcmp(old.s, hash, sizeof hash))
		return 0;
	return wc_db_exec(s->db, e, "UPDATE channel_identities SET name = ?, name_hash = ? WHERE id = ?", sealed_text(s->a, s->who->key, NAME, s->name),
	                  wc_bytes(hash, sizeof hash), wc_int(s->who->id)) < 0 ? -1 : 0;
}

static int keep_ties_column(struct seeker *s, const wc_rows *rows, wc_err *e)
{
	wc_cell     cell = wc_row_cell(rows, 0, 3);
	wc_slice    old;
	bool        has  = cell.s && crypt_unseal_with(s->a, s->who->key, TIES, (wc_slice){cell.s, cell.n}, &old, e) == 0;
	json_t     *all  = has ? wc_json_parse(s->a, old.p, old.n, e) : NULL;
	json_t     *ties = ties_json(s->a, s->ties);

	if (!all)
		all = wc_json(s->a, "{}");
	else if (json_equal(all, ties))
		return 0;
	json_object_update(all, ties);
	return wc_db_exec(s->db, e, "UPDATE channel_identities SET ties = ? WHERE id = ?", sealed_json(s->a, s->who->key, TIES, all),
	                  wc_int(s->who->id)) < 0 ? -1 : 0;
}

static int keep_ties(struct seeker *s, const wc_rows *rows, wc_err *e)
{
	int64_t owner;

	if (!s->ties)
		return 0;
	for (int kind = 1; kind <= TIE_KINDS; kind++) {
		if (!tie_value(s->ties, kind))
			continue;
		if (claim_tie(s, kind, s->who->customer, &owner, e) < 0)
			return -1;
		if (owner != s->who->customer &&
		    wc_db_exec(s->db, e, "UPDATE channel_identities SET other_customer = ? WHERE id = ?", wc_int(owner), wc_int(s->who->id)) < 0)
			return -1;
	}
	return keep_ties_column(s, rows, e);
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

/* 1: found and brought up to date; 0: unknown, or of a customer that is being erased, whose identity is gone by now; -1. */
static int use_known(struct seeker *s, wc_err *e)
{
	wc_rows rows;
	int     rc = find_identity(s, &rows, e);

	if (rc > 0)
		rc = customer_hold(s->db, s->a, s->who->customer, s->who->key, e);
	if (rc > 0 && (keep_name(s, &rows, e) < 0 || keep_ties(s, &rows, e) < 0))
		rc = -1;
	return rc;
}

int identity_hold(wc_db *db, wc_arena *a, const char *channel, const char *peer, const char *name, const wc_ties *ties, struct identity *who,
                  wc_err *e)
{
	const struct talk_channel *c = channel_find(channel);
	struct seeker              s = {db, a, channel, peer, name && *name ? clean_text(a, name) : NULL, c && c->channel->members_only ? NULL : ties, who, {0}, 0};
	int                        rc;

	if (!*peer || strlen(peer) > 512 || !wc_utf8_valid(peer, strlen(peer)))
		return wc_fail(e, WC_E_ARG, "a person of channel %.32s: an id has 1 to 512 bytes", channel);
	peer_hash(s.hash, peer);
	rc = use_known(&s, e);
	return rc ? (rc < 0 ? -1 : 0) : add_identity(&s, e);
}

int64_t wc_identity(wc_db *db, wc_arena *a, const char *channel, const char *peer, const char *name, const wc_ties *ties, wc_err *e)
{
	struct identity who;

	if (identity_hold(db, a, channel, peer, name, ties, &who, e) < 0)
		return -1;
	crypt_wipe(who.key, sizeof who.key);
	return who.customer;
}
