/* Temporary media: a file as multipart/form-data, and a file that comes back, or an error in its place. What comes is written to a file
 * that has no name and goes with the arena, so that twenty megabytes cost no memory. */
#include "wecom/file.h"

#include <wecomd/seal.h>
#include <wecomd/text.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ERROR_MAX 4096     /* an errcode with its errmsg is smaller */
#define NAME_BYTES 200

/* --- up -------------------------------------------------------------------------------------------------------------- */

/* What ends a quoted value or a line has no place in one. */
static const char *quotable(wc_arena *a, const char *name)
{
	char *s = wc_strndup(a, name, wc_utf8_cut(name, strlen(name), NAME_BYTES));

	for (char *p = s; *p; p++)
		if (*p == '"' || *p == '\\' || *p == '/' || (unsigned char)*p < ' ' || *p == 0x7f)
			*p = '_';
	return *s ? s : "file";
}

static int file_size(const char *path, int64_t max, int64_t *size, wc_err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return wc_fail(e, WC_E_NOT_FOUND, "the file to be uploaded is not there");
	*size = st.st_size;
	return *size > max ? wc_fail(e, WC_E_TOO_LARGE, "a file of %lld bytes; %lld may be uploaded", (long long)*size, (long long)max)
	     : *size ? 0 : wc_fail(e, WC_E_ARG, "the file to be uploaded is empty");
}

static int read_whole(const char *path, char *to, size_t n, wc_err *e)
{
	FILE  *f   = fopen(path, "rbe");
	size_t got = f ? fread(to, 1, n, f) : 0;

	if (f)
		fclose(f);
	return got == n ? 0 : wc_fail(e, WC_E_NOT_FOUND, "the file to be uploaded cannot be read");
}

int file_pack(wc_arena *a, const struct wc_upload *up, wc_http *call, wc_err *e)
{
	unsigned char raw[16];
	const char   *boundary, *head, *tail, **headers;
	char         *body;
	size_t        head_n, tail_n;
	int64_t       size = 0;

	if (file_size(up->path, up->max, &size, e) < 0)
		return -1;
	wc_random(raw, sizeof raw);
	boundary = wc_hex(a, raw, sizeof raw);
	head     = wc_printf(a, "--%s\r\nContent-Disposition: form-data; name=\"media\"; filename=\"%s\"; filelength=%lld\r\n"
	                        "Content-Type: application/octet-stream\r\n\r\n", boundary, quotable(a, up->name), (long long)size);
	tail     = wc_printf(a, "\r\n--%s--\r\n", boundary);
	head_n   = strlen(head);
	tail_n   = strlen(tail);
	body     = wc_alloc(a, head_n + (size_t)size + tail_n);
	memcpy(body, head, head_n);
	memcpy(body + head_n + size, tail, tail_n);
	headers        = wc_alloc(a, 2 * sizeof *headers);
	headers[0]     = wc_printf(a, "Content-Type: multipart/form-data; boundary=%s", boundary);
	call->headers  = headers;
	call->body     = body;
	call->body_len = head_n + (size_t)size + tail_n;
	return read_whole(up->path, body + head_n, (size_t)size, e);
}

/* --- down ------------------------------------------------------------------------------------------------------------ */

static int on_data(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct spool *spool = ctx;

	spool->bytes += (int64_t)n;
	return fwrite(p, 1, n, spool->file) == n ? 0 : wc_fail(e, WC_E_INTERNAL, "a download cannot be written to disk: %s", strerror(errno));
}

static void close_file(void *file)
{
	fclose(file);
}

struct spool *file_spool(wc_arena *a, wc_http *call, int64_t max, wc_err *e)
{
	struct spool *spool = wc_alloc(a, sizeof *spool);

	if (!(spool->file = tmpfile())) {
		wc_fail(e, WC_E_INTERNAL, "no file for a download: %s", strerror(errno));
		return NULL;
	}
	wc_defer(a, close_file, spool->file);
	call->on_data  = on_data;
	call->ctx      = spool;
	call->max_body = (size_t)max;
	return spool;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* What is percent-encoded UTF-8; anything else stays as it is. */
static const char *decoded(wc_arena *a, const char *s)
{
	char *out = wc_alloc(a, strlen(s) + 1), *to = out;

	for (const char *from = s; *from; from++) {
		bool coded = *from == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0;

		*to++ = coded ? (char)(hex_digit(from[1]) << 4 | hex_digit(from[2])) : *from;
		from += coded ? 2 : 0;
	}
	return wc_utf8_valid(out, strlen(out)) ? out : s;
}

static const char *parameter(wc_arena *a, const char *disposition, const char *name)
{
	const char *at = strstr(disposition, name);

	if (!at)
		return NULL;
	at += strlen(name);
	return *at == '"' ? wc_strndup(a, at + 1, strcspn(at + 1, "\"")) : wc_strndup(a, at, strcspn(at, "; "));
}

/* The name within Content-Disposition (RFC 6266), hostile. */
static const char *name_in(wc_arena *a, const char *disposition)
{
	const char *name = parameter(a, disposition, "filename*=");

	if (name && (name = strchr(name, '\'')) && (name = strchr(name + 1, '\'')))
		return decoded(a, name + 1);
	name = parameter(a, disposition, "filename=");
	return name ? decoded(a, name) : "";
}

/* A customer may send a JSON file: it comes with a name, an error without. */
static bool is_error(struct spool *spool, wc_http_reply *reply)
{
	char   text[ERROR_MAX];
	size_t n;

	if (spool->bytes > ERROR_MAX || *reply->disposition)
		return false;
	rewind(spool->file);
	n = fread(text, 1, sizeof text, spool->file);
	if (n && *text != '{')
		return false;
	wc_buf_add(reply->body, text, n);
	return true;
}

bool file_take(wc_arena *a, struct spool *spool, wc_http_reply *reply, struct wc_download *down)
{
	if (fflush(spool->file) || reply->status != 200 || is_error(spool, reply))
		return false;
	rewind(spool->file);
	down->file         = spool->file;
	down->bytes        = spool->bytes;
	down->name         = name_in(a, reply->disposition);
	down->content_type = reply->content_type;
	return true;
}
