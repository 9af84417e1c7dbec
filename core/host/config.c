/* The configuration: INI files by libinih, with file and line kept for every value. */
#include "host/config.h"

#include <wecomd/buf.h>

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX   (64u << 10)
#define BLANKS      " \t\r\n\v\f"
#define SECTION_MAX 49            /* libinih keeps no more of a section's name */
#define SAVED_MAX   (16u << 20)

static const char not_yours[] = "; run this as wecomd's user: runuser -u wecomd -- wecomd …";

/* --- problems ------------------------------------------------------------------------------------------------------- */

void problems_init(struct problems *p, wc_arena *a)
{
	*p      = (struct problems){.arena = a};
	p->tail = &p->first;
}

void problem_add(struct problems *p, const char *format, ...)
{
	struct problem *one = wc_alloc(p->arena, sizeof *one);
	va_list         args;

	va_start(args, format);
	one->text = wc_vprintf(p->arena, format, args);
	va_end(args);
	*p->tail = one;
	p->tail  = &one->next;
	p->n++;
}

void problems_print(const struct problems *p)
{
	for (const struct problem *one = p->first; one; one = one->next)
		fprintf(stderr, "%s\n", one->text);
	if (p->n)
		fprintf(stderr, "%zu problem%s\n", p->n, p->n == 1 ? "" : "s");
}

/* --- values --------------------------------------------------------------------------------------------------------- */

struct place {
	const char            *file;
	int                    line;
	struct problems       *problems;
	const struct variable *variables;
};

static const char *variable(const struct place *at, const char *name)
{
	const char *value = getenv(name);

	for (const struct variable *v = at->variables; !value && v; v = v->next)
		if (!strcmp(v->name, name))
			value = v->value;
	return value;
}

/* ${NAME} or ${NAME:-default} at s; returns what stands behind it. */
static const char *expand_one(wc_arena *a, const char *s, wc_buf *out, const struct place *at)
{
	const char *end = strchr(s, '}');
	const char *inner, *dash, *value;

	if (!end) {
		problem_add(at->problems, "%s:%d: ${ without }; a dollar that is meant is written $$", at->file, at->line);
		return s + strlen(s);
	}
	inner = wc_strndup(a, s + 2, (size_t)(end - s) - 2);
	dash  = strstr(inner, ":-");
	value = variable(at, dash ? wc_strndup(a, inner, (size_t)(dash - inner)) : inner);
	if (dash && (!value || !*value))
		value = dash + 2;
	if (!value)
		problem_add(at->problems, "%s:%d: the environment has no %s; set it, or write %s=… into the file wecomd.env beside the configuration",
		            at->file, at->line, inner, inner);
	else
		wc_buf_adds(out, value);
	return end + 1;
}

static const char *expand(wc_arena *a, const char *s, const struct place *at)
{
	wc_buf *out = wc_buf_new(a, VALUE_MAX);

	while (*s) {
		if (s[0] == '$' && s[1] == '{') {
			s = expand_one(a, s, out, at);
		} else {
			s += s[0] == '$' && s[1] == '$';
			wc_buf_addc(out, *s++);
		}
	}
	if (wc_buf_failed(out))
		problem_add(at->problems, "%s:%d: the value is longer than %u bytes", at->file, at->line, VALUE_MAX);
	return out->s;
}

static const char *read_value_file(wc_arena *a, const char *name, const struct place *at)
{
	const char *slash = strrchr(at->file, '/');
	const char *path  = *name == '/' || !slash ? name : wc_printf(a, "%.*s/%s", (int)(slash - at->file), at->file, name);
	char       *text  = wc_alloc(a, VALUE_MAX + 1);
	FILE       *f     = fopen(path, "re");
	size_t      n;

	if (!f) {
		problem_add(at->problems, "%s:%d: %s: %s%s", at->file, at->line, path, strerror(errno),
		            errno == EACCES ? "; wecomd's user must be allowed to read it: chgrp wecomd and chmod 640, or run this as that user"
		            : errno == ENOENT ? wc_printf(a, "; write the value there: install -o root -g wecomd -m 640 /dev/stdin %s", path) : "");
		return "";
	}
	n = fread(text, 1, VALUE_MAX, f);
	if (ferror(f))
		problem_add(at->problems, "%s:%d: %s: %s", at->file, at->line, path, strerror(errno));
	else if (getc(f) != EOF)
		problem_add(at->problems, "%s:%d: %s is longer than %u bytes", at->file, at->line, path, VALUE_MAX);
	else if (memchr(text, 0, n))
		problem_add(at->problems, "%s:%d: %s holds a zero byte", at->file, at->line, path);
	fclose(f);
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = 0;
	return text;
}

/* --- reading files -------------------------------------------------------------------------------------------------- */

struct reading {
	struct config *config;
	struct place   at;
	FILE          *f;
	bool           indented;      /* the line goes on with the value before it */
	struct entry  *last;          /* whose value may go on; NULL behind the head of a section */
	wc_buf        *longer;        /* its value, once it went on */
};

/* Behind [section] an indented line is a setting of it, not more of the section's before. */
static void look_for_section(struct reading *r, const char *line)
{
	const char *start = line;

	if (r->at.line == 1 && !strncmp(start, "\xef\xbb\xbf", 3))
		start += 3;
	start += strspn(start, BLANKS);
	if (*start != '[' || (r->indented && r->last))
		return;
	r->last = NULL;
	if (strcspn(start + 1, "]") > SECTION_MAX)
		problem_add(r->at.problems, "%s:%d: the section's name is longer than %d bytes", r->at.file, r->at.line, SECTION_MAX);
}

/* libinih asks for one line at a time and does not say which it is at; a line longer than its buffer would be cut. */
static char *read_line(char *into, int size, void *arg)
{
	struct reading *r = arg;
	int             c = 0, n = 0;

	while (n < size - 1 && c != '\n' && (c = getc(r->f)) != EOF)
		into[n++] = (char)c;
	into[n] = 0;
	if (!n)
		return NULL;
	r->at.line++;
	r->indented = strspn(into, BLANKS) > 0;
	look_for_section(r, into);
	if (strlen(into) != (size_t)n)
		problem_add(r->at.problems, "%s:%d: the line holds a zero byte", r->at.file, r->at.line);
	if (c != '\n' && c != EOF && (c = getc(r->f)) != EOF) {
		problem_add(r->at.problems, "%s:%d: the line is longer than %d bytes; go on in an indented line", r->at.file, r->at.line, size - 2);
		while (c != '\n' && c != EOF)
			c = getc(r->f);
	}
	return into;
}

static struct entry *find_entry(const struct config *c, const char *section, const char *name)
{
	for (struct entry *e = c->first; e; e = e->next)
		if (!strcmp(e->section, section) && !strcmp(e->name, name))
			return e;
	return NULL;
}

static struct entry *add_entry(struct config *c, const char *section, const char *name)
{
	struct entry *e = wc_alloc(c->arena, sizeof *e);

	e->section = wc_strdup(c->arena, section);
	e->name    = wc_strdup(c->arena, name);
	*c->tail   = e;
	c->tail    = &e->next;
	return e;
}

static void go_on(struct reading *r, const char *more)
{
	if (!r->longer) {
		r->longer = wc_buf_new(r->config->arena, VALUE_MAX);
		wc_buf_adds(r->longer, r->last->value);
	}
	wc_buf_addf(r->longer, "\n%s", more);
	if (wc_buf_failed(r->longer))
		problem_add(r->at.problems, "%s:%d: the value is longer than %u bytes", r->at.file, r->at.line, VALUE_MAX);
	r->last->value = r->longer->s;
}

static int add_value(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	struct config  *c = r->config;
	struct entry   *e;
	const char     *written = wc_strdup(c->arena, value);

	value = expand(c->arena, value, &r->at);
	if (r->indented && r->last) {
		go_on(r, value);
		return 1;
	}
	r->last   = NULL;
	r->longer = NULL;
	if (!*name) {
		problem_add(r->at.problems, "%s:%d: no name stands before the value", r->at.file, r->at.line);
		return 1;
	}
	if (*value == '@')
		value = value[1] == '@' ? value + 1 : read_value_file(c->arena, value + 1, &r->at);
	e = find_entry(c, section, name);
	if (e && !strcmp(e->file, r->at.file))
		problem_add(r->at.problems, "%s:%d: %s is set a second time (first in line %d)", r->at.file, r->at.line, name, e->line);
	if (!e)
		e = add_entry(c, section, name);
	e->value   = wc_strdup(c->arena, value);
	e->written = written;
	e->file    = r->at.file;
	e->line    = r->at.line;
	r->last    = e;
	return 1;
}

static void read_file(struct config *c, const char *file, struct problems *p)
{
	struct reading r = {.config = c, .at = {file, 0, p, c->variables}, .f = fopen(file, "re")};
	int            line;

	if (!r.f) {
		problem_add(p, "%s: %s%s", file, strerror(errno), errno == EACCES ? not_yours : "");
		c->unread = true;
		return;
	}
	line = ini_parse_stream(read_line, &r, add_value, &r);
	if (line > 0)
		problem_add(p, "%s:%d: neither [section] nor name = value; an indented line goes on with the value before it", file, line);
	fclose(r.f);
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static void read_folder(struct config *c, const char *beside, struct problems *p)
{
	const char     *slash  = strrchr(beside, '/');
	const char     *folder = slash ? wc_printf(c->arena, "%.*s/conf.d", (int)(slash - beside), beside) : "conf.d";
	struct dirent **names;
	int             n = scandir(folder, &names, is_conf, alphasort);

	for (int i = 0; i < n; i++) {
		read_file(c, wc_printf(c->arena, "%s/%s", folder, names[i]->d_name), p);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* --- the file of variables ------------------------------------------------------------------------------------------ */

static const char *beside(wc_arena *a, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	return slash ? wc_printf(a, "%.*s/%s", (int)(slash - file), file, name) : name;
}

/* As systemd reads an EnvironmentFile: NAME=value, one pair of quotes around the value is taken off. */
static void add_variable(struct config *c, char *line, const char *file, int number, struct problems *p)
{
	char            *end = line + strlen(line), *value = strchr(line, '=');
	struct variable *v;

	while (end > line && strchr("\r\n\t ", end[-1]))
		*--end = 0;
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return;
	if (!value || value == line) {
		problem_add(p, "%s:%d: expected NAME=value", file, number);
		return;
	}
	*value++ = 0;
	if (end - value >= 2 && (*value == '"' || *value == '\'') && end[-1] == *value) {
		end[-1] = 0;
		value++;
	}
	v            = wc_alloc(c->arena, sizeof *v);
	*v           = (struct variable){wc_strdup(c->arena, line), wc_strdup(c->arena, value), c->variables};
	c->variables = v;
}

static void read_variables(struct config *c, const char *file, struct problems *p)
{
	char        line[8192];
	struct stat st;
	FILE       *f = fopen(file, "re");

	if (!f) {
		if (errno != ENOENT) {
			problem_add(p, "%s: %s%s", file, strerror(errno), errno == EACCES ? not_yours : "");
			c->unread = true;
		}
		return;
	}
	if (fstat(fileno(f), &st) == 0 && st.st_mode & 007)
		problem_add(p, "%s: open to everybody (mode %04o), and it holds secrets: chmod 640 %s", file, st.st_mode & 07777, file);
	for (int number = 1; fgets(line, sizeof line, f); number++) {
		if (!strchr(line, '\n') && !feof(f)) {
			problem_add(p, "%s:%d: the line is longer than %zu bytes", file, number, sizeof line - 2);
			break;
		}
		add_variable(c, line, file, number, p);
	}
	fclose(f);
}

static struct config *new_config(wc_arena *a)
{
	struct config *c = wc_alloc(a, sizeof *c);

	c->arena = a;
	c->tail  = &c->first;
	return c;
}

struct config *config_load(wc_arena *a, const char *const *files, struct problems *p)
{
	struct config *c = new_config(a);

	if (files[0])
		read_variables(c, beside(a, files[0], "wecomd.env"), p);
	for (size_t i = 0; files[i]; i++) {
		read_file(c, files[i], p);
		if (i == 0)
			read_folder(c, files[i], p);
	}
	return c;
}

/* --- handing on ----------------------------------------------------------------------------------------------------- */

/* Five strings for each entry, each with its zero byte. */
int config_save(const struct config *c, int fd)
{
	wc_arena *a   = wc_arena_new();
	wc_buf   *out = wc_buf_new(a, SAVED_MAX);
	size_t    done = 0;
	int       rc   = -1;

	for (const struct entry *e = c->first; e; e = e->next) {
		const char *strings[] = {e->section, e->name, e->value, e->file, wc_printf(a, "%d", e->line)};

		for (size_t i = 0; i < 5; i++)
			wc_buf_add(out, strings[i], strlen(strings[i]) + 1);
	}
	while (!wc_buf_failed(out) && done < out->len) {
		ssize_t n = pwrite(fd, out->s + done, out->len - done, (off_t)done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	rc = !wc_buf_failed(out) && done == out->len ? 0 : -1;
	wc_arena_free(a);
	return rc;
}

struct config *config_restore(wc_arena *a, int fd, struct problems *p)
{
	struct config *c = new_config(a);
	struct stat    st;
	const char    *at, *end;
	char          *text;

	if (fstat(fd, &st) < 0 || st.st_size > SAVED_MAX ||
	    pread(fd, text = wc_alloc(a, (size_t)st.st_size + 1), (size_t)st.st_size, 0) != st.st_size) {
		problem_add(p, "the configuration could not be taken over from the master");
		return c;
	}
	for (at = text, end = text + st.st_size; at < end;) {
		const char   *strings[5];
		struct entry *e;

		for (size_t i = 0; i < 5; i++) {
			strings[i] = at < end ? at : "";
			at += strlen(strings[i]) + 1;
		}
		e        = add_entry(c, strings[0], strings[1]);
		e->value = strings[2];
		e->file  = strings[3];
		e->line  = atoi(strings[4]);
	}
	return c;
}

const char *config_text(const struct config *c, const char *section, const char *name)
{
	const struct entry *e = find_entry(c, section, name);

	return e ? e->value : NULL;
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

/* A line of wecomd.env that nobody has filled in. */
static const char *why_empty(wc_arena *a, const struct entry *e)
{
	if (*e->value || !e->written || strncmp(e->written, "${", 2))
		return "";
	return wc_printf(a, "; %s is empty: fill it in, in wecomd.env", e->written);
}

void config_fill(struct config *c, const char *section, const wc_field *fields, void *into, struct problems *p)
{
	struct asked *asked = wc_alloc(c->arena, sizeof *asked);

	*asked   = (struct asked){section, fields, c->asked};
	c->asked = asked;
	for (const wc_field *f = fields; f && f->type; f++) {
		struct entry *e     = find_entry(c, section, f->name);
		const char   *text  = e ? e->value : f->standard, *expected;

		if (e)
			e->used = true;
		if (!text && !c->unread)
			problem_add(p, "[%s] %s is missing: %s", section, f->name, f->help);
		else if (text && (expected = wc_field_from_text(c->arena, f, text, into)) && e)
			problem_add(p, "%s:%d: [%s] %s: expected %s%s", e->file, e->line, section, f->name, expected, why_empty(c->arena, e));
		else if (text && expected)
			problem_add(p, "[%s] %s: its default is not %s", section, f->name, expected);
	}
}

static bool holds(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

const char *const *config_instances(struct config *c, const char *prefix)
{
	size_t       n = 0, count = 1, len = strlen(prefix);
	const char **names;

	for (struct entry *e = c->first; e; e = e->next)
		count++;
	names = wc_alloc(c->arena, count * sizeof *names);
	for (struct entry *e = c->first; e; e = e->next)
		if (!strncmp(e->section, prefix, len) && e->section[len] == ':' && !holds(names, n, e->section + len + 1))
			names[n++] = e->section + len + 1;
	return names;
}

const char *config_section_text(struct config *c, const char *section)
{
	wc_buf *b = wc_buf_new(c->arena, 4u << 20);

	for (struct entry *e = c->first; e; e = e->next)
		if (!strcmp(e->section, section))
			wc_buf_addf(b, "%s=%zu:%s\n", e->name, strlen(e->value), e->value);
	return b->s;
}

const char *const *config_plugins(struct config *c, struct problems *p)
{
	size_t       n = 0, count = 1;
	const char **names;

	for (struct entry *e = c->first; e; e = e->next)
		count++;
	names = wc_alloc(c->arena, count * sizeof *names);
	for (struct entry *e = c->first; e; e = e->next) {
		static const wc_field on_off = {WC_BOOL, "plugin", NULL, 0, ""};
		bool                  on     = false;

		if (strcmp(e->section, "plugins"))
			continue;
		e->used = true;
		if (wc_field_from_text(c->arena, &on_off, e->value, &on))
			problem_add(p, "%s:%d: [plugins] %s: expected on or off", e->file, e->line, e->name);
		else if (on)
			names[n++] = e->name;
	}
	return names;
}

void config_ignore(struct config *c, const char *plugin)
{
	for (struct entry *e = c->first; e; e = e->next)
		if (!strncmp(e->section, plugin, strcspn(e->section, ":")) && strlen(plugin) == strcspn(e->section, ":"))
			e->used = true;
}
