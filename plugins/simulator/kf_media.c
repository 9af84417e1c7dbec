/* Temporary media: media/upload and media/get (doc/90253, doc/90254), for three days, shared by all apps. What customers send lies here too. */
#include "kf.h"
#include "kf_api.h"
#include "kf_people.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE (1u << 20)
#define MB    (1024 * 1024)

/* --- keeping ---------------------------------------------------------------------------------------------------------------------- */

int kf_media_keep(wc_db *db, wc_arena *a, const char *type, const char *name, wc_slice bytes, int64_t now, const char **media_id, wc_err *e)
{
	*media_id = kf_random(a, "3a", 31);
	if (wc_db_exec(db, e, "INSERT INTO simulator_upload (media_id, type, name, bytes, created_ms) VALUES (?, ?, ?, ?, ?)", wc_text(*media_id),
	               wc_text(type), wc_text(name), wc_int((int64_t)bytes.n), wc_int(now)) < 0)
		return -1;
	for (size_t at = 0, no = 0; at < bytes.n; at += PIECE, no++) {
		size_t n = bytes.n - at < PIECE ? bytes.n - at : PIECE;

		if (wc_db_exec(db, e, "INSERT INTO simulator_upload_piece (media_id, no, piece) VALUES (?, ?, ?)", wc_text(*media_id),
		               wc_int((int64_t)no), wc_bytes(bytes.p + at, n)) < 0)
			return -1;
	}
	return 0;
}

int64_t kf_media_check(wc_db *db, wc_arena *a, const char *media_id, const char *type, int64_t now, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(db, a, &rows, e, "SELECT type FROM simulator_upload WHERE media_id = ? AND created_ms > ?", wc_text(media_id),
	                wc_int(now - KF_KEEP_MS)) < 0)
		return -1;
	if (!rows.n)
		return 40007;
	return type && strcmp(wc_row_text(&rows, 0, 0), type) ? 40004 : 0;
}

/* --- multipart ----------------------------------------------------------------------------------------------------------------------- */

struct upload {
	const char *name;
	wc_slice    bytes;
};

static const char *find(const char *p, size_t n, const char *what, size_t len)
{
	return memmem(p, n, what, len);
}

/* The value of boundary= in the Content-Type; NULL when it is not multipart/form-data. */
static const char *boundary_of(wc_arena *a, const char *type)
{
	const char *at;
	size_t      n;

	if (!type || strncasecmp(type, "multipart/form-data", 19) || !(at = strcasestr(type, "boundary=")))
		return NULL;
	at += 9;
	at += *at == '"';
	n = strcspn(at, "\";");
	return n < 1 || n > 70 ? NULL : wc_strndup(a, at, n);
}

/* A parameter of Content-Disposition such as name="media"; NULL: absent. */
static const char *parameter(wc_arena *a, const char *head, const char *name)
{
	const char *at = strcasestr(head, wc_printf(a, "; %s=", name));
	size_t      n;

	if (!at && !(at = strcasestr(head, wc_printf(a, ";%s=", name))))
		return NULL;
	at = strchr(at, '=') + 1;
	if (*at == '"') {
		n = strcspn(++at, "\"");
		return wc_strndup(a, at, n);
	}
	return wc_strndup(a, at, strcspn(at, "; \r\n"));
}

/* The part named media, with a file name. false: there is none. */
static bool find_media(wc_arena *a, wc_slice raw, const char *boundary, struct upload *up)
{
	const char *mark = wc_printf(a, "--%s", boundary), *end = raw.p + raw.n, *p = find(raw.p, raw.n, mark, strlen(mark)), *body, *next, *head;

	for (; p; p = next) {
		p += strlen(mark);
		if (!(body = find(p, (size_t)(end - p), "\r\n\r\n", 4)))
			return false;
		head = wc_strndup(a, p, (size_t)(body - p));
		body += 4;
		mark = wc_printf(a, "\r\n--%s", boundary);
		if (!(next = find(body, (size_t)(end - body), mark, strlen(mark))))
			return false;
		if (parameter(a, head, "name") && !strcmp(parameter(a, head, "name"), "media") && parameter(a, head, "filename")) {
			*up = (struct upload){parameter(a, head, "filename"), {body, (size_t)(next - body)}};
			return true;
		}
	}
	return false;
}

/* --- what the bytes are ---------------------------------------------------------------------------------------------------------------- */

static bool begins(wc_slice bytes, const char *magic, size_t n)
{
	return bytes.n >= n && !memcmp(bytes.p, magic, n);
}

static bool is_image(wc_slice bytes)
{
	return begins(bytes, "\xff\xd8\xff", 3) || begins(bytes, "\x89PNG\r\n\x1a\n", 8);
}

/* 20 ms each; -1: it is no AMR. */
static int64_t amr_ms(wc_slice bytes)
{
	static const int sizes[16] = {13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1};
	int64_t          frames    = 0;

	if (!begins(bytes, "#!AMR\n", 6))
		return -1;
	for (size_t at = 6; at < bytes.n; at += (size_t)sizes[(bytes.p[at] >> 3) & 15])
		frames++;
	return frames * 20;
}

static bool is_mp4(wc_slice bytes)
{
	return bytes.n >= 12 && !memcmp(bytes.p + 4, "ftyp", 4);
}

/* 0, or the errcode. */
static int64_t check_bytes(const char *type, wc_slice bytes)
{
	size_t most = !strcmp(type, "voice") ? 2 * MB : !strcmp(type, "file") ? 20 * MB : 10 * MB;

	if (bytes.n <= 5)
		return 40006;
	if (!strcmp(type, "image"))
		return bytes.n > most ? 40009 : is_image(bytes) ? 0 : 40004;
	if (!strcmp(type, "voice"))
		return bytes.n > most ? 40010 : amr_ms(bytes) < 0 ? 40004 : amr_ms(bytes) > 60000 ? 40010 : 0;
	if (!strcmp(type, "video"))
		return bytes.n > most ? 40011 : is_mp4(bytes) ? 0 : 40004;
	return bytes.n > most ? 40006 : 0;
}

/* --- upload ------------------------------------------------------------------------------------------------------------------------------ */

struct keeping {
	struct cgi_call *c;
	const char      *type, *media_id;
	struct upload    up;
	int64_t          now;
};

static int keep(wc_db *db, void *arg, wc_err *e)
{
	struct keeping *k = arg;

	return kf_media_keep(db, k->c->a, k->type, wc_strndup(k->c->a, k->up.name, wc_utf8_cut(k->up.name, strlen(k->up.name), 200)), k->up.bytes,
	                     k->now, &k->media_id, e);
}

static int upload(struct cgi_call *c, wc_err *e)
{
	const char    *boundary = boundary_of(c->a, wc_header(c->rq, "Content-Type")), *type = wc_query_param(c->rq, "type");
	struct keeping k        = {.c = c, .type = type};
	int64_t        errcode;

	if (!type || !*type || !kf_in_list("image|voice|video|file", type))
		return cgi_refuse(c, 40005, "invalid file type");
	if (!boundary || !find_media(c->a, wc_raw_body(c->rq), boundary, &k.up))
		return cgi_refuse(c, 41005, "media data missing");
	if (!*k.up.name || !wc_utf8_valid(k.up.name, strlen(k.up.name)))
		return cgi_refuse(c, 40058, "invalid filename");
	if ((errcode = check_bytes(type, k.up.bytes)))
		return cgi_refuse(c, errcode, "invalid media type or size");
	if (kf_now(c->a, &k.now, e) < 0 || wc_db_tx(keep, &k, e) < 0)
		return -1;
	c->answer = wc_json(c->a, "{s:s, s:s, s:o}", "type", type, "media_id", k.media_id, "created_at",
	                    json_string(wc_printf(c->a, "%" PRId64, k.now / 1000)));
	return 0;
}

int kf_media_upload(wc_request *rq, const void *self) { return cgi_run(rq, self, "media/upload", true, upload); }

/* --- get --------------------------------------------------------------------------------------------------------------------------------- */

static const char *disposition(wc_arena *a, const char *name)
{
	wc_buf *b = wc_buf_new(a, 4 * 256);

	for (; *name; name++) {
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.", *name))
			wc_buf_addc(b, *name);
		else
			wc_buf_addf(b, "%%%02X", (unsigned char)*name);
	}
	return wc_printf(a, "attachment; filename=\"%s\"; filename*=UTF-8''%s", b->s, b->s);
}

static int read_bytes(wc_arena *a, const char *media_id, size_t n, wc_slice *bytes, wc_err *e)
{
	char   *p  = wc_alloc(a, n + 1);
	size_t  at = 0;
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT piece FROM simulator_upload_piece WHERE media_id = ? ORDER BY no", wc_text(media_id)) < 0)
		return -1;
	for (size_t i = 0; i < rows.n && at + wc_row_cell(&rows, i, 0).n <= n; i++) {
		memcpy(p + at, wc_row_cell(&rows, i, 0).s, wc_row_cell(&rows, i, 0).n);
		at += wc_row_cell(&rows, i, 0).n;
	}
	*bytes = (wc_slice){p, at};
	return 0;
}

/* "bytes=0-99", one range; what is none is ignored. */
static void take_range(struct cgi_call *c, const char *range)
{
	size_t n = c->bytes.n, from, to;
	char  *end;

	if (!range || strncmp(range, "bytes=", 6) || range[6] < '0' || range[6] > '9')
		return;
	from = strtoull(range + 6, &end, 10);
	if (*end != '-')
		return;
	to = end[1] ? strtoull(end + 1, &end, 10) : n - 1;
	to = to < n ? to : n - 1;
	if (from > to)
		return;
	wc_reply_header(c->rq, "Content-Range", wc_printf(c->a, "bytes %zu-%zu/%zu", from, to, n));
	c->bytes  = (wc_slice){c->bytes.p + from, to - from + 1};
	c->status = 206;
}

static const char *content_type(const char *type, wc_slice bytes)
{
	return !strcmp(type, "voice") ? "audio/amr"
	     : !strcmp(type, "video") ? "video/mp4"
	     : !strcmp(type, "image") ? (begins(bytes, "\x89PNG", 4) ? "image/png" : "image/jpeg")
	                              : "application/octet-stream";
}

static int get(struct cgi_call *c, wc_err *e)
{
	const char *media_id = wc_query_param(c->rq, "media_id");
	int64_t     now;
	wc_rows     rows;

	if (!media_id || !*media_id)
		return cgi_refuse(c, 41006, "media_id missing");
	if (kf_now(c->a, &now, e) < 0 ||
	    wc_db_query(NULL, c->a, &rows, e, "SELECT type, name, bytes FROM simulator_upload WHERE media_id = ? AND created_ms > ?", wc_text(media_id),
	                wc_int(now - KF_KEEP_MS)) < 0)
		return -1;
	if (!rows.n)
		return cgi_refuse(c, 40007, "invalid media_id");
	if (read_bytes(c->a, media_id, (size_t)wc_row_int(&rows, 0, 2), &c->bytes, e) < 0)
		return -1;
	c->type = content_type(wc_row_text(&rows, 0, 0), c->bytes);
	wc_reply_header(c->rq, "Content-Disposition", disposition(c->a, wc_row_text(&rows, 0, 1)));
	wc_reply_header(c->rq, "Accept-Ranges", "bytes");
	take_range(c, wc_header(c->rq, "Range"));
	return 0;
}

int kf_media_get(wc_request *rq, const void *self) { return cgi_run(rq, self, "media/get", true, get); }

/* --- for the phone ----------------------------------------------------------------------------------------------------------------------- */

int kf_media_show(wc_request *rq, const void *self)
{
	wc_arena *a = wc_request_arena(rq);
	wc_slice  bytes;
	wc_rows   rows;
	wc_err    e;

	(void)self;
	if (wc_db_query(NULL, a, &rows, &e, "SELECT type, name, bytes FROM simulator_upload WHERE media_id = ?", wc_text(wc_path_param(rq, "id"))) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "there is no such file");
	if (read_bytes(a, wc_path_param(rq, "id"), (size_t)wc_row_int(&rows, 0, 2), &bytes, &e) < 0)
		return wc_reply_err(rq, &e);
	wc_reply_header(rq, "Content-Disposition", disposition(a, wc_row_text(&rows, 0, 1)));
	return wc_reply_bytes(rq, 200, content_type(wc_row_text(&rows, 0, 0), bytes), bytes);
}
