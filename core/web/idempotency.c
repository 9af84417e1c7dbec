/* Idempotency-Key: a write that is sent again with its key has the effect of one, and gets the answer of the first.
 *
 * The key's row is claimed before the handler runs and gets the answer before that is sent. A process that dies between leaves a claim
 * behind, which ends by itself; whether the write took effect then nobody can say, and a repeat runs as a new one. */
#include "web/request.h"

#include "crypt/crypt.h"

#include <wecomd/db.h>
#include <wecomd/log.h>
#include <wecomd/seal.h>

#include <string.h>

#define KEY_MAX    200
#define ANSWER_MAX 65536
#define TYPE_MAX   64
#define RUN_S      120      /* longer than any handler takes */
#define KEPT_S     86400

enum state { RUNNING, ANSWERED, NOT_KEPT };

struct idempotency {
	unsigned char key_hash[WC_HASH_SIZE], request_hash[WC_HASH_SIZE], run[16];
};

/* What a key is found to be. */
struct claim {
	struct idempotency *key;
	wc_arena           *arena;
	bool                is_ours, is_same;
	wc_rows             rows;     /* of the one who has it: state, status, content type, answer */
};

/* --- whose key, and for what ---------------------------------------------------------------------------------------- */

/* Who asks, as one text; "" for nobody. Two callers may use the same key for different things; a session that is renewed stays the same
 * caller. */
static const char *caller(wc_request *rq)
{
	const struct web_identity *who = request_identity(rq);

	if (!who->role)
		return "";
	return wc_printf(rq->arena, "%s/%lld/%lld", who->actor, (long long)who->user, (long long)who->key);
}

static bool is_key(const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < n; i++)
		if (key[i] < 0x21 || key[i] > 0x7e)
			return false;
	return n >= 1 && n <= KEY_MAX;
}

static struct idempotency *key_new(wc_request *rq, const char *key)
{
	struct idempotency *k = wc_alloc(rq->arena, sizeof *k);
	unsigned char       body[32];

	crypt_hash_raw(body, rq->raw_body.p, rq->raw_body.n);
	wc_keyed_hash(k->key_hash, "idempotency", caller(rq), key, NULL);
	wc_keyed_hash(k->request_hash, "idempotency.request", rq->method_text, rq->path, rq->query, wc_hex(rq->arena, body, sizeof body),
	              NULL);
	wc_random(k->run, sizeof k->run);
	return k;
}

#define SEALED_AS "idempotency.answer"     /* so that master keys can be changed under it */

/* The key's hash goes with the answer: it counts only in the row that it was written to. */
static wc_slice seal_answer(wc_arena *a, const struct idempotency *k, wc_slice body)
{
	char *both = wc_alloc(a, sizeof k->key_hash + body.n);

	memcpy(both, k->key_hash, sizeof k->key_hash);
	if (body.n)     /* an answer without a body has no address either */
		memcpy(both + sizeof k->key_hash, body.p, body.n);
	return wc_seal(a, SEALED_AS, (wc_slice){both, sizeof k->key_hash + body.n});
}

static bool open_answer(wc_arena *a, const struct idempotency *k, wc_cell sealed, wc_slice *body)
{
	size_t   n = sizeof k->key_hash;
	wc_slice both;
	wc_err   e;

	if (wc_unseal(a, SEALED_AS, (wc_slice){sealed.s, sealed.n}, &both, &e) < 0) {
		wc_log(WC_ERROR, "an answer that was kept for repeats cannot be opened", wc_kv_s("error", e.text));
		return false;
	}
	*body = (wc_slice){both.p + n, both.n - n};
	return both.n >= n && !memcmp(both.p, k->key_hash, n);
}

#define HASH(bytes) wc_bytes(bytes, sizeof(bytes))

/* --- taking a key --------------------------------------------------------------------------------------------------- */

/* Changes nothing where the key is there, but locks it at once: two that came together then wait, rather than deadlock. */
static int insert(wc_db *db, struct claim *c, wc_err *e)
{
	return wc_db_exec(db, e,
	                  "INSERT INTO idempotency (key_hash, request_hash, run, state, trace_id, expires_at)"
	                  " VALUES (?, ?, ?, 0, ?, CURRENT_TIMESTAMP(3) + INTERVAL ? SECOND) ON DUPLICATE KEY UPDATE run = run",
	                  HASH(c->key->key_hash), HASH(c->key->request_hash), HASH(c->key->run), wc_text(wc_trace()), wc_int(RUN_S)) < 0
	       ? -1 : 0;
}

static int take_over(wc_db *db, struct claim *c, wc_err *e)
{
	c->is_ours = true;
	return wc_db_exec(db, e,
	                  "UPDATE idempotency SET request_hash = ?, run = ?, state = 0, trace_id = ?, status = NULL, content_type = NULL,"
	                  " answer = NULL, expires_at = CURRENT_TIMESTAMP(3) + INTERVAL ? SECOND WHERE key_hash = ?",
	                  HASH(c->key->request_hash), HASH(c->key->run), wc_text(wc_trace()), wc_int(RUN_S),
	                  HASH(c->key->key_hash)) < 0 ? -1 : 0;
}

static int claim(wc_db *db, void *arg, wc_err *e)
{
	struct claim *c = arg;

	if (insert(db, c, e) < 0 ||
	    wc_db_query(db, c->arena, &c->rows, e,
	                "SELECT state, status, content_type, answer, request_hash = ?, run = ?, expires_at <= CURRENT_TIMESTAMP(3)"
	                " FROM idempotency WHERE key_hash = ?",
	                HASH(c->key->request_hash), HASH(c->key->run), HASH(c->key->key_hash)) < 0)
		return -1;
	if (wc_row_int(&c->rows, 0, 6))
		return take_over(db, c, e);
	c->is_same = wc_row_int(&c->rows, 0, 4);
	c->is_ours = wc_row_int(&c->rows, 0, 5);
	return 0;
}

/* --- the answer to a repeat ----------------------------------------------------------------------------------------- */

static int in_progress(wc_request *rq)
{
	reply_header(rq, "Retry-After", "1");
	return wc_problem(rq, 409, "idempotency_in_progress", "the first request with this Idempotency-Key has not been answered yet");
}

static int replay(wc_request *rq, struct claim *c)
{
	wc_cell  sealed = wc_row_cell(&c->rows, 0, 3);
	int      status = (int)wc_row_int(&c->rows, 0, 1);
	wc_slice body;

	if (wc_row_int(&c->rows, 0, 0) == NOT_KEPT || !open_answer(rq->arena, c->key, sealed, &body))
		return wc_problem(rq, 409, "idempotency_not_replayable",
		                  "the first request with this Idempotency-Key was answered with %d; its answer was not kept", status);
	reply_header(rq, "Idempotent-Replayed", "true");
	return wc_reply_bytes(rq, status, wc_row_text(&c->rows, 0, 2), body);
}

static int answer_repeat(wc_request *rq, struct claim *c)
{
	if (!c->is_same)
		return wc_problem(rq, 409, "idempotency_conflict", "this Idempotency-Key came with another request before");
	return wc_row_int(&c->rows, 0, 0) == RUNNING ? in_progress(rq) : replay(rq, c);
}

int idempotency_begin(wc_request *rq)
{
	const char  *key = wc_header(rq, "Idempotency-Key");
	struct claim c   = {.arena = rq->arena};
	wc_err       e;

	if (!key || rq->route->route->method == WC_GET || strncmp(rq->path, "/api/", 5))
		return 0;
	if (!is_key(key))
		return wc_problem(rq, 400, "bad_request", "an Idempotency-Key is 1 to %d visible ASCII characters", KEY_MAX), -1;
	if (!*caller(rq))
		return wc_problem(rq, 400, "idempotency_anonymous", "an Idempotency-Key needs a caller who says who it is"), -1;
	c.key = key_new(rq, key);
	if (wc_db_tx(claim, &c, &e) < 0)
		return wc_reply_err(rq, &e), -1;
	if (!c.is_ours)
		return answer_repeat(rq, &c), -1;
	rq->idempotency = c.key;
	return 0;
}

/* --- keeping an answer ---------------------------------------------------------------------------------------------- */

/* What may go well the next time is not an answer to keep. */
static bool is_passing(int status)
{
	return status >= 500 || status == 408 || status == 429;
}

static int64_t keep(wc_request *rq, const struct idempotency *k, int status, const char *content_type, const wc_slice *body,
                    wc_err *e)
{
	bool     is_kept = body && body->n <= ANSWER_MAX && strlen(content_type) <= TYPE_MAX;
	wc_slice sealed  = is_kept ? seal_answer(rq->arena, k, *body) : (wc_slice){0};

	return wc_db_exec(NULL, e,
	                  "UPDATE idempotency SET state = ?, status = ?, content_type = ?, answer = ?,"
	                  " expires_at = CURRENT_TIMESTAMP(3) + INTERVAL ? SECOND WHERE key_hash = ? AND run = ?",
	                  wc_int(is_kept ? ANSWERED : NOT_KEPT), wc_int(status), wc_text(is_kept ? content_type : NULL),
	                  wc_bytes(sealed.p, sealed.n), wc_int(KEPT_S), HASH(k->key_hash), HASH(k->run));
}

static int64_t give_back(const struct idempotency *k, wc_err *e)
{
	return wc_db_exec(NULL, e, "DELETE FROM idempotency WHERE key_hash = ? AND run = ?", HASH(k->key_hash), HASH(k->run));
}

void idempotency_end(wc_request *rq, int status, const char *content_type, const wc_slice *body)
{
	struct idempotency *k = rq->idempotency;
	wc_err              e;

	rq->idempotency = NULL;
	if (k && (is_passing(status) ? give_back(k, &e) : keep(rq, k, status, content_type, body, &e)) < 0)
		wc_log(WC_WARN, "an answer could not be kept for repeats", wc_kv_s("error", e.text));
}
