/* The log of an account, and the doorbell that says there is news (doc/94670): XML, sealed and signed for the app, and repeated until it
 * is answered with 200 or was tried often enough. */
#include "kf.h"
#include "kf_ring.h"

#include "sim_clock.h"

#include <inttypes.h>
#include <string.h>

const char *kf_random(wc_arena *a, const char *prefix, size_t bytes)
{
	unsigned char raw[32];

	wc_random(raw, bytes);
	return wc_printf(a, "%s%s", prefix, wc_hex(a, raw, bytes));
}

/* --- appending ----------------------------------------------------------------------------------------------------------- */

/* Numbers become visible in order: the account's row is held until the commit. */
static int next_seq(wc_db *db, wc_arena *a, const char *open_kfid, int64_t *seq, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT seq + 1 FROM simulator_kf_account WHERE open_kfid = ? FOR UPDATE", wc_text(open_kfid)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no account %s", open_kfid);
	*seq = wc_row_int(&rows, 0, 0);
	return wc_db_exec(db, e, "UPDATE simulator_kf_account SET seq = ? WHERE open_kfid = ?", wc_int(*seq), wc_text(open_kfid)) < 0 ? -1 : 0;
}

static int append(wc_db *db, wc_arena *a, const struct kf_control *control, struct kf_entry *n, wc_err *e)
{
	int64_t seq = 0;

	n->msgid = kf_random(a, "", 16);
	if (next_seq(db, a, n->open_kfid, &seq, e) < 0)
		return -1;
	return wc_db_exec(db, e, "INSERT INTO simulator_kf_message (open_kfid, seq, msgid, external_userid, origin, servicer, msgtype, content, at_ms,"
	                  " visible_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", wc_text(n->open_kfid), wc_int(seq), wc_text(n->msgid),
	                  wc_text(n->external), wc_int(n->origin), wc_text(n->servicer ? n->servicer : ""), wc_text(n->msgtype),
	                  wc_text(wc_json_text(a, n->content)), wc_int(n->at_ms), wc_int(n->at_ms + control->lag_ms)) < 0 ? -1 : 0;
}

int kf_ring(wc_db *db, wc_arena *a, const struct kf_control *control, const char *open_kfid, int64_t now, wc_err *e)
{
	for (int64_t i = 0; i < control->rings; i++) {
		const char *token = kf_random(a, "ENC", 24);

		if (wc_db_exec(db, e, "INSERT INTO simulator_kf_ring (open_kfid, token, until_ms, at_ms) VALUES (?, ?, ?, ?)", wc_text(open_kfid),
		               wc_text(token), wc_int(now + KF_TOKEN_MS), wc_int(now)) < 0 ||
		    wc_job_add(db, &(wc_job_spec){.kind = "simulator.kf_ring", .args = wc_json(a, "{s:s}", "token", token)}, e) < 0)
			return -1;
	}
	return 0;
}

int kf_append(wc_db *db, wc_arena *a, const struct kf_control *control, struct kf_entry *entry, wc_err *e)
{
	return append(db, a, control, entry, e) < 0 ? -1 : kf_ring(db, a, control, entry->open_kfid, entry->at_ms, e);
}

int kf_append_event(const struct kf_tx *t, const char *event_type, json_t *event, wc_err *e)
{
	struct kf_entry n = {.open_kfid = t->open_kfid, .external = t->external ? t->external : "", .msgtype = "event", .content = event, .origin = KF_EVENT, .at_ms = t->now};

	json_object_set_new(event, "event_type", json_string(event_type));
	json_object_set_new(event, "open_kfid", json_string(t->open_kfid));
	if (t->external)
		json_object_set_new(event, "external_userid", json_string(t->external));
	return kf_append(t->db, t->a, &t->control, &n, e);
}

int kf_code(const struct kf_tx *t, const char *trigger, const char **code, wc_err *e)
{
	bool is_short = !strcmp(trigger, "welcome") || !strcmp(trigger, "ended");

	*code = kf_random(t->a, "CODE", 20);
	return wc_db_exec(t->db, e, "INSERT INTO simulator_kf_code (code, open_kfid, external_userid, trigger_name, state, until_ms)"
	                  " VALUES (?, ?, ?, ?, ?, ?)", wc_text(*code), wc_text(t->open_kfid), wc_text(t->external), wc_text(trigger),
	                  wc_int(strcmp(trigger, "welcome") ? t->state : -1), wc_int(t->now + (is_short ? KF_SHORT_MS : KF_WINDOW_MS))) < 0 ? -1 : 0;
}

/* --- the doorbell -------------------------------------------------------------------------------------------------------- */

struct ring {
	wc_job                 *job;
	wc_arena               *a;
	const struct simulator *sim;
	const char             *token, *open_kfid, *url;
	int64_t                 at_ms, tries, status;
	bool                    done;
	const char             *error;
};

static int load(struct ring *r, wc_err *e)
{
	struct kf_control control;
	wc_rows           rows;

	r->token = wc_json_str(wc_job_args(r->job), "token");
	if (kf_control_read(NULL, r->a, &control, e) < 0 ||
	    wc_db_query(NULL, r->a, &rows, e, "SELECT open_kfid, at_ms, tries, done FROM simulator_kf_ring WHERE token = ?", wc_text(r->token)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no such doorbell");
	r->open_kfid = wc_row_text(&rows, 0, 0);
	r->at_ms     = wc_row_int(&rows, 0, 1);
	r->tries     = wc_row_int(&rows, 0, 2);
	r->done      = wc_row_int(&rows, 0, 3);
	r->url       = *control.callback ? control.callback : r->sim->kf_callback;
	if (*r->url == '/')
		r->url = wc_printf(r->a, "%s%s", r->sim->callback_base, r->url);
	return 0;
}

static const char *plain_of(const struct ring *r)
{
	return wc_printf(r->a, "<xml><ToUserName><![CDATA[%s]]></ToUserName><CreateTime>%" PRId64 "</CreateTime><MsgType><![CDATA[event]]></MsgType>"
	                 "<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[%s]]></Token><OpenKfId><![CDATA[%s]]></OpenKfId></xml>",
	                 r->sim->corp_id, r->at_ms / 1000, r->token, r->open_kfid);
}

/* Signed and encrypted anew for each try. The time of the signature is the real one, whatever the simulator's clock says. */
static int seal(const struct ring *r, const char **url, const char **body, wc_err *e)
{
	const char *plain = plain_of(r), *timestamp = wc_printf(r->a, "%" PRId64, wc_now_ms() / 1000), *nonce = kf_random(r->a, "", 8);
	wc_envelope v;
	wc_slice    encrypt;
	char        signature[41];

	if (wc_envelope_init(&v, r->sim->kf_token, r->sim->kf_aes_key, r->sim->corp_id, e) < 0 ||
	    wc_envelope_close(&v, r->a, (wc_slice){plain, strlen(plain)}, NULL, &encrypt, e) < 0)
		return -1;
	wc_envelope_sign(&v, timestamp, nonce, encrypt, signature);
	*url  = wc_printf(r->a, "%s%cmsg_signature=%s&timestamp=%s&nonce=%s", r->url, strchr(r->url, '?') ? '&' : '?', signature, timestamp, nonce);
	*body = wc_printf(r->a, "<xml><ToUserName><![CDATA[%s]]></ToUserName>%s<Encrypt><![CDATA[%.*s]]></Encrypt></xml>", r->sim->corp_id,
	                  r->sim->kf_agent ? wc_printf(r->a, "<AgentID><![CDATA[%" PRId64 "]]></AgentID>", r->sim->kf_agent) : "",
	                  (int)encrypt.n, encrypt.p);
	return 0;
}

static bool stopping(void *job)
{
	return wc_job_stopping(job);
}

/* Only 200 counts. What it says beside "success" or nothing is noted, and not repeated. */
static void judge(struct ring *r, const wc_http_reply *reply)
{
	r->status = reply->status;
	if (reply->status != 200)
		r->error = wc_printf(r->a, "HTTP %ld; only 200 counts", reply->status);
	else if (reply->body->len && strcmp(reply->body->s, "success"))
		r->error = "answered with 200, but neither with success nor with nothing";
	r->done = reply->status == 200;
}

static int try_once(struct ring *r, wc_err *e)
{
	const char   *url, *body;
	wc_http_reply reply;
	wc_err        why;

	r->error = "";
	if (seal(r, &url, &body, e) < 0)
		return -1;
	if (!wc_http_do(r->a, &(wc_http){.url = url, .headers = (const char *const[]){"Content-Type: text/xml", NULL}, .body = body,
	                                 .body_len = strlen(body), .connect_ms = r->sim->answer_timeout_ms, .total_ms = r->sim->answer_timeout_ms,
	                                 .stop = stopping, .ctx = r->job}, &reply, &why))
		judge(r, &reply);
	else if (why.code == WC_E_STOPPED)
		return wc_fail(e, WC_E_STOPPED, "the simulator is stopping");
	else
		r->error = wc_printf(r->a, "%s", why.text);
	r->tries++;
	return wc_db_exec(NULL, e, "UPDATE simulator_kf_ring SET tries = ?, status = ?, error = ?, done = ? WHERE token = ?", wc_int(r->tries),
	                  wc_int(r->status), wc_text(wc_strndup(r->a, r->error, wc_utf8_cut(r->error, strlen(r->error), 400))), wc_int(r->done),
	                  wc_text(r->token)) < 0 ? -1 : 0;
}

static int pause_ms(const struct ring *r, wc_err *e)
{
	for (int64_t end = wc_mono_ms() + r->sim->retry_pause_ms; wc_mono_ms() < end;) {
		if (wc_job_stopping(r->job))
			return wc_fail(e, WC_E_STOPPED, "the simulator is stopping");
		wc_sleep_ms(50);
	}
	return 0;
}

int kf_ring_run(wc_job *job, const void *self, wc_err *e)
{
	struct ring r = {.job = job, .a = wc_job_arena(job), .sim = self};

	if (load(&r, e) < 0)
		return -1;
	if (!*r.url || !*r.sim->kf_aes_key)     /* nobody is to hear */
		return 0;
	while (!r.done && r.tries < r.sim->tries) {
		if (try_once(&r, e) < 0 || (!r.done && r.tries < r.sim->tries && pause_ms(&r, e) < 0))
			return -1;
	}
	return 0;
}
