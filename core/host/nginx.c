/* nginx's configuration, read for fastcgi_keep_conn alone.
 *
 * A connection that nginx keeps takes a thread here until nginx closes it. When as many are kept as there are threads, requests on new
 * connections wait for idle ones; and where we give an idle connection up before nginx does, a request that is just being sent is lost. */
#include "host/nginx.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)
#define FILES_MAX      200
#define DEPTH_MAX      32
#define WORDS_MAX      64
#define KEPT_MS        60000     /* keepalive_timeout of an upstream, where it does not say */

struct directive {
	const char       *word[WORDS_MAX + 1];     /* name and arguments, NULL at the end */
	struct directive *inside;                  /* of a block; NULL: it is none, or empty */
	const char       *file;
	int               line;
	struct directive *next;
};

struct reader {
	wc_arena   *a;
	const char *folder;      /* of the main file: includes are relative to it */
	const char *file, *at;
	int         line, depth;
	int        *files;       /* how many were read */
};

/* --- words ---------------------------------------------------------------------------------------------------------- */

static void skip_space(struct reader *r)
{
	while (*r->at && strchr(" \t\r\n#", *r->at)) {
		if (*r->at == '#')
			r->at += strcspn(r->at, "\n");
		else
			r->line += *r->at++ == '\n';
	}
}

static const char *quoted(struct reader *r)
{
	char        quote = *r->at++;
	const char *from  = r->at;
	size_t      n;

	for (; *r->at && *r->at != quote; r->at++) {
		if (*r->at == '\\' && r->at[1])
			r->at++;
		r->line += *r->at == '\n';
	}
	n = (size_t)(r->at - from);
	r->at += *r->at != 0;
	return wc_strndup(r->a, from, n);
}

static const char *plain(struct reader *r)
{
	const char *from = r->at;

	while (*r->at && !strchr(" \t\r\n;{}", *r->at)) {
		/* ${name} is part of a word. */
		if (r->at[0] == '$' && r->at[1] == '{')
			r->at += strcspn(r->at, "}\n");
		r->at += *r->at != 0;
	}
	return wc_strndup(r->a, from, (size_t)(r->at - from));
}

/* --- blocks --------------------------------------------------------------------------------------------------------- */

static struct directive **read_block(struct reader *r, struct directive **tail);

/* Reads words up to ';', '{' or '}', and returns which it was; 0 at the end. */
static char read_words(struct reader *r, struct directive *d)
{
	size_t n = 0;

	for (skip_space(r); *r->at; skip_space(r)) {
		const char *word;

		if (strchr(";{}", *r->at))
			return *r->at++;
		if (!n) {
			d->file = r->file;
			d->line = r->line;
		}
		word = *r->at == '"' || *r->at == '\'' ? quoted(r) : plain(r);
		if (n < WORDS_MAX)
			d->word[n++] = word;
	}
	return 0;
}

static char *read_whole(wc_arena *a, const char *file)
{
	char  *text = NULL;
	FILE  *f    = fopen(file, "re");
	size_t n;

	if (!f)
		return NULL;
	text    = wc_alloc(a, FILE_MAX_BYTES + 1);
	n       = fread(text, 1, FILE_MAX_BYTES, f);
	text[n] = 0;
	fclose(f);
	return text;
}

static struct directive **read_file(struct reader *from, const char *file, struct directive **tail)
{
	struct reader r = *from;

	if (++*r.files > FILES_MAX || ++r.depth > DEPTH_MAX || !(r.at = read_whole(r.a, file)))
		return tail;
	r.file = wc_strdup(r.a, file);
	r.line = 1;
	return read_block(&r, tail);
}

static struct directive **include(struct reader *r, const char *pattern, struct directive **tail)
{
	const char *path = *pattern == '/' ? pattern : wc_printf(r->a, "%s/%s", r->folder, pattern);
	glob_t      found;

	if (glob(path, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			tail = read_file(r, found.gl_pathv[i], tail);
	globfree(&found);
	return tail;
}

/* Appends the directives up to the block's end; returns the new tail. */
static struct directive **read_block(struct reader *r, struct directive **tail)
{
	char end;

	do {
		struct directive *d = wc_alloc(r->a, sizeof *d);

		end = read_words(r, d);
		if (end == '{' && ++r->depth <= DEPTH_MAX) {
			read_block(r, &d->inside);
			r->depth--;
		}
		if (!d->word[0])
			continue;
		if (end == ';' && !strcmp(d->word[0], "include") && d->word[1]) {
			tail = include(r, d->word[1], tail);
			continue;
		}
		*tail = d;
		tail  = &d->next;
	} while (end && end != '}');
	return tail;
}

static const struct directive *find(const struct directive *list, const char *name)
{
	for (; list; list = list->next)
		if (!strcmp(list->word[0], name) && list->word[1])
			return list;
	return NULL;
}

/* --- what is kept --------------------------------------------------------------------------------------------------- */

struct keeping {
	const struct directive    *all;
	const struct web_settings *web;
	int64_t                    workers;
	struct problems           *warnings;
};

static bool is_ours(const char *server, const char *listen)
{
	const char *port = strrchr(listen, ':'), *theirs = strrchr(server, ':');

	if (!strncmp(server, "unix:", 5) || !strncmp(listen, "unix:", 5))
		return !strcmp(server, listen);
	return port && theirs && !strcmp(port, theirs);
}

static bool leads_to_us(const struct directive *upstream, const struct web_settings *web)
{
	for (const struct directive *d = upstream->inside; d; d = d->next)
		if (!strcmp(d->word[0], "server") && d->word[1] && is_ours(d->word[1], web->listen))
			return true;
	return false;
}

/* "2s", "1m", "500ms", "60": milliseconds. */
static int64_t time_ms(const char *text)
{
	char   *unit;
	int64_t n = strtoll(text, &unit, 10);

	return !strcmp(unit, "ms") ? n : *unit == 'm' ? n * 60000 : *unit == 'h' ? n * 3600000 : *unit == 'd' ? n * 86400000 : n * 1000;
}

static void check_upstream(const struct keeping *k, const struct directive *upstream)
{
	const struct directive *kept = find(upstream->inside, "keepalive"), *timeout = find(upstream->inside, "keepalive_timeout");
	int64_t                 n       = kept ? strtoll(kept->word[1], NULL, 10) : 0;
	int64_t                 threads = k->web->processes * k->web->threads, idle_ms = timeout ? time_ms(timeout->word[1]) : KEPT_MS;

	if (!kept || !leads_to_us(upstream, k->web))
		return;
	if (n * k->workers >= threads)
		problem_add(k->warnings, "%s:%d: with fastcgi_keep_conn, keepalive %" PRId64 " of %" PRId64 " worker processes keeps up to %" PRId64
		            " connections, and [web] has %" PRId64 " threads: requests wait for idle connections; keep fewer, or have more threads",
		            kept->file, kept->line, n, k->workers, n * k->workers, threads);
	if (idle_ms >= k->web->io_timeout_ms)
		problem_add(k->warnings, "%s:%d: with fastcgi_keep_conn, nginx keeps an idle connection for %" PRId64 " ms, and [web] io_timeout ends it"
		            " after %" PRId64 " ms: a request that is just being sent is lost; set keepalive_timeout 2s in the upstream",
		            (timeout ? timeout : kept)->file, (timeout ? timeout : kept)->line, idle_ms, k->web->io_timeout_ms);
}

static bool is_on(const struct directive *setting, bool otherwise)
{
	return setting ? !strcmp(setting->word[1], "on") : otherwise;
}

/* Whether a fastcgi_pass to the upstream is under fastcgi_keep_conn on; a block takes what it does not say from the one around it. */
static bool is_kept(const struct directive *list, const char *upstream, bool around)
{
	bool                    keep = is_on(find(list, "fastcgi_keep_conn"), around);
	const struct directive *pass = find(list, "fastcgi_pass");

	if (keep && pass && !strcmp(pass->word[1], upstream))
		return true;
	for (const struct directive *d = list; d; d = d->next)
		if (d->inside && is_kept(d->inside, upstream, keep))
			return true;
	return false;
}

static void check_block(const struct keeping *k, const struct directive *list)
{
	for (const struct directive *d = list; d; d = d->next) {
		if (!strcmp(d->word[0], "upstream") && d->word[1] && is_kept(k->all, d->word[1], false))
			check_upstream(k, d);
		else if (!strcmp(d->word[0], "http"))
			check_block(k, d->inside);
	}
}

static int64_t worker_processes(const struct directive *all)
{
	const struct directive *d = find(all, "worker_processes");

	if (d && !strcmp(d->word[1], "auto"))
		return sysconf(_SC_NPROCESSORS_ONLN);
	return d ? strtoll(d->word[1], NULL, 10) : 1;
}

int nginx_check(const char *file, const struct web_settings *web, struct problems *warnings)
{
	const char       *slash = strrchr(file, '/');
	int               files = 0;
	struct directive *all   = NULL;
	struct reader     r     = {.a = warnings->arena, .files = &files, .folder = slash ? wc_strndup(warnings->arena, file, (size_t)(slash - file)) : "."};

	if (access(file, R_OK) < 0)
		return -1;
	read_file(&r, file, &all);
	check_block(&(struct keeping){all, web, worker_processes(all), warnings}, all);
	return 0;
}
