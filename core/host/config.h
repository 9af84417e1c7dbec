/* Private to core/host: the configuration as written, and the problems found in it. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/field.h>

/* All problems are gathered, then shown together. */
struct problem {
	const char     *text;
	struct problem *next;
};

struct problems {
	wc_arena       *arena;
	struct problem *first, **tail;
	size_t          n;
};

void problems_init(struct problems *p, wc_arena *a);
void problem_add(struct problems *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void problems_print(const struct problems *p);     /* one line each, to standard error */

struct entry {
	const char   *section, *name, *value;
	const char   *written;      /* the value before ${NAME} was replaced; NULL: not known any more */
	const char   *file;
	int           line;
	bool          used;
	struct entry *next;
};

/* A line NAME=value of the file wecomd.env beside the first configuration file. */
struct variable {
	const char      *name, *value;
	struct variable *next;
};

/* What the program asked for: the sections it knows, and what may stand in them. */
struct asked {
	const char     *section;
	const wc_field *fields;
	struct asked   *next;
};

struct config {
	wc_arena     *arena;
	struct asked *asked;
	struct variable *variables;
	struct entry *first, **tail;
	bool unread;                /* a file could not be read: what is missing may stand there */
};

/* Reads the files in order, and conf.d/ beside the first; a later value replaces an earlier one. ${NAME} and ${NAME:-default}
 * come from the environment, or where it lacks the name from the file wecomd.env beside the first file, so that the service, its reloads
 * and commands typed by hand see the same. "$$" is a dollar; a value @PATH is the content of a file, relative to the file that names it.
 * An indented line goes on with the value before it, on a new line; there " ;" begins no comment. A value has at most 64 KiB. */
struct config *config_load(wc_arena *a, const char *const *files, struct problems *p);

/* The same, as config_save() left it in a file: what was read and checked once serves every process that starts later, whatever
 * became of the files since. NULL with *p. */
struct config *config_restore(wc_arena *a, int fd, struct problems *p);
int            config_save(const struct config *c, int fd);

/* The written value of a setting; NULL: the files do not set it. */
const char *config_text(const struct config *c, const char *section, const char *name);

/* Fills into from [section] by the table; what is missing or wrong becomes a problem with file and line. */
void config_fill(struct config *c, const char *section, const wc_field *fields, void *into, struct problems *p);

/* The names NAME of sections [prefix:NAME], in the files' order, each once; NULL at the end. */
const char *const *config_instances(struct config *c, const char *prefix);

/* Every name=value of a section, in a canonical order: what a seed hash is taken over. */
const char *config_section_text(struct config *c, const char *section);

/* Names set to on in [plugins], in the files' order; NULL at the end. */
const char *const *config_plugins(struct config *c, struct problems *p);

/* The sections of a plugin that could not be opened: nobody can say what they should hold. */
void config_ignore(struct config *c, const char *plugin);

/* What nothing asked for is unknown: a problem each, with what was probably meant (advice.c). */
void config_check_unused(struct config *c, const char *plugin_dir, struct problems *p);

/* Puts file and line before the problems that begin with "[section] name", or "[section]" alone (advice.c). */
void config_locate(const struct config *c, struct problems *p);

/* " There are: a, b, c" for the plugins of the folder; empty where there are none (advice.c). */
const char *plugins_there(wc_arena *a, const char *plugin_dir);
