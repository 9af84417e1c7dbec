# Groonga finds words, cmark, libxml2 and libcsv read documents.
PLUGIN_CFLAGS_kb-escalation := $(shell pkg-config --cflags groonga libcmark libxml-2.0 2>/dev/null)
PLUGIN_LIBS_kb-escalation   := $(shell pkg-config --libs groonga libcmark libxml-2.0 2>/dev/null) -lcsv -lm

UNIT_LIBS_kb_chunk   := $(PLUGIN_LIBS_kb-escalation)
UNIT_LIBS_kb_vectors := -lm
$B/tests/unit/kb_%.o: BASE += $(PLUGIN_CFLAGS_kb-escalation)
