/* The master keys of the key file. */
#pragma once

#include <stddef.h>

struct master {
	unsigned      id;           /* 1 to 65535 */
	unsigned char key[32];
};

const struct master *keys_newest(void);           /* the greatest id; ends the process before crypt_open() */
const struct master *keys_find(unsigned id);      /* NULL: the file has none of that id */
