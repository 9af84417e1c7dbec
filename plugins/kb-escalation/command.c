/* wecomd kb …: importing, searching, publishing and judging by hand. */
#include "kb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const wc_err *e)
{
	fprintf(stderr, "wecomd: %s\n", e->text);
	return 1;
}

static bool has_flag(int argc, char **argv, const char *flag)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], flag))
			return true;
	return false;
}

/* --- import ----------------------------------------------------------------------------------------------------------- */

struct importing {
	const struct kb *kb;
	const char      *category, *tags;
	bool             refresh, dry_run;
	int              files, bad;
	struct imported  sum;
};

static int read_file(wc_arena *a, const char *path, int64_t max, wc_slice *bytes, wc_err *e)
{
	int         fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char       *p;
	ssize_t     n = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		wc_fail(e, WC_E_ARG, "%s cannot be read: %s", path, fd < 0 ? strerror(errno) : "it is no file");
	} else if (st.st_size > max) {
		wc_fail(e, WC_E_TOO_LARGE, "%s has %" PRId64 " bytes; [kb-escalation] document_max is %" PRId64, path, (int64_t)st.st_size, max);
	} else {
		p = wc_alloc(a, (size_t)st.st_size + 1);
		while (n < st.st_size) {
			ssize_t more = read(fd, p + n, (size_t)(st.st_size - n));

			if (more <= 0)
				break;
			n += more;
		}
		*bytes = (wc_slice){p, (size_t)n};
		close(fd);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void show_progress(void *ctx, size_t done, size_t all)
{
	const char *source = ctx;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s  %zu of %zu", source, done, all);
	if (isatty(STDERR_FILENO) && done == all)
		fprintf(stderr, "\r\033[K");
}

static void tell_import(const struct importing *g, const char *source, const struct imported *done)
{
	if (done->same_as)
		printf("%s  is the same as %s: left alone\n", source, done->same_as);
	else if (done->unchanged)
		printf("%s  unchanged\n", source);
	else
		printf("%s  %zu chunks: %zu %s, %zu stay, %zu %s\n", source, done->chunks, done->added, g->dry_run ? "would be added" : "added", done->kept,
		       done->removed, g->dry_run ? "would go" : "went");
}

static void import_file(struct importing *g, const char *path)
{
	wc_arena       *a = wc_arena_new();
	const char     *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct import   in = {.source = name, .title = wc_strndup(a, name, strcspn(name, ".")), .category = g->category, .tags = g->tags, .actor = "command",
	                      .format = doc_format_of(name), .refresh = g->refresh, .dry_run = g->dry_run, .progress = show_progress, .ctx = (void *)name};
	struct imported done;
	wc_err          e;

	g->files++;
	if (read_file(a, path, g->kb->document_max, &in.bytes, &e) < 0 || document_import(a, g->kb, &in, &done, &e) < 0) {
		fail(&e);
		g->bad++;
	} else {
		tell_import(g, name, &done);
		g->sum.chunks += done.chunks, g->sum.added += done.added, g->sum.removed += done.removed;
	}
	wc_arena_free(a);
}

static int is_document(const struct dirent *entry)
{
	return *entry->d_name != '.' && doc_format_of(entry->d_name);
}

static int import_folder(struct importing *g, wc_arena *a, const char *path)
{
	struct dirent **list;
	int             n = scandir(path, &list, is_document, alphasort);

	if (n < 0) {
		fprintf(stderr, "wecomd: %s cannot be read: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		import_file(g, wc_printf(a, "%s/%s", path, list[i]->d_name));
		free(list[i]);
	}
	free(list);
	return 0;
}

static int tell_published(const struct published *v)
{
	if (v->version)
		printf("version %" PRId64 " is live: %" PRId64 " chunks, %" PRId64 " new, %" PRId64 " gone\n", v->version, v->chunks, v->added, v->removed);
	else
		printf("nothing new: the live version stays\n");
	return 0;
}

static int command_import(wc_arena *a, int argc, char **argv, const void *self)
{
	struct importing g = {.kb = self, .category = wc_option(argc, argv, "--category", NULL), .tags = wc_option(argc, argv, "--tags", ""),
	                      .refresh = has_flag(argc, argv, "--refresh"), .dry_run = has_flag(argc, argv, "--dry-run")};
	struct published v;
	struct stat      st;
	wc_err           e;

	if (argc < 1 || *argv[0] == '-' || !g.category) {
		fprintf(stderr, "usage: wecomd kb import FILE|FOLDER --category NAME [--tags a,b] [--refresh] [--dry-run] [--draft]\n");
		return 2;
	}
	if (stat(argv[0], &st) == 0 && S_ISDIR(st.st_mode)) {
		if (import_folder(&g, a, argv[0]) < 0)
			return 1;
	} else if (!doc_format_of(argv[0])) {
		fprintf(stderr, "wecomd: %s: documents end in .md, .markdown, .txt, .html, .htm or .csv\n", argv[0]);
		return 1;
	} else {
		import_file(&g, argv[0]);
	}
	if (!g.files)
		printf("%s has no document\n", argv[0]);
	if (g.bad)
		fprintf(stderr, "wecomd: nothing was published, since %d of %d files could not be imported\n", g.bad, g.files);
	if (g.bad || g.dry_run || has_flag(argc, argv, "--draft"))
		return g.bad > 0;
	return version_publish("command", wc_option(argc, argv, "--note", ""), &v, &e) < 0 ? fail(&e) : tell_published(&v);
}

/* --- the others ------------------------------------------------------------------------------------------------------- */

static int command_publish(wc_arena *a, int argc, char **argv, const void *self)
{
	struct published v;
	wc_err           e;

	(void)a, (void)self;
	return version_publish("command", wc_option(argc, argv, "--note", ""), &v, &e) < 0 ? fail(&e) : tell_published(&v);
}

static int command_restore(wc_arena *a, int argc, char **argv, const void *self)
{
	struct published v;
	wc_err           e;

	(void)a, (void)self;
	if (argc < 1 || atoll(argv[0]) <= 0) {
		fprintf(stderr, "usage: wecomd kb restore VERSION\n");
		return 2;
	}
	return version_restore("command", atoll(argv[0]), &v, &e) < 0 ? fail(&e) : tell_published(&v);
}

static int command_rebuild(wc_arena *a, int argc, char **argv, const void *self)
{
	unsigned char once[8];
	wc_err        e;

	(void)argc, (void)argv;
	if (!*vectors_model(a, self)) {
		fprintf(stderr, "wecomd: [kb-escalation] embedding names no [model:NAME] section: there are no vectors to make\n");
		return 1;
	}
	wc_random(once, sizeof once);
	if (wc_job_add(NULL, &(wc_job_spec){.kind = "kb-escalation.embed", .lane = "kb/embed", .key = wc_printf(a, "kb/embed/%s", wc_hex(a, once, sizeof once)), .args = wc_json(a, "{}")}, &e) < 0)
		return fail(&e);
	printf("the vectors that are missing are being made; the index there is serves until they are whole\n");
	return 0;
}

static void print_chunk(wc_arena *a, size_t no, const struct found_chunk *c)
{
	const char *title = *c->question ? c->question : *c->heading ? c->heading : c->title;
	const char *near = c->cosine < 0 ? "-" : wc_printf(a, "%.3f", c->cosine), *met = c->bm25 > 0 ? wc_printf(a, "%.3f", c->coverage) : "-";

	printf("%zu. [%" PRId64 "] %s\n   cosine %s  words %s  fused %.4f  %s, %s\n   %.*s\n", no, c->id, title, near, met, c->fused, c->source, c->category,
	       (int)wc_utf8_cut(c->text, strlen(c->text), 300), c->text);
}

static int command_search(wc_arena *a, int argc, char **argv, const void *self)
{
	const struct kb *kb = self;
	struct search    found;
	wc_err           e;
	int              rc;

	if (argc < 1) {
		fprintf(stderr, "usage: wecomd kb search QUESTION [-k N]\n");
		return 2;
	}
	rc = kb_search(a, kb, argv[0], (size_t)atoi(wc_option(argc, argv, "-k", "3")), &found, &e);
	index_stop();
	if (rc < 0)
		return fail(&e);
	for (size_t i = 0; i < found.n; i++)
		print_chunk(a, i + 1, &found.list[i]);
	printf("version %" PRId64 ", confidence %.3f%s%s\n", found.version, found.confidence, found.why_words ? ", by words alone: " : "", found.why_words ? found.why_words : "");
	return 0;
}

const wc_command kb_commands[] = {
	{"kb import", "FILE|FOLDER --category NAME [--tags a,b] [--refresh] [--dry-run] [--draft] [--note TEXT]",
	 "write documents into the knowledge base and make them live (--draft: not yet)", command_import},
	{"kb publish", "[--note TEXT]", "make the draft the live version", command_publish},
	{"kb restore", "VERSION", "make a new live version that is as an old one was", command_restore},
	{"kb rebuild", "", "make the vectors that the configured embedding model lacks", command_rebuild},
	{"kb search", "QUESTION [-k N]", "show the chunks that fit, with their scores", command_search},
	{0}};
