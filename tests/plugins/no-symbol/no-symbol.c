/* A plugin that calls a function which the host does not have: it must fail when it is loaded, not when it is used. */
#include <wecomd/plugin.h>

int wc_no_such_function(void);

static int start(void *self, wc_err *e)
{
	(void)self;
	(void)e;
	return wc_no_such_function();
}

extern const wc_plugin no_symbol_LTX_plugin;
__attribute__((visibility("default"))) const wc_plugin no_symbol_LTX_plugin = {
	.abi = WC_ABI, .size = sizeof(wc_plugin), .build_id = WC_BUILD_ID, .name = "no-symbol", .summary = "Cannot be loaded",
	.self_size = 1, .start = start};
