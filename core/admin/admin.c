/* Administration: who may do what. */
#include "admin/parts.h"

WC_PART(admin_part, "admin",
	.summary  = "users, keys and roles",
	.commands = WC_COMMANDS(
		{"key add", "--name NAME --role viewer|operator|approver|admin", "make an API key and print it, once", key_add_command}));
