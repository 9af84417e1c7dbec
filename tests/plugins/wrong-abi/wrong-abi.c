/* A plugin that was built for another host: it must be refused before anything behind the first members is read. */
#include <wecomd/plugin.h>

extern const wc_plugin wrong_abi_LTX_plugin;
__attribute__((visibility("default"))) const wc_plugin wrong_abi_LTX_plugin = {
	.abi = WC_ABI + 1, .size = sizeof(wc_plugin), .build_id = WC_BUILD_ID,
	.name = (const char *)16, .routes = (const wc_route *)16};
