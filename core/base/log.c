/* The log: one JSON object a line, written by one write() so that lines of several processes do not mix. */
#include <wecomd/log.h>

#include "base/base.h"

#include <wecomd/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4000     /* below PIPE_BUF, so a line is written whole */

static wc_level            least = WC_INFO;
static const char         *role  = "wecomd";
static _Thread_local char  trace[33];
static const char *const   names[] = {"debug", "info", "warn", "error"};

struct line {
	char   s[LINE_MAX_BYTES];
	size_t len;
};

/* Room for the closing brace and newline always remains. */
static void add(struct line *l, const char *s, size_t n)
{
	size_t room = sizeof l->s - 4 - l->len;

	if (n > room)
		n = room;
	memcpy(l->s + l->len, s, n);
	l->len += n;
}

static void add_quoted(struct line *l, const char *s)
{
	char hex[7];

	add(l, "\"", 1);
	for (; *s && l->len < sizeof l->s - 16; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			add(l, (char[]){'\\', (char)c}, 2);
		} else if (c < 0x20 || c == 0x7f) {
			snprintf(hex, sizeof hex, "\\u%04x", c);
			add(l, hex, 6);
		} else {
			add(l, s, 1);
		}
	}
	add(l, "\"", 1);
}

static void add_member(struct line *l, const char *key, const char *value)
{
	add(l, ",", 1);
	add_quoted(l, key);
	add(l, ":", 1);
	add_quoted(l, value);
}

static void add_number(struct line *l, const char *key, int64_t value)
{
	char text[24];

	add(l, ",", 1);
	add_quoted(l, key);
	add(l, ":", 1);
	add(l, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

static void add_time(struct line *l)
{
	int64_t   ms = wc_now_ms();
	time_t    s  = (time_t)(ms / 1000);
	struct tm tm;
	char      text[48];

	gmtime_r(&s, &tm);
	add(l, text, (size_t)snprintf(text, sizeof text, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
	                              tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	                              (int)(ms % 1000)));
}

void wc_log_line(wc_level level, const char *message, const wc_kv *kv)
{
	struct line l;

	if (level < least)
		return;
	l.len = 0;
	add_time(&l);
	add_member(&l, "level", names[level]);
	add_member(&l, "role", role);
	add_number(&l, "pid", getpid());
	add_member(&l, "message", message);
	if (*trace)
		add_member(&l, "trace_id", trace);
	for (; kv->key; kv++) {
		if (kv->text)
			add_member(&l, kv->key, kv->text);
		else
			add_number(&l, kv->key, kv->number);
	}
	memcpy(l.s + l.len, "}\n", 2);
	(void)!write(2, l.s, l.len + 2);
	wc_count("wecomd_log_lines_total", 1, names[level], NULL);
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

static char file[4096];

/* dup2 changes standard error in one step, for everything that writes there; the file is open for appending, so lines of
 * several processes stand one behind the other. */
static int take_file(const char *path, wc_err *e)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0 || dup2(fd, 2) < 0) {
		wc_fail(e, WC_E_CONFIG, "[log] file = %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

int log_open(const char *path, wc_err *e)
{
	if (!*path)
		return 0;
	if (strlen(path) >= sizeof file)
		return wc_fail(e, WC_E_CONFIG, "[log] file: the path is longer than %zu bytes", sizeof file - 1);
	if (take_file(path, e) < 0)
		return -1;
	strcpy(file, path);
	return 0;
}

int log_reopen(wc_err *e)
{
	return *file ? take_file(file, e) : 0;
}

void wc_log_level(wc_level level)
{
	least = level;
}

void wc_log_role(const char *name)
{
	role = name;
}

const char *wc_trace(void)
{
	return trace;
}

const char *wc_trace_new(void)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char     raw[16];

	if (getrandom(raw, sizeof raw, 0) != sizeof raw)
		memset(raw, 0, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++) {
		trace[2 * i]     = digits[raw[i] >> 4];
		trace[2 * i + 1] = digits[raw[i] & 15];
	}
	return trace;
}

void wc_trace_set(const char *trace_id)
{
	snprintf(trace, sizeof trace, "%s", trace_id ? trace_id : "");
}
