/* wecomd: the commands. */
#include "host/process.h"

#include "admin/admin.h"
#include "crypt/crypt.h"

#include <wecomd/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 32

static const char *files[FILES_MAX + 1] = {CONF_FILE};

static const char usage[] =
	"usage: wecomd [-c FILE]... COMMAND\n"
	"\n"
	"  serve [--roles web,worker]     run in the foreground until SIGTERM; SIGHUP reloads\n"
	"  check                          read the configuration and the plugins, say everything that is wrong\n"
	"  migrate                        bring the schema up to this program\n"
	"  plugins                        the loaded plugins\n"
	"  routes                         every path, who may call it, and whose it is\n"
	"  key add --name NAME --role viewer|operator|approver|admin\n"
	"                                 make an API key and print it, once\n"
	"\n"
	"-c may be repeated; later files override. Default: " CONF_FILE "\n";

/* Loads everything; prints what is wrong. */
static bool load(struct program *g)
{
	struct problems p;

	problems_init(&p, wc_arena_new());
	program_load(g, files, &p);
	problems_print(&p);
	if (p.n == 0) {
		static const char *const levels[] = {"debug", "info", "warn", "error"};

		for (wc_level l = WC_DEBUG; l <= WC_ERROR; l++)
			if (!strcmp(levels[l], g->log.level))
				wc_log_level(l);
	}
	return p.n == 0;
}

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static const char *option(int argc, char **argv, const char *name, const char *standard)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return standard;
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static int check(struct program *g)
{
	printf("ok: %zu plugin%s, %zu model%s\n", g->slot_count, g->slot_count == 1 ? "" : "s", g->model_count, g->model_count == 1 ? "" : "s");
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

static int plugins(struct program *g)
{
	for (size_t i = 0; i < g->slot_count; i++)
		printf("%-16s %s\n", g->slots[i].plugin->name, g->slots[i].plugin->summary);
	return 0;
}

static int routes(struct program *g)
{
	for (const struct web_route *r = g->routes; r->route; r++)
		printf("%-6s %-36s %-9s %-12s %s\n", method_name(r->route->method), r->route->path, role_name(r->route->role), r->owner,
		       r->route->summary);
	return 0;
}

static int key_add(struct program *g, int argc, char **argv)
{
	const char *name = option(argc, argv, "--name", "");
	wc_role     role = admin_role_from(option(argc, argv, "--role", "viewer"));
	char       *key;
	wc_err      e;

	if (!role || !*name) {
		fputs(usage, stderr);
		return 2;
	}
	db_open(&g->db);
	if (crypt_open(g->crypt.key_file, &e) < 0 || !(key = admin_key_add(g->arena, name, role, &e)))
		return say(&e);
	printf("%s\n", key);
	return 0;
}

static int run(int argc, char **argv)
{
	const char    *command = argv[0];
	struct program g;

	/* The master loads nothing itself; see master.c. */
	if (!strcmp(command, "serve"))
		return master_run(files, option(argc, argv, "--roles", "web,worker"));
	if (!load(&g))
		return 1;
	if (!strcmp(command, "check"))
		return check(&g);
	if (!strcmp(command, "migrate"))
		return migrate(&g);
	if (!strcmp(command, "plugins"))
		return plugins(&g);
	if (!strcmp(command, "routes"))
		return routes(&g);
	if (!strcmp(command, "key") && argc > 1 && !strcmp(argv[1], "add"))
		return key_add(&g, argc, argv);
	if (!strcmp(command, "child") && argc > 1)
		return child_run(&g, argv[1]);
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	size_t n = 0;
	int    c;

	/* '+': what follows the command is the command's. */
	while ((c = getopt(argc, argv, "+c:h")) != -1) {
		if (c != 'c' || n == FILES_MAX) {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
		files[n++] = optarg;
		files[n]   = NULL;
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(argc - optind, argv + optind);
}
