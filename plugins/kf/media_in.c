/* Files that customers sent: WeCom keeps them for three days, so they are fetched at once. What cannot be had is said in the log; the message
 * stands without it. */
#include "kf.h"

#include <string.h>

static int store(wc_arena *a, const wc_download *d, int64_t customer, int64_t *media, wc_err *e)
{
	wc_media_writer *w = wc_media_begin(a, *d->name ? d->name : "file", e);
	char             piece[16384];
	size_t           n;

	if (!w)
		return -1;
	while ((n = fread(piece, 1, sizeof piece, d->file)) > 0)
		if (wc_media_write(w, piece, n, e) < 0)
			return -1;
	if (ferror(d->file))
		return wc_fail(e, WC_E_INTERNAL, "a download cannot be read back");
	return (*media = wc_media_keep(w, customer, e)) < 0 ? -1 : 0;
}

static int lost(const json_t *args, const char *why, int64_t errcode)
{
	wc_log(WC_WARN, "a file of a customer could not be had", wc_kv_i("message", json_integer_value(json_object_get(args, "message"))), wc_kv_s("why", why),
	       wc_kv_i("errcode", errcode));
	wc_count("wecomd_kf_media_total", 1, "in", "lost", NULL);
	return 0;
}

int media_run(wc_job *job, const void *self, wc_err *e)
{
	const struct kf *kf   = self;
	wc_arena        *a    = wc_job_arena(job);
	const json_t    *args = wc_job_args(job);
	wc_download      d    = {.max = kf->media_max};
	struct account   acc;
	wc_answer        answer;
	int64_t          media = 0;

	if (account_find(a, wc_json_str(args, "account"), &acc, e) < 0)
		return e->code == WC_E_NOT_FOUND ? 0 : -1;
	if (wc_wecom_download(a, acc.secret, wc_json_str(args, "media"), &d, &answer, e) < 0)
		return -1;
	if (answer.class == WC_ANSWER_PERMANENT)
		return lost(args, answer.errcode == -2 ? "it is too large, or no answer that makes sense" : "WeCom refuses", answer.errcode);
	if (answer.class != WC_ANSWER_OK)
		return wc_job_last_attempt(job) ? lost(args, "no answer", answer.errcode)
		                                : wc_fail(e, WC_E_REMOTE, "media.get: errcode %lld, again later", (long long)answer.errcode);
	if (store(a, &d, json_integer_value(json_object_get(args, "customer")), &media, e) < 0)
		return e->code == WC_E_TOO_LARGE ? lost(args, "it is too large", 0) : e->code == WC_E_NOT_FOUND ? 0 : -1;
	wc_count("wecomd_kf_media_total", 1, "in", "stored", NULL);
	return wc_message_media(NULL, json_integer_value(json_object_get(args, "message")), media, e);
}
