/* JSON read in the short way. What it takes Jansson takes too, to the same value, and is written as Jansson would write it. */
#include "fuzz.h"

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t   *ours = json_read_plain((const char *)data, size, 128), *theirs;
	wc_arena *a    = wc_arena_new();
	char     *text;

	if (ours) {
		theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
		must(theirs && json_equal(ours, theirs));
		text = json_dumps(ours, JSON_COMPACT);
		must(!strcmp(text, wc_json_text(a, ours)));
		free(text);
		json_decref(theirs);
	}
	json_decref(ours);
	wc_arena_free(a);
	return 0;
}
