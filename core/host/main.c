/* wecomd: the commands. */
#include "host/process.h"

#include "crypt/crypt.h"
#include "host/nginx.h"
#include "host/settings.h"
#include "http/http.h"

#include <wecomd/log.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_MAX   32
#define LARGE_BLOCK (256 * 1024)

static const char *files[FILES_MAX + 1] = {CONF_FILE};

static const char usage_text[] =
	"usage: wecomd [-c FILE]... COMMAND\n"
	"       wecomd -V    the version\n"
	"\n"
	"  serve [--roles web,worker,resident]\n"
	"      run in the foreground until SIGTERM; SIGHUP reloads, SIGUSR1 reopens the log\n"
	"  check [--nginx FILE]\n"
	"      read the configuration and the plugins, say everything that is wrong; warn of what nginx does wrong\n"
	"  migrate\n"
	"      bring the schema up to this program\n"
	"  plugins\n"
	"      the loaded plugins and their tools\n"
	"  routes [--openapi]\n"
	"      every path, who may call it, and whose it is; or their OpenAPI document\n"
	"  tools\n"
	"      every tool of /mcp, who may call it, what a call can do, and whose it is\n";

/* Loads everything. Children take the configuration that was checked, not the files. */
static void load(struct program *g, bool from_master, struct problems *p)
{
	const char *fd = from_master ? getenv("WECOMD_CONFIG_FD") : NULL;

	problems_init(p, wc_arena_new());
	program_load(g, fd ? config_restore(p->arena, atoi(fd), p) : config_load(p->arena, files, p), p);
}

static void set_log_level(const struct program *g)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};

	for (wc_level l = WC_DEBUG; l <= WC_ERROR; l++)
		if (!strcmp(levels[l], g->log.level))
			wc_log_level(l);
}

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int usage(const struct program *g, FILE *to)
{
	fputs(usage_text, to);
	for (size_t i = 0; g && i < g->slot_count; i++)
		for (const wc_command *c = g->slots[i].plugin->commands; c && c->name; c++)
			fprintf(to, "  %s %s\n      %s\n", c->name, c->arguments, c->summary);
	fputs("\n-c may be repeated; later files override. Default: " CONF_FILE "\n", to);
	return to == stdout ? 0 : 2;
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static void print_warnings(const struct problems *w)
{
	for (const struct problem *one = w->first; one; one = one->next)
		fprintf(stderr, "warning: %s\n", one->text);
}

/* What would work, though not well. -1: the file that was named cannot be read. */
static int warn(struct program *g, const char *nginx)
{
	const char     *lack = doctor_descriptors(g->arena);
	struct problems w;
	int             rc;

	problems_init(&w, g->arena);
	if (lack)
		problem_add(&w, "%s: LimitNOFILE= of the service, or fewer [worker] threads, [web] threads", lack);
	rc = nginx_check(nginx ? nginx : NGINX_CONF, &g->web, &w);
	print_warnings(&w);
	if (rc < 0 && nginx)
		fprintf(stderr, "%s cannot be read\n", nginx);
	return nginx ? rc : 0;
}

/* Only here: other commands say it when they need the keys. */
static bool check_keys(struct program *g)
{
	struct problems p;
	wc_err          e;

	if (crypt_open(g->crypt.key_file, &e) == 0)
		return true;
	problems_init(&p, g->arena);
	problem_add(&p, "[crypt] key_file: %s%s", e.text, access(g->crypt.key_file, F_OK) == 0 ? "" :
	            wc_printf(g->arena, "; a new one: (umask 077 && echo \"1 $(openssl rand -hex 32)\" > %s), owned by wecomd's user", g->crypt.key_file));
	config_locate(g->config, &p);
	problems_print(&p);
	return false;
}

static int check(struct program *g, const char *nginx)
{
	size_t n = 0;

	if (warn(g, nginx) < 0 || !check_keys(g))
		return 1;
	for (size_t i = 0; i < g->slot_count; i++)
		n += !g->slots[i].is_part;
	printf("ok: %zu plugin%s, %zu model%s\n", n, n == 1 ? "" : "s", g->model_count, g->model_count == 1 ? "" : "s");
	return 0;
}

static int migrate(struct program *g)
{
	wc_err e;

	db_open(&g->db);
	if (db_migrate(g->core.sql_dir, g->owners, &e) < 0)
		return say(&e);
	printf("the schema is up to date\n");
	return 0;
}

static void print_plugin(const wc_plugin *plugin)
{
	printf("%-16s %s\n", plugin->name, plugin->summary);
	for (const wc_tool *t = plugin->tools; t && t->name; t++)
		printf("%-16s tool %s: %s\n", "", t->name, t->summary);
}

static int plugins(struct program *g)
{
	for (size_t i = 0; i < g->slot_count; i++)
		if (!g->slots[i].is_part)
			print_plugin(g->slots[i].plugin);
	return 0;
}

static int routes(struct program *g, const char *option)
{
	if (!strcmp(option, "--openapi"))
		return puts(wc_json_text(g->arena, openapi_document(g->arena, g->routes))) < 0;
	for (const struct web_route *r = g->routes; r->route; r++)
		printf("%-6s %-36s %-9s %-12s %s\n", method_name(r->route->method), r->route->path, role_name(r->route->role), r->owner,
		       r->route->summary);
	return 0;
}

static int tools(struct program *g)
{
	for (const struct web_tool *t = g->tools; t->tool; t++)
		printf("%-24s %-9s %-12s %-12s %s\n", t->tool->name, role_name(t->tool->role), effect_name(t->tool->effect), t->owner, t->tool->summary);
	return 0;
}

/* How many arguments the command's name takes: 1, 2, or 0 when it is another command. */
static int name_words(const wc_command *c, int argc, char **argv)
{
	size_t n = strlen(argv[0]);

	if (!strcmp(c->name, argv[0]))
		return 1;
	return argc > 1 && !strncmp(c->name, argv[0], n) && c->name[n] == ' ' && !strcmp(c->name + n + 1, argv[1]) ? 2 : 0;
}

/* A command of a part or a plugin, and whose it is; NULL: there is none of that name. */
static const wc_command *find_offered(const struct program *g, int argc, char **argv, const struct slot **slot)
{
	for (size_t i = 0; i < g->slot_count; i++) {
		*slot = &g->slots[i];
		for (const wc_command *c = g->slots[i].plugin->commands; c && c->name; c++)
			if (name_words(c, argc, argv))
				return c;
	}
	return NULL;
}

static bool is_own(const char *command)
{
	static const char *const own[] = {"check", "migrate", "plugins", "routes", "tools"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(command, own[i]))
			return true;
	return false;
}

/* A command that failed may have said no more than that a table is not there. */
static void look_at_schema(const struct program *g, const wc_command *c)
{
	wc_err e;

	if (strcmp(c->name, "doctor") && strcmp(c->name, "restore") && db_check_schema(g->core.sql_dir, g->owners, &e) < 0 &&
	    e.code == WC_E_CONFIG)
		say(&e);
}

static int run_offered(struct program *g, int argc, char **argv)
{
	const struct slot *slot;
	const wc_command  *c     = find_offered(g, argc, argv, &slot);
	int                words = name_words(c, argc, argv);
	int                status;
	wc_err             e;

	db_open(&g->db);
	if (crypt_open(g->crypt.key_file, &e) < 0)
		return say(&e);
	http_open();
	callback_use(g->callbacks);
	settings_begin(g);
	http_use(&g->http);
	status = c->run(g->arena, argc - words, argv + words, slot->self);
	if (status == 1)
		look_at_schema(g, c);
	return status;
}

static int run(int argc, char **argv)
{
	const char        *command = argv[0];
	bool               is_child = !strcmp(command, "child") && argc > 1;
	const struct slot *slot;
	struct program     g;
	struct problems    p;

	/* The master loads nothing itself; see master.c. */
	if (!strcmp(command, "serve")) {
		const char *roles = wc_option(argc, argv, "--roles", NULL);

		return roles && !roles_fit(roles) ? usage(NULL, stderr) : master_run(files, roles);
	}
	load(&g, is_child && strcmp(argv[1], "prepare"), &p);
	if (!is_child && !is_own(command) && !find_offered(&g, argc, argv, &slot)) {
		/* It may be one of a plugin that could not be opened: what is wrong comes behind the usage. */
		usage(&g, stderr);
		problems_print(&p);
		return 2;
	}
	problems_print(&p);
	if (p.n)
		return 1;
	set_log_level(&g);
	if (!strcmp(command, "check"))
		return check(&g, wc_option(argc, argv, "--nginx", NULL));
	if (!strcmp(command, "migrate"))
		return migrate(&g);
	if (!strcmp(command, "plugins"))
		return plugins(&g);
	if (!strcmp(command, "routes"))
		return routes(&g, argc > 1 ? argv[1] : "");
	if (!strcmp(command, "tools"))
		return tools(&g);
	if (is_child)
		return child_run(&g, argv[1]);
	return run_offered(&g, argc, argv);
}

/* As far as is allowed: hundreds of streams at once need thousands of descriptors. Children inherit it. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* glibc maps large blocks alone, which gives them back when they are freed, but stops doing so up to the size of the largest one freed
 * so far: after some pictures hundreds of megabytes would stay with the threads' heaps. Setting the size keeps it where it is. */
static void give_back_large_blocks(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

int main(int argc, char **argv)
{
	size_t n = 0;
	int    c;

	raise_descriptors();
	give_back_large_blocks();

	/* '+': what follows the command is the command's. */
	while ((c = getopt(argc, argv, "+c:hV")) != -1) {
		if (c == 'V')
			return puts("wecomd " VERSION) < 0;
		if (c != 'c' || n == FILES_MAX)
			return usage(NULL, c == 'h' ? stdout : stderr);
		files[n++] = optarg;
		files[n]   = NULL;
	}
	if (optind == argc)
		return usage(NULL, stderr);
	return run(argc - optind, argv + optind);
}
