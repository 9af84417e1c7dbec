/* The key file of targets that seal or hash: read once, then gone. */
#pragma once

#include "fuzz.h"

#include "crypt/crypt.h"

#include <unistd.h>

static inline void load_key(void)
{
	static bool loaded;
	char        path[] = "/tmp/wecomd-fuzz-XXXXXX";
	wc_err      e;
	int         fd;

	if (loaded)
		return;
	must((fd = mkstemp(path)) >= 0);
	must(dprintf(fd, "1 %064d\n", 7) > 0);
	close(fd);
	loaded = crypt_open(path, &e) == 0;
	unlink(path);
	must(loaded);
}
