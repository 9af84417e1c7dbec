/* 知识库: documents, their chunks and versions; words and vectors that find them.
 *
 * An import compares a file with the draft and writes the difference (chunk.c, document.c); publishing makes the draft live (version.c), a
 * job makes the vectors (embed.c), and each node follows with an index of its own (index.c over lexical.c and vectors.c). search.c asks it;
 * command.c and api.c are the ways in. */
#include "kb.h"

static int start(void *self, wc_err *e)
{
	const struct kb *kb = self;

	if (*kb->embedding && !wc_model_exists(kb->embedding))
		return wc_fail(e, WC_E_CONFIG, "[kb-escalation] embedding: there is no section [model:%s]", kb->embedding);
	return 0;
}

static void stop(void *self)
{
	(void)self;
	index_stop();
}

#define OF(member) offsetof(struct kb, member)

WC_PLUGIN(kb_escalation, struct kb,
	.name     = "kb-escalation",
	.summary  = "知识库: documents in versions, found by words and vectors",
	.settings = WC_SETTINGS(
		{WC_STRING, "index_folder", "/var/lib/wecomd/knowledge", OF(index_folder), "where this node keeps its index; made anew when it is gone", .min = 1, .max = 1000},
		{WC_STRING, "embedding", "", OF(embedding), "the [model:NAME] that makes vectors; empty: words alone", .max = 64},
		{WC_INT, "top_k", "3", OF(top_k), "chunks that a search gives unless asked for more", .min = 1, .max = 20, .runtime = true},
		{WC_SIZE, "document_max", "20m", OF(document_max), "largest document", .min = 1024, .max = 104857600}),
	.routes   = kb_routes,
	.jobs     = WC_JOBS({"kb-escalation.embed", embed_run, "makes the vectors that the live version lacks", .attempts = 12}),
	.commands = kb_commands,
	.start    = start,
	.stop     = stop);
