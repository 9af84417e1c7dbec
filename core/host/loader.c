/* Opening a plugin by libltdl, and refusing what was built for another host before anything else of it is read. */
#include "host/program.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <string.h>
#include <unistd.h>

/* Local, so that plugins do not see each other; resident, so that code outlives what libraries left behind. */
static lt_dlhandle open_module(const char *path)
{
	lt_dladvise advise;
	lt_dlhandle handle = NULL;

	if (lt_dladvise_init(&advise) != 0)
		return NULL;
	if (lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0)
		handle = lt_dlopenadvise(path, advise);
	lt_dladvise_destroy(&advise);
	return handle;
}

/* libltdl says "file not found" whatever the reason; the plain call knows it. */
static const char *reason(const char *path)
{
	const char *why;

	(void)dlopen(path, RTLD_NOW | RTLD_LOCAL);
	why = dlerror();
	return why ? why : "unknown reason";
}

static bool head_fits(const wc_plugin *plugin, const char *path, struct problems *p)
{
	if (plugin->abi != WC_ABI)
		problem_add(p, "%s: built for plugin interface %u, this host has %u; build it again", path, plugin->abi, WC_ABI);
	else if (plugin->size != sizeof(wc_plugin))
		problem_add(p, "%s: its descriptor has %u bytes, this host expects %zu; build it again", path, plugin->size, sizeof(wc_plugin));
	else if (strcmp(plugin->build_id, WC_BUILD_ID))
		problem_add(p, "%s: built against other headers (%s, this host has %s); build it again", path, plugin->build_id, WC_BUILD_ID);
	else
		return true;
	return false;
}

const wc_plugin *plugin_open(const char *folder, const char *name, struct problems *p)
{
	const char      *path = wc_printf(p->arena, "%s/%s.so", folder, name);
	const wc_plugin *plugin;
	lt_dlhandle      handle;

	if (access(path, R_OK) != 0) {
		problem_add(p, "[plugins] %s: there is no %s.%s", name, path, plugins_there(p->arena, folder));
		return NULL;
	}
	if (lt_dlinit() != 0 || !(handle = open_module(path))) {
		problem_add(p, "[plugins] %s: %s", name, reason(path));
		return NULL;
	}
	plugin = lt_dlsym(handle, "plugin");
	if (!plugin) {
		problem_add(p, "%s: it exports no descriptor (WC_PLUGIN)", path);
		return NULL;
	}
	if (!head_fits(plugin, path, p))
		return NULL;
	if (strcmp(plugin->name, name)) {
		problem_add(p, "%s: it calls itself %s", path, plugin->name);
		return NULL;
	}
	return plugin;
}
