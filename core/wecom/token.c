/* The token cache. Within a process one thread deals with a secret's row and the others wait for what it brings; over the
 * nodes the row's lease sees to it that one of them asks WeCom. So a hundred threads with a bad token cause one gettoken. */
#include "wecom/token.h"

#include "wecom/exchange.h"
#include "wecom/sort.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MEMO_MS  1000      /* so long the process answers from memory that there is none, without asking the database */
#define LIFE_MAX 86400     /* seconds; WeCom gives 7,200 */

struct slot {
	pthread_mutex_t      lock;
	pthread_cond_t       changed;
	bool                 busy;                       /* a thread deals with the row */
	struct token         token;
	int64_t              look_at_ms, end_ms;         /* monotonic: look at the row from here on; the token ends */
	int64_t              none_until_ms;              /* the failure holds until then, for those whom the token does not help */
	int                  none;                       /* what token_get() then returns */
	struct token_failure failure;
	wc_err               why;
};

static struct slot *slots;

void tokens_open(size_t secrets)
{
	slots = wc_xalloc((secrets + 1) * sizeof *slots);
	for (size_t i = 0; i < secrets; i++) {
		pthread_mutex_init(&slots[i].lock, NULL);
		pthread_cond_init(&slots[i].changed, NULL);
	}
}

/* --- asking WeCom --------------------------------------------------------------------------------------------------- */

static wc_code code_of(int64_t errcode)
{
	return errcode == NO_ANSWER || errcode == -1 || errcode == 6000 || errcode == 45009 || errcode == 45033 ? WC_E_REMOTE : WC_E_REFUSED;
}

static int say_failure(const struct wecom_secret *secret, int64_t errcode, const char *from_ip, const char *trouble, wc_err *e)
{
	if (errcode == NO_ANSWER)
		return wc_fail(e, WC_E_REMOTE, "[wecom:%s] gettoken: %s", secret->name, *trouble ? trouble : "no answer");
	return wc_fail(e, code_of(errcode), "[wecom:%s] gettoken: errcode %lld, %s%s%s", secret->name, (long long)errcode,
	               remedy_of(errcode).why, *from_ip ? ": " : "", from_ip);
}

/* 0 with the token's text and life; -1 with *x and *e. */
static int ask(wc_arena *a, const struct wecom_secret *secret, struct row_token *token, struct exchange *x, wc_err *e)
{
	const char *query = wc_printf(a, "corpid=%s&corpsecret=%s", url_encode(a, secret->corp_id), url_encode(a, secret->secret));
	json_int_t  life;

	if (exchange(a, secret, &api_gettoken, query, NULL, NULL, NULL, x, e) < 0)
		return -1;
	if (!x->body || x->errcode)
		return say_failure(secret, x->errcode, x->from_ip, x->trouble, e);
	token->text     = wc_json_str(x->body, "access_token");
	life            = json_integer_value(json_object_get(x->body, "expires_in"));
	token->life_ms  = (life < LIFE_MAX ? life : LIFE_MAX) * 1000 - x->ms;
	token->fresh_ms = row_fresh_ms(token->life_ms);
	if (token->text && *token->text && strlen(token->text) <= TOKEN_MAX && token->life_ms > 0)
		return 0;
	x->errcode = NO_ANSWER;
	return say_failure(secret, NO_ANSWER, "", "the answer holds no usable token", e);
}

/* --- between the process and the row ---------------------------------------------------------------------------------- */

/* What came of dealing with a row. */
struct result {
	int                  rc;           /* as token_get() */
	struct token         token;
	int64_t              look_at_ms, end_ms;
	struct token_failure failure;
	wc_err               why;
};

static void use(struct result *r, const char *text, int64_t version, int64_t age_ms, int64_t fresh_ms, int64_t left_ms)
{
	int64_t now = wc_mono_ms();

	r->rc = 0;
	snprintf(r->token.text, sizeof r->token.text, "%s", text);
	r->token.version    = version;
	r->token.fetched_ms = now - age_ms;
	r->look_at_ms       = now + (fresh_ms > MEMO_MS ? fresh_ms : MEMO_MS);
	r->end_ms           = now + left_ms;
}

static void fail(struct result *r, int64_t errcode, const char *from_ip, int64_t retry_ms)
{
	r->rc               = -1;
	r->failure.errcode  = errcode;
	r->failure.retry_ms = retry_ms;
	snprintf(r->failure.from_ip, sizeof r->failure.from_ip, "%s", from_ip);
}

/* A refused token counts as one of a series when it was fetched a short while ago. */
static int64_t series(const struct row *row, int64_t refused)
{
	bool forced = refused && row->has_token && row->version <= refused && row->left_ms > 0;

	return forced && row->age_ms < 60000 ? row->forced + 1 : 0;
}

/* Asks WeCom and tells the other nodes. When they cannot be told the token is good all the same. false: the lease was lost, look again. */
static bool fetch(const struct wecom_secret *secret, const char *lease, const struct row *row, int64_t refused, struct result *r)
{
	wc_arena        *a = wc_arena_new();
	struct row_token fetched = {.version = (row->version > refused ? row->version : refused) + 1, .forced = series(row, refused)};
	struct exchange  x = {.errcode = NO_ANSWER, .from_ip = ""};
	wc_err           e;
	int              told;

	if (ask(a, secret, &fetched, &x, &r->why) == 0) {
		use(r, fetched.text, fetched.version, 0, fetched.fresh_ms, fetched.life_ms);
		told = row_store(secret, lease, &fetched, &e);
	} else {
		fail(r, x.errcode, x.from_ip, row_back_off_ms(x.errcode, row->failures + 1));
		told = row_fail(secret, lease, x.errcode, x.from_ip, r->why.text, r->failure.retry_ms, &e);
	}
	if (told < 0)
		wc_log(WC_WARN, "what gettoken said could not be shared", wc_kv_s("secret", secret->name), wc_kv_s("error", e.text));
	wc_arena_free(a);
	return told != 0;
}

/* The row, until it says something final. */
static void deal(const struct wecom_secret *secret, int64_t refused, bool impatient, struct result *r)
{
	int64_t          lease_ms = wecom_settings()->total_ms + 5000, until = wc_mono_ms() + lease_ms + 2000;
	char             lease[33];
	enum row_verdict verdict;
	struct row       row;

	for (;;) {
		*r = (struct result){.rc = -1};
		if (row_look(secret, refused, impatient, lease_ms, lease, &row, &verdict, &r->why) < 0) {
			fail(r, NO_ANSWER, "", MEMO_MS);
			return;
		}
		if (verdict == ROW_USE) {
			use(r, row.token, row.version, row.age_ms, row.fresh_ms, row.left_ms);
			return;
		}
		if (verdict == ROW_FAILED) {
			fail(r, row.errcode, row.from_ip, row.retry_ms);
			wc_fail(&r->why, code_of(row.errcode), "%s", row.error);
			return;
		}
		if (verdict == ROW_TOO_SOON) {
			fail(r, 40014, "", row_too_soon_ms(&row));
			r->rc = 1;
			return;
		}
		if (verdict == ROW_FETCH && fetch(secret, lease, &row, refused, r))
			return;
		if (wc_mono_ms() > until) {
			wc_fail(&r->why, WC_E_REMOTE, "[wecom:%s] another node fetches the token and does not come to an end", secret->name);
			fail(r, NO_ANSWER, "", MEMO_MS);
			return;
		}
		if (verdict == ROW_WAIT)
			wc_sleep_ms(50);
	}
}

static void keep(struct slot *s, const struct result *r)
{
	int64_t now = wc_mono_ms();

	if (r->rc == 0) {
		s->token         = r->token;
		s->look_at_ms    = r->look_at_ms;
		s->end_ms        = r->end_ms;
		s->none_until_ms = 0;
		return;
	}
	s->none          = r->rc;
	s->failure       = r->failure;
	s->why           = r->why;
	s->none_until_ms = now + (r->failure.retry_ms < MEMO_MS ? r->failure.retry_ms : MEMO_MS);
	s->look_at_ms    = now + MEMO_MS;
}

static bool helps(const struct slot *s, int64_t refused, int64_t now)
{
	return s->token.version > refused && now < s->end_ms;
}

static int ended_at_once(struct slot *s, const struct wecom_secret *secret)
{
	s->failure = (struct token_failure){.errcode = NO_ANSWER, .retry_ms = MEMO_MS};
	return wc_fail(&s->why, WC_E_REMOTE, "[wecom:%s] gettoken: the token ended before it could be used", secret->name);
}

int token_get(const struct wecom_secret *secret, int64_t refused, bool impatient, struct token *token, struct token_failure *failure,
              wc_err *e)
{
	struct slot  *s = &slots[secret_index(secret)];
	struct result r;
	int           rc = 0;
	int64_t       now;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		now = wc_mono_ms();
		if (helps(s, refused, now) && (now < s->look_at_ms || s->busy))
			break;
		if (!impatient && !helps(s, refused, now) && now < s->none_until_ms) {
			rc = s->none;
			break;
		}
		if (s->busy) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		s->busy = true;
		pthread_mutex_unlock(&s->lock);
		deal(secret, refused, impatient, &r);
		pthread_mutex_lock(&s->lock);
		s->busy = false;
		keep(s, &r);
		pthread_cond_broadcast(&s->changed);
		rc = helps(s, refused, wc_mono_ms()) ? 0 : r.rc ? r.rc : ended_at_once(s, secret);
		break;
	}
	if (rc == 0) {
		*token = s->token;
	} else {
		*failure = s->failure;
		*e       = s->why;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}
