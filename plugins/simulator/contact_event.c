/* Events of customer contact: XML in the envelope, delivered in their order, up to some tries, as WeCom does. */
#include "contact.h"

#include "callback.h"

#include <inttypes.h>
#include <string.h>

int contact_tell(wc_db *db, wc_arena *a, const struct simulator *sim, const char *event, const char *inner, wc_err *e)
{
	const char *xml;
	wc_rows     rows;

	if (!*sim->contact_token)
		return 0;
	xml = wc_printf(a, "<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>%" PRId64
	                "</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[%s]]></Event>%s</xml>", sim->corp_id, wc_now_ms() / 1000,
	                event, inner);
	if (wc_db_query(db, a, &rows, e, "INSERT INTO simulator_contact_event (xml, at_ms) VALUES (?, ?) RETURNING id", wc_text(xml),
	                wc_int(wc_now_ms())) < 0)
		return -1;
	return wc_job_add(db, &(wc_job_spec){.kind = "simulator.contact", .lane = "contact",
	                                     .key  = wc_printf(a, "contact/%s", wc_row_text(&rows, 0, 0)),
	                                     .args = wc_json(a, "{s:I}", "event", (json_int_t)wc_row_int(&rows, 0, 0))}, e) < 0 ? -1 : 0;
}

static const char *url_of(const struct simulator *sim, wc_arena *a)
{
	return *sim->contact_callback == '/' ? wc_printf(a, "%s%s", sim->callback_base, sim->contact_callback) : sim->contact_callback;
}

static int seal(wc_arena *a, const struct simulator *sim, const char *xml, const char **url, const char **body, wc_err *e)
{
	const char *timestamp = wc_printf(a, "%" PRId64, wc_now_ms() / 1000), *nonce = callback_random(a, 8);
	char        signature[41];
	wc_envelope envelope;
	wc_slice    encrypt;

	if (wc_envelope_init(&envelope, sim->contact_token, sim->contact_aes_key, sim->corp_id, e) < 0 ||
	    wc_envelope_close(&envelope, a, (wc_slice){xml, strlen(xml)}, NULL, &encrypt, e) < 0)
		return -1;
	wc_envelope_sign(&envelope, timestamp, nonce, encrypt, signature);
	*url  = wc_printf(a, "%s?msg_signature=%s&timestamp=%s&nonce=%s", url_of(sim, a), signature, timestamp, nonce);
	*body = wc_printf(a, "<xml><ToUserName><![CDATA[%s]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt><AgentID><![CDATA[]]></AgentID></xml>",
	                  sim->corp_id, encrypt.p);
	return 0;
}

/* HTTP status, 0: no answer; -1 with *e only when nothing can be sent. */
static long send_once(wc_arena *a, const struct simulator *sim, const char *xml, wc_err *e)
{
	wc_http       call = {.headers = (const char *const[]){"Content-Type: text/xml", NULL}, .connect_ms = sim->answer_timeout_ms,
	                      .total_ms = sim->answer_timeout_ms};
	wc_http_reply reply;
	wc_err        why;

	if (seal(a, sim, xml, &call.url, &call.body, e) < 0)
		return -1;
	call.body_len = strlen(call.body);
	return wc_http_do(a, &call, &reply, &why) < 0 ? 0 : reply.status;
}

int contact_event_run(wc_job *job, const void *self, wc_err *e)
{
	const struct simulator *sim = self;
	wc_arena               *a   = wc_job_arena(job);
	wc_val                  id  = wc_int(json_integer_value(json_object_get(wc_job_args(job), "event")));
	wc_rows                 rows;
	long                    status = 0;

	if (wc_db_query(NULL, a, &rows, e, "SELECT xml, tries FROM simulator_contact_event WHERE id = ?", id) < 0)
		return -1;
	for (int64_t tries = rows.n ? wc_row_int(&rows, 0, 1) : sim->tries; status != 200 && tries < sim->tries; tries++) {
		if (tries)
			wc_sleep_ms(sim->retry_pause_ms);
		if (wc_job_stopping(job))
			return wc_fail(e, WC_E_STOPPED, "the simulator is stopping");
		if ((status = send_once(a, sim, wc_row_text(&rows, 0, 0), e)) < 0 ||
		    wc_db_exec(NULL, e, "UPDATE simulator_contact_event SET tries = ?, status = ? WHERE id = ?", wc_int(tries + 1), wc_int(status), id) < 0)
			return -1;
	}
	return 0;
}
