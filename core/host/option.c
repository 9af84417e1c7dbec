/* Options of commands. */
#include <wecomd/plugin.h>

#include <string.h>

const char *wc_option(int argc, char **argv, const char *name, const char *standard)
{
	for (int i = 0; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return standard;
}
