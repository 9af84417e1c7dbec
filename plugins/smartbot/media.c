/* Pictures and files that people send: fetched from WeCom's object store while their URL lives, opened with the bot's key, and looked at
 * before anything believes what they claim to be. */
#include "smartbot.h"

#include <fnmatch.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 200

/* Host and, where it is not the scheme's own, port. NULL for a URL of any other form than scheme://host[:port]/…, for what two parsers could
 * read in two ways is refused. */
static const char *host_of(wc_arena *a, const char *url)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
	const char       *host      = !strncmp(url, "https://", 8) ? url + 8 : !strncmp(url, "http://", 7) ? url + 7 : NULL;
	const char       *standard  = host == url + 8 ? ":443" : ":80";
	size_t            n         = host ? strspn(host, allowed) : 0;

	if (!n || host[n] != '/' || strlen(url) > 4000)
		return NULL;
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p == '\\' || *p == 0x7f)
			return NULL;
	if (n > strlen(standard) && !strncmp(host + n - strlen(standard), standard, strlen(standard)))
		n -= strlen(standard);
	return wc_strndup(a, host, n);
}

bool media_host_allowed(const char *hosts, const char *url, bool *private_too)
{
	wc_arena   *a       = wc_arena_new();
	const char *host    = host_of(a, url);
	bool        allowed = false;

	while (host && *hosts && !allowed) {
		size_t      n       = strcspn(hosts, "|");
		const char *pattern = wc_strndup(a, hosts, n);

		*private_too = !strncmp(pattern, "private:", 8);
		allowed      = !fnmatch(pattern + (*private_too ? 8 : 0), host, FNM_CASEFOLD | FNM_NOESCAPE);
		hosts += n + (hosts[n] == '|');
	}
	wc_arena_free(a);
	return allowed;
}

static bool stopping(void *job)
{
	return wc_job_stopping(job);
}

static int read_reply(const wc_http_reply *reply, int64_t max, wc_err *e)
{
	long status = reply->status;

	if (status == 200)
		return reply->body->len > (size_t)max + 32 ? wc_fail(e, WC_E_TOO_LARGE, "a file over its bound") : 0;
	if (status == 403 || status == 404 || status == 410)
		return wc_fail(e, WC_E_NOT_FOUND, "the file's URL has expired: answered %ld", status);
	if (status >= 300 && status < 400)
		return wc_fail(e, WC_E_DENIED, "the file's URL leads elsewhere: answered %ld", status);
	return wc_fail(e, status >= 500 || status == 429 ? WC_E_REMOTE : WC_E_REFUSED, "the file store answered %ld", status);
}

/* "filename=" in its two forms (RFC 6266); the plain one is taken as UTF-8 where it is. */
static const char *parameter(wc_arena *a, const char *s, const char *name)
{
	for (const char *p = s; (p = strcasestr(p, name)); p++) {
		const char *value = p + strlen(name);

		if (p != s && !strchr("; \t", p[-1]))
			continue;
		if (*value == '"')
			return wc_strndup(a, value + 1, strcspn(value + 1, "\""));
		return wc_strndup(a, value, strcspn(value, "; \t"));
	}
	return NULL;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static const char *percent_decoded(wc_arena *a, const char *s)
{
	char *out = wc_alloc(a, strlen(s) + 1), *to = out;

	for (; *s; s++) {
		if (*s == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
			*to++ = (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	return out;
}

const char *media_file_name(wc_arena *a, const char *disposition)
{
	const char *name = parameter(a, disposition, "filename*="), *slash;
	char       *clean;

	if (name && (name = strchr(name, '\'')) && (name = strchr(name + 1, '\'')))
		name = percent_decoded(a, name + 1);
	else if ((name = parameter(a, disposition, "filename=")))
		name = percent_decoded(a, name);
	if (!name || !wc_utf8_valid(name, strlen(name)))
		return "";
	while ((slash = strpbrk(name, "/\\")))
		name = slash + 1;
	clean = wc_strndup(a, name, wc_utf8_cut(name, strlen(name), NAME_MAX_BYTES));
	/* It stands in prompts and answers: no marks, no Markdown. */
	for (char *p = clean; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
		else if (strchr("<>`*[]|#", *p))
			*p = '_';
	return clean;
}

int media_fetch(wc_job *job, wc_arena *a, const struct smartbot *self, const struct bot *bot, const char *url, int64_t max, struct media *m,
                wc_err *e)
{
	wc_http       call = {.total_ms = 60000, .connect_ms = 5000, .idle_ms = 10000, .max_body = (size_t)max + 64, .stop = stopping, .ctx = job};
	wc_http_reply reply;
	wc_envelope   key;
	bool          private_too;
	size_t        n = strlen(url);

	wc_text_trim(&url, &n);     /* the documented sample ends with a blank */
	call.url = url = wc_strndup(a, url, n);
	if (!media_host_allowed(self->media_hosts, url, &private_too))
		return wc_fail(e, WC_E_DENIED, "the file's host is not among media_hosts");
	call.public_only = !private_too;
	if (wc_http_do(a, &call, &reply, e) < 0 || read_reply(&reply, max, e) < 0 ||
	    wc_envelope_init(&key, bot->token, bot->aes_key, "", e) < 0 ||
	    wc_media_open(&key, a, (wc_slice){reply.body->s, reply.body->len}, &m->bytes, e) < 0)
		return wc_wrap(e, "media");
	m->name = media_file_name(a, reply.disposition);
	return 0;
}

const char *media_picture_type(wc_slice b)
{
	static const struct { const char *magic; size_t n, at; const char *type; } known[] = {
		{"\xff\xd8\xff", 3, 0, "image/jpeg"}, {"\x89PNG\r\n\x1a\n", 8, 0, "image/png"}, {"GIF8", 4, 0, "image/gif"}, {"WEBP", 4, 8, "image/webp"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (b.n >= known[i].at + known[i].n && !memcmp(b.p + known[i].at, known[i].magic, known[i].n))
			return known[i].type;
	return NULL;
}

static bool is_text(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' && !strchr("\t\n\r\f", s[i]))
			return false;
	return !memchr(s, 0, n) && wc_utf8_valid(s, n);
}

/* Spreadsheets on Windows write CSV in GBK. */
static const char *from_gb18030(wc_arena *a, wc_slice b)
{
	iconv_t cd   = iconv_open("UTF-8", "GB18030");
	size_t  room = 2 * b.n + 16, left = b.n;
	char   *out = wc_alloc(a, room + 1), *to = out, *in = (char *)b.p;
	bool    whole;

	if (cd == (iconv_t)-1)
		return NULL;
	whole = iconv(cd, &in, &left, &to, &room) != (size_t)-1;
	iconv_close(cd);
	return whole && is_text(out, (size_t)(to - out)) ? out : NULL;
}

static bool has_text_name(const char *name)
{
	static const char *const ends[] = {".txt", ".md", ".markdown", ".csv", ".tsv", ".log", ".json", ".yaml", ".yml", ".xml", ".html", ".ini", ".conf"};
	const char              *dot    = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
		if (!strcasecmp(dot, ends[i]))
			return true;
	return !*name;     /* without a name the bytes decide */
}

const char *media_text(wc_arena *a, const struct media *m)
{
	wc_slice b = m->bytes;

	if (!has_text_name(m->name))
		return NULL;
	if (b.n >= 3 && !memcmp(b.p, "\xef\xbb\xbf", 3))
		b = (wc_slice){b.p + 3, b.n - 3};
	return is_text(b.p, b.n) ? wc_strndup(a, b.p, b.n) : from_gb18030(a, b);
}
