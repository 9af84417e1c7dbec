/* The configuration. Input: a file of settings as somebody wrote it; or, when its first line is "write", lines "SECTION NAME VALUE" that
 * are written as such a file in every form that one may take, and must come back as they are.
 *
 * No file of the machine is read: the linker gives core's fopen() to this target (--wrap=fopen), which knows the files below. */
#include "fuzz.h"

#include "host/config.h"

#include <wecomd/buf.h>

#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define FOLDER "/fuzz/"
#define BIG    (70u << 10)

static struct input conf;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

static FILE *open_bytes(const char *p, size_t n)
{
	FILE *f = n ? fmemopen((void *)(uintptr_t)p, n, "r") : __real_fopen("/dev/null", "re");

	must(f);
	return f;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	static char big[BIG];

	if (strcmp(mode, "re"))     /* libFuzzer's own */
		return __real_fopen(path, mode);
	if (!strcmp(path, FOLDER "wecomd.conf"))
		return open_bytes(conf.p, conf.n);
	if (!strcmp(path, FOLDER "value"))
		return open_bytes("from a file\n", 12);
	if (!strcmp(path, FOLDER "big"))
		return open_bytes(memset(big, 'b', sizeof big), sizeof big);
	if (!strcmp(path, FOLDER "zero"))
		return open_bytes("a\0b\n", 4);
	errno = ENOENT;
	return NULL;
}

static struct config *load(wc_arena *a, struct input in, struct problems *p)
{
	problems_init(p, a);
	conf = in;
	return config_load(a, (const char *const[]){FOLDER "wecomd.conf", NULL}, p);
}

/* --- what anybody wrote ---------------------------------------------------------------------------------------------- */

struct settings {
	const char        *text, *secret, *choice;
	int64_t            count, wait, size;
	const char *const *list;
	bool               on;
};

#define AT(member) offsetof(struct settings, member)

static const wc_field table[] = {
	{WC_STRING, "text", "", AT(text), "a text", .max = 1000},
	{WC_SECRET, "secret", "-", AT(secret), "a secret"},
	{WC_CHOICE, "choice", "a", AT(choice), "a choice", .choices = "a|b"},
	{WC_INT, "count", NULL, AT(count), "a number", .min = 1, .max = 9},
	{WC_DURATION, "wait", "5s", AT(wait), "a time"},
	{WC_SIZE, "size", "1k", AT(size), "bytes"},
	{WC_LIST, "list", "x", AT(list), "texts"},
	{WC_BOOL, "on", "off", AT(on), "a switch"},
	{0}};

static void check_settings(const struct settings *s)
{
	must(strlen(s->text) <= 1000 && wc_utf8_valid(s->text, strlen(s->text)));
	must(!strcmp(s->choice, "a") || !strcmp(s->choice, "b"));
	must(s->count >= 1 && s->count <= 9 && s->wait >= 0 && s->size >= 0 && s->list);
}

static void check_problems(const struct problems *p)
{
	size_t n = 0;

	for (const struct problem *one = p->first; one; one = one->next, n++)
		must(*one->text);
	must(n == p->n);
}

static size_t check_entries(const struct config *c)
{
	size_t n = 0;

	for (const struct entry *e = c->first; e; e = e->next, n++) {
		must(e->section && e->name && e->value && !strcmp(e->file, FOLDER "wecomd.conf") && e->line > 0);
		must(config_text(c, e->section, e->name) == e->value);
	}
	return n;
}

/* What is handed to later processes is what was read. */
static void check_handed_on(wc_arena *a, const struct config *c, size_t n)
{
	static int      fd = -1;
	struct problems p;
	struct config  *again;
	size_t          restored = 0;

	if (fd < 0)
		must((fd = memfd_create("conf", MFD_CLOEXEC)) >= 0);
	must(ftruncate(fd, 0) == 0);
	problems_init(&p, a);
	must(config_save(c, fd) == 0);
	again = config_restore(a, fd, &p);
	must(again && !p.n);
	for (const struct entry *e = c->first, *f = again->first; e && f; e = e->next, f = f->next, restored++)
		must(!strcmp(e->section, f->section) && !strcmp(e->name, f->name) && !strcmp(e->value, f->value) && !strcmp(e->file, f->file) &&
		     e->line == f->line);
	must(restored == n);
}

static void check_file(wc_arena *a, struct input in)
{
	struct problems p;
	struct config  *c = load(a, in, &p);
	struct settings s = {0};
	size_t          n = check_entries(c), before = p.n;

	check_handed_on(a, c, n);
	config_fill(c, "fuzz", table, &s, &p);
	if (p.n == before)
		check_settings(&s);
	for (const char *const *name = config_instances(c, "bot"); *name; name++)
		config_fill(c, wc_printf(a, "bot:%s", *name), table, &s, &p);
	for (const char *const *name = config_plugins(c, &p); *name; name++)
		must(config_text(c, "plugins", *name));
	config_check_unused(c, NULL, &p);
	config_locate(c, &p);
	check_problems(&p);
}

/* --- what is written is read ----------------------------------------------------------------------------------------- */

#define ENTRIES 30

struct wish {
	const char *section, *name;
	char       *value;
};

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && (s[i] != ':' || !i) && s[i] != '_' && s[i] != '-')
			return false;
	return n > 0 && n <= 48;
}

static bool is_value(const char *s)
{
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr(";#$@\"", *c))
			return false;
	return *s && *s != ' ' && s[strlen(s) - 1] != ' ' && strlen(s) <= 100 && wc_utf8_valid(s, strlen(s));
}

static bool take_wish(wc_arena *a, struct input line, struct wish *w)
{
	char *text = text_of(a, line), *name = strchr(text, ' '), *value = name ? strchr(name + 1, ' ') : NULL;

	if (!value)
		return false;
	*name  = 0;
	*value = 0;
	*w     = (struct wish){text, name + 1, value + 1};
	return is_name(w->section) && is_name(w->name) && !strchr(w->name, ':') && is_value(w->value);
}

/* Goes on in an indented line at the first blank, when the form says so; the value then has a line break there. */
static void write_value(wc_buf *out, char *value, unsigned form)
{
	char *blank = form & 1 ? strchr(value, ' ') : NULL;

	if (!blank || blank[1] == ' ') {
		wc_buf_addf(out, "%s%s\n", value, form & 2 ? "   " : "");
		return;
	}
	*blank = '\n';
	wc_buf_addf(out, "%.*s\n%s\t%s%s\n", (int)(blank - value), value, form & 4 ? "# between\n\n" : "", blank + 1, form & 2 ? " " : "");
}

/* A setting may be indented where it cannot be taken for more of the value before it: right behind the section's line. */
static void write_wish(wc_buf *out, struct wish *w, bool new_section, unsigned form)
{
	if (new_section)
		wc_buf_addf(out, "%s[%s]\n%s", form & 8 ? "\n; a section\n" : "", w->section, form & 16 ? "    " : "");
	wc_buf_addf(out, "%s%s", w->name, form & 32 ? ": " : form & 64 ? "=" : " = ");
	write_value(out, w->value, form >> 7);
}

static void check_written(wc_arena *a, struct input in)
{
	struct wish     wish[ENTRIES];
	size_t          n    = 0;
	uint32_t        seed = hash_of(in);
	wc_buf         *out  = wc_buf_new(a, 1u << 20);
	struct problems p;
	struct config  *c;

	while (in.n && n < ENTRIES) {
		bool again = !take_wish(a, take_line(&in), &wish[n]);

		for (size_t i = 0; !again && i < n; i++)
			again = !strcmp(wish[i].section, wish[n].section) && !strcmp(wish[i].name, wish[n].name);
		if (again)
			continue;
		seed = seed * 1664525u + 1013904223u;
		write_wish(out, &wish[n], !n || strcmp(wish[n].section, wish[n - 1].section), seed >> 16);
		n++;
	}
	c = load(a, (struct input){out->s, out->len}, &p);
	for (size_t i = 0; i < n; i++) {
		const char *value = config_text(c, wish[i].section, wish[i].name);

		must(value && !strcmp(value, wish[i].value));
	}
	must(!p.n && check_entries(c) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in   = {(const char *)data, size}, rest = in, line = take_line(&rest);
	wc_arena    *a    = wc_arena_new();
	static bool  once;

	if (!once) {
		clearenv();
		setenv("WORD", "a word", 1);
		setenv("EMPTY", "", 1);
		once = true;
	}
	if (line.n == 5 && !memcmp(line.p, "write", 5))
		check_written(a, rest);
	else
		check_file(a, in);
	wc_arena_free(a);
	return 0;
}
